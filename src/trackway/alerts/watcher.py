"""The loop that looks at alerts when they are due, and sends their messages.

It waits for neither the store nor a receiver: each look and each try to send is a task of its own, of which a bounded
number runs. Of several servers with one projects database, one watches at a time.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from trackway.alerts.limits import (
    CLAIM_RENEW_S,
    LOOK_S_MAX,
    LOOKS_AT_ONCE,
    REPORT_REST_FACTOR,
    SENDS_AT_ONCE,
    SENDS_END_S_MAX,
    SENDS_OF_PROJECT_MAX,
    WATCH_IDLE_S,
    WATCH_RETRY_S,
    WATCH_S,
)
from trackway.alerts.looks import Parts, look_at
from trackway.alerts.rules import Found, change_of
from trackway.alerts.sends import Senders, send
from trackway.domain.errors import RequestError, StorageError
from trackway.domain.sent import Sent
from trackway.edge.access.change_queue import Opened
from trackway.projects.alert import Alert
from trackway.projects.alert_condition import Kind, kind_of
from trackway.projects.alert_state import AlertState, Due, Look
from trackway.projects.audit import SERVER
from trackway.projects.limits import ALERT_CLAIM_S, ALERT_CLOCK_BACK_S_MAX
from trackway.projects.read_statements import Reader
from trackway.runtime.background import start_task
from trackway.telemetry import logs, metrics

Result = TypeVar("Result")
_LANES: Final[tuple[tuple[Kind, ...], ...]] = (("quiet", "rejected"), ("report",))
"""Kinds of conditions that wait for each other. A slow report delays no look at counts."""
_log = logs.get("alerts")


class Watched(NamedTuple):
    """Whose alerts are watched, and how often each is looked at."""

    region: str
    interval_s: int


class _Running:
    """Looks or tries that run: by their key, with the project of each."""

    def __init__(self) -> None:
        self.projects: dict[int, int] = {}

    def full(self, of_project_max: int) -> list[int]:
        """The projects that have as many as they may."""
        return [project for project, count in Counter(self.projects.values()).items() if count >= of_project_max]

    def free(self, project_id: int, at_once: int, of_project_max: int) -> bool:
        return len(self.projects) < at_once and project_id not in self.full(of_project_max)


class Watcher:
    """`source` reads whether anything is due. For one event loop."""

    def __init__(self, watched: Watched, source: Reader, parts: Parts, senders: Senders):
        self._watched = watched
        self._source = source
        self._parts = parts
        self._senders = senders
        self._holder = secrets.token_hex(16)
        self._claimed_s: float | None = None
        self._looks = {lane: _Running() for lane in _LANES}
        self._sends = _Running()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin nothing more. `watch` returns soon."""
        self._stopping.set()

    async def watch(self) -> None:
        """Watch until `stop`. What cannot be read or written now is tried again later."""
        metrics.alerts_firing(0)  # until a turn knows better: a server without alerts has none
        while not self._stopping.is_set():
            try:
                wait_s = await self._turn()
            except (RequestError, StorageError) as error:
                _log.warning("alerts cannot be watched, will try again", error=str(error))
                wait_s = WATCH_RETRY_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._stopping.wait()
            except TimeoutError:
                continue
        await self._end()

    async def _turn(self) -> float:
        """Begin what is due; returns the seconds to wait."""
        self._parts.known_until()
        due = await asyncio.to_thread(self._source.alerts_due)
        if not due.some and self._claimed_s is None:
            return WATCH_IDLE_S
        if not await self._claims():
            return WATCH_IDLE_S
        now_ms = clock_ms()
        if due.next_ms is None or now_ms < due.next_ms <= now_ms + ALERT_CLOCK_BACK_S_MAX * 1000:
            return WATCH_S
        for lane in _LANES:
            await self._begin_looks(lane, now_ms)
        await self._begin_sends(now_ms)
        return WATCH_S

    async def _claims(self) -> bool:
        """Whether this process watches: it says so every few seconds."""
        now_s = time.monotonic()
        if self._claimed_s is not None and now_s - self._claimed_s < CLAIM_RENEW_S:
            return True
        watches = await self._asked(lambda state: state.claim(self._holder, clock_ms()))
        metrics.alerts_firing(await self._asked(lambda state: state.firing()) if watches else 0)
        self._claimed_s = now_s if watches else None
        return watches

    async def _begin_looks(self, lane: tuple[Kind, ...], now_ms: int) -> None:
        running = self._looks[lane]
        if len(running.projects) >= LOOKS_AT_ONCE:
            return
        busy = running.full(1)
        for alert in await self._asked(lambda state: state.due(lane, now_ms, busy)):
            if running.free(alert.project_id, LOOKS_AT_ONCE, 1):
                self._begin(running, alert.alert_id, alert.project_id, self._look(alert), "look at an alert")

    async def _begin_sends(self, now_ms: int) -> None:
        running = self._sends
        if len(running.projects) >= SENDS_AT_ONCE:
            return
        but, busy = list(running.projects), running.full(SENDS_OF_PROJECT_MAX)
        for due in await self._asked(lambda state: state.due_deliveries(now_ms, but, busy)):
            if running.free(due.alert.project_id, SENDS_AT_ONCE, SENDS_OF_PROJECT_MAX):
                work = self._send(due)
                self._begin(running, due.delivery.delivery_id, due.alert.project_id, work, "send an alert")

    def _begin(self, running: _Running, key: int, project_id: int, work: Coroutine[Any, Any, None], name: str) -> None:
        running.projects[key] = project_id
        task = start_task(self._guarded(work), name)
        self._tasks.add(task)
        task.add_done_callback(partial(self._done, running, key))

    def _done(self, running: _Running, key: int, task: "asyncio.Task[None]") -> None:
        running.projects.pop(key, None)
        self._tasks.discard(task)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """What cannot be written is repeated, since it is still due."""
        try:
            await work
        except (RequestError, StorageError) as error:
            _log.warning("the state of an alert cannot be written", error=str(error))
            await asyncio.sleep(WATCH_RETRY_S)

    async def _look(self, alert: Alert) -> None:
        began_s, now_ms = time.monotonic(), clock_ms()
        try:
            async with asyncio.timeout(LOOK_S_MAX):
                found = await look_at(self._parts, alert, now_ms)
        except TimeoutError:
            found = Found(None, "the store did not answer in time")
        except Exception:  # one report that cannot be answered must not end the watch over all others
            _log.exception("a look at an alert failed", alert=alert.alert_id, project=alert.project_id)
            found = Found(None, "the look failed: the log of the server says why")
        rest_s: float = self._watched.interval_s
        if kind_of(alert.condition) == "report":
            rest_s = max(rest_s, REPORT_REST_FACTOR * (time.monotonic() - began_s))
        change = change_of(alert.is_firing, found.holds)
        ended_ms = clock_ms()
        look = Look(found.observed, change, ended_ms, ended_ms + int(rest_s * 1000))
        metrics.alert_looked("unknown" if found.holds is None else "holds" if found.holds else "does not hold")
        if await self._asked(lambda state: state.looked(alert, look)) and change:
            _log.info(f"an alert is {change}", alert=alert.alert_id, project=alert.project_id)

    async def _send(self, due: Due) -> None:
        delivery = due.delivery
        if not await self._asked(lambda state: state.begin_try(delivery, clock_ms())):
            return
        try:
            sent = await send(self._senders, due)
        except Exception:  # as above
            _log.exception("a message of an alert failed", alert=due.alert.alert_id, project=due.alert.project_id)
            sent = Sent(False, "it failed: the log of the server says why")
        outcome = await self._asked(
            lambda state: state.end_try(delivery, sent.detail, clock_ms(), delivered=sent.delivered)
        )
        metrics.alert_delivery(delivery.channel, "repeated" if outcome == "waiting" else outcome)
        if outcome == "failed":
            _log.warning(
                "a message of an alert was given up",
                alert=due.alert.alert_id,
                project=due.alert.project_id,
                channel=delivery.channel,
                reason=sent.detail,
            )

    async def _asked(self, ask: Callable[[AlertState], Result]) -> Result:
        """What the state of alerts gives. Raises RequestError when the database is away."""

        def in_thread(opened: Opened) -> Result:
            return ask(AlertState(opened.projects, self._watched.region))

        return await self._parts.changes.run(in_thread, SERVER)

    async def _end(self) -> None:
        """Let tries end that have begun, for a moment, and let another server watch."""
        if self._tasks:
            _, left = await asyncio.wait(set(self._tasks), timeout=SENDS_END_S_MAX)
            for task in left:
                task.cancel()
        if self._claimed_s is not None:
            try:
                await self._asked(lambda state: state.release(self._holder))
            except RequestError as error:
                _log.warning("the watch over alerts ends with its claim", after_s=ALERT_CLAIM_S, error=str(error))


def clock_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
