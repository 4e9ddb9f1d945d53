"""Live events: new events for a page that stays open (server-sent events).

Shared memory shows at no cost whether new events were loaded. Only then the store is queried. Each message has the
number of new events, and the HTML of the newest. Its id lets a page that was disconnected resume there: `loaded.count`,
the last millisecond of loading, and how many events of it were counted.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import NamedTuple

import orjson
from starlette.responses import Response

from trackway.domain.errors import StorageError
from trackway.edge.wire.asgi import Receive, Scope, Send
from trackway.edge.wire.streaming import until_gone
from trackway.query.event_feed import Fresh, ShownEvent
from trackway.web.limits import (
    LIVE_ASK_S,
    LIVE_EVENTS_MAX,
    LIVE_POLL_S,
    LIVE_QUIET_S,
    LIVE_S_MAX,
    LIVE_SEND_S_MAX,
    LIVE_VIEWERS_MAX,
)
from trackway.web.stream_slots import Slot, Slots

_MARK = re.compile(r"([0-9]{1,15})\.([0-9]{1,10})")
_QUIET = b": nothing new\n\n"


class Mark(NamedTuple):
    """A position in the event feed: a millisecond of loading, and how many events of it are known."""

    loaded_ms: int
    events: int = 0

    def __str__(self) -> str:
        return f"{self.loaded_ms}.{self.events}"


def read_mark(text: str) -> Mark | None:
    """The mark of a text. None for any other text."""
    match = _MARK.fullmatch(text)
    return Mark(*map(int, match.groups())) if match else None


class Watched(NamedTuple):
    """The subject of a live page. `position` returns how far the journal is loaded. `ask` returns events loaded at a
    millisecond or later, at most as many as given. `draw` returns the HTML of events. `is_over` ends the messages."""

    position: Callable[[], tuple[int, ...]]
    ask: Callable[[int, int], Awaitable[Fresh]]
    draw: Callable[[list[ShownEvent]], str]
    is_over: Callable[[], bool]


async def messages(watched: Watched, mark: Mark) -> AsyncGenerator[bytes]:
    """The messages about events after the mark. After LIVE_QUIET_S without one, a comment."""
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
            position = now_at  # from before the query, so that no event is missed
            count = _new(found, mark)
            if count:
                mark = _after(found)
                # Events that the page has are among them: it takes no event twice.
                yield _message("events", {"count": count, "html": watched.draw(found.events)}, mark)
                said_s = time.monotonic()
                await asyncio.sleep(LIVE_ASK_S)
                continue
        if time.monotonic() - said_s > LIVE_QUIET_S:
            yield _QUIET
            said_s = time.monotonic()
        await asyncio.sleep(LIVE_POLL_S)


def _new(found: Fresh, mark: Mark) -> int:
    """The number of events that were not counted before."""
    return sum(found.counts.values()) - min(mark.events, found.counts.get(mark.loaded_ms, 0))


def _after(found: Fresh) -> Mark:
    last_ms = max(found.counts)
    return Mark(last_ms, found.counts[last_ms])


def _message(name: str, value: dict[str, object], mark: Mark | None = None) -> bytes:
    head = f"event: {name}\n" + (f"id: {mark}\n" if mark else "")
    return head.encode() + b"data: " + orjson.dumps(value) + b"\n\n"


class LiveResponse(Response):
    """Sends messages until they end, the client disconnects or does not read, or another visitor needs the slot. Raises
    RequestError 503 at once when there is no slot."""

    slots = Slots(LIVE_VIEWERS_MAX)
    """The slots of this process."""

    def __init__(self, watched: Watched, mark: Mark, visitor: str):
        super().__init__(media_type="text/event-stream")
        del self.headers["content-length"]
        self.headers["x-accel-buffering"] = "no"  # a proxy must not buffer messages
        self._watched = watched
        self._mark = mark
        self._visitor = visitor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with LiveResponse.slots.held(self._visitor) as slot:
            await self._send(slot, receive, send)

    async def _send(self, slot: Slot, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(until_gone(receive))
        end_s, is_over = time.monotonic() + LIVE_S_MAX, self._watched.is_over
        watched = self._watched._replace(
            is_over=lambda: is_over() or slot.is_revoked or gone.done() or time.monotonic() > end_s
        )
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with aclosing(messages(watched, self._mark)) as pieces:
                async for piece in pieces:
                    async with asyncio.timeout(LIVE_SEND_S_MAX):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            pass  # the client does not read: returning cuts the connection
        finally:
            gone.cancel()
