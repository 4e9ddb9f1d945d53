"""Events as they come, sent to a page that stays open (server-sent events).

Whether anything was loaded is seen in shared memory, which costs nothing; only then the store is asked. Each message
says how many events have come, and draws the newest of them. Its id says what was known then, so that a page that was
cut off goes on from there: `loaded.count`, the last millisecond of loading and how many events of it were counted.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import NamedTuple

import orjson
from starlette.responses import Response

from trackway.edge.http import Receive, Scope, Send
from trackway.edge.streaming import until_gone
from trackway.errors import RequestError, StorageError
from trackway.limits import (
    LIVE_ASK_S,
    LIVE_EVENTS_MAX,
    LIVE_POLL_S,
    LIVE_QUIET_S,
    LIVE_S_MAX,
    LIVE_SEND_S_MAX,
    LIVE_VIEWERS_MAX,
    RETRY_AFTER_BUSY_S,
)
from trackway.query.arrivals import Fresh, ShownEvent

_MARK = re.compile(r"([0-9]{1,15})\.([0-9]{1,10})")
_QUIET = b": nothing new\n\n"


class Mark(NamedTuple):
    """Up to where events are known: a millisecond of loading, and how many that were loaded in it."""

    loaded_ms: int
    events: int = 0

    def __str__(self) -> str:
        return f"{self.loaded_ms}.{self.events}"


def read_mark(text: str) -> Mark | None:
    """The mark of a text, None for one that is none."""
    match = _MARK.fullmatch(text)
    return Mark(*map(int, match.groups())) if match else None


class Watched(NamedTuple):
    """What a viewer looks at. `position` is how far the journal is loaded; `ask` gives what was loaded at a millisecond
    or later, so many events of it at most; `draw` makes HTML of events; `is_over`: nothing more is to be sent."""

    position: Callable[[], int]
    ask: Callable[[int, int], Awaitable[Fresh]]
    draw: Callable[[list[ShownEvent]], str]
    is_over: Callable[[], bool]


async def messages(watched: Watched, mark: Mark) -> AsyncGenerator[bytes]:
    """What comes after the mark, message by message; a comment after a quiet while."""
    yield b"retry: 1000\n\n"
    position, said_s = None, time.monotonic()
    while not watched.is_over():
        now_at = watched.position()
        if now_at != position:
            try:
                found = await watched.ask(mark.loaded_ms, LIVE_EVENTS_MAX)
            except StorageError:
                yield _message("trouble", {})
                await asyncio.sleep(LIVE_ASK_S)
                continue
            position = now_at  # as it was before the store was asked: nothing is missed
            count = _new(found, mark)
            if count:
                mark = _after(found)
                drawn = found.events[: count + mark.events]
                yield _message("events", {"count": count, "html": watched.draw(drawn)}, mark)
                said_s = time.monotonic()
                await asyncio.sleep(LIVE_ASK_S)
                continue
        if time.monotonic() - said_s > LIVE_QUIET_S:
            yield _QUIET
            said_s = time.monotonic()
        await asyncio.sleep(LIVE_POLL_S)


def _new(found: Fresh, mark: Mark) -> int:
    """How many events there are that were not counted before."""
    return sum(found.counts.values()) - min(mark.events, found.counts.get(mark.loaded_ms, 0))


def _after(found: Fresh) -> Mark:
    last_ms = max(found.counts)
    return Mark(last_ms, found.counts[last_ms])


def _message(name: str, value: dict[str, object], mark: Mark | None = None) -> bytes:
    head = f"event: {name}\n" + (f"id: {mark}\n" if mark else "")
    return head.encode() + b"data: " + orjson.dumps(value) + b"\n\n"


class LiveResponse(Response):
    """Sends messages until they end, the client goes away or does not read. Raises RequestError 503 at once when this
    process has as many viewers as it may have."""

    viewers = 0
    """How many there are in this process."""

    def __init__(self, watched: Watched, mark: Mark):
        super().__init__(media_type="text/event-stream")
        del self.headers["content-length"]
        self.headers["x-accel-buffering"] = "no"  # a proxy is not to gather messages
        self._watched = watched
        self._mark = mark

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if LiveResponse.viewers >= LIVE_VIEWERS_MAX:
            raise RequestError(503, "too many pages are kept up to date", retry_after_s=RETRY_AFTER_BUSY_S)
        LiveResponse.viewers += 1
        gone = asyncio.ensure_future(until_gone(receive))
        end_s, is_over = time.monotonic() + LIVE_S_MAX, self._watched.is_over
        watched = self._watched._replace(is_over=lambda: is_over() or gone.done() or time.monotonic() > end_s)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with aclosing(messages(watched, self._mark)) as pieces:
                async for piece in pieces:
                    async with asyncio.timeout(LIVE_SEND_S_MAX):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            pass  # it does not read: what is not ended is cut off
        finally:
            gone.cancel()
            LiveResponse.viewers -= 1
