"""What reports cost those who send, and how soon a report has an event: half load, with reports beside it and without.

The load is `/import` batches at half of the rate that was queryable. Beside it, an event leaves to `/track` every 20 ms
on one connection, to a project of its own, and one report of that project follows the other: an event is in reports
once the count has reached its place in the order of sending. Then the same again while five clients ask the
questions about ten million events, each the next one as soon as it has its answer.
"""

import http.client
import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import urlencode

import orjson

from bench.bodies import Bodies
from bench.counts import Count
from bench.exports import export_all
from bench.imports import percentile
from bench.plan import EVENTS_PER_BATCH, Plan
from bench.questions.endpoints import ask_endpoint
from bench.questions.questions import QUESTIONS
from bench.sender import Order, Sending
from bench.server import Keys, Server, ask, wait_until

REPORTS_AT_ONCE: Final = 5
_SEND_INTERVAL_S: Final = 0.02
_LOOK_INTERVAL_S: Final = 0.02
_SHOWN_S_MAX: Final = 120.0
_EVENT: Final = "Probe"
_BEGAN: Final = "2026-01-01"
"""Of the days that are looked at, so that midnight changes nothing."""


class Load(NamedTuple):
    """99 of 100 replies of `/track` came within `reply_p99_s`, and as many events were in a report `shown_p99_s` after
    their 200. `reports`: answers that the five clients got."""

    reply_p99_s: float
    shown_p99_s: float
    reports: int
    counts: tuple[Count, Count]


class Beside(NamedTuple):
    """The same load without reports and beside them."""

    alone: Load
    beside: Load


class _Sender:
    """Sends an event every 20 ms. `acknowledged_s`: when each had its 200; `replies_s`: how long each waited for it."""

    def __init__(self, port: int, keys: Keys):
        self.acknowledged_s: list[float] = []
        self.replies_s: list[float] = []
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SHOWN_S_MAX)
        self._token = keys.token

    def run(self, stop: threading.Event) -> None:
        with closing(self._connection):
            while not stop.wait(_SEND_INTERVAL_S):
                self._send()

    def _send(self) -> None:
        properties = {"token": self._token, "distinct_id": "probe", "$insert_id": uuid.uuid4().hex}
        body = orjson.dumps({"event": _EVENT, "properties": properties})
        sent_s = time.monotonic()
        self._connection.request("POST", "/track", body, {"Content-Type": "application/json"})
        reply = self._connection.getresponse().read()
        now_s = time.monotonic()
        if reply != b"1":
            raise RuntimeError(f"/track answered {reply!r}")
        self.acknowledged_s.append(now_s)
        self.replies_s.append(now_s - sent_s)


class _Clients:
    """Threads that ask the questions in turn. `answers`: how many they got."""

    def __init__(self, port: int, keys: Keys, round_number: int, rounds: int):
        self.answers = 0
        self._ask = partial(ask_endpoint, port, keys)
        self._days = [(question, question.asked(round_number, rounds)) for question in QUESTIONS]

    def run(self, first: int, stop: threading.Event) -> None:
        for question, days in itertools.cycle(self._days[first:] + self._days[:first]):
            if stop.is_set():
                return
            self._ask(question, days)
            self.answers += 1


def measure_beside(server: Server, plan: Plan, bodies: Bodies, rate: float, number: int) -> Beside:
    """Of one round. `server` has the events that are asked about in its first project; `rate`: events per second."""
    keys = server.create_projects(*(f"{what} {number}" for what in ("load", "probes", "load beside", "probes beside")))
    alone = partial(_measure, server, plan, bodies, rate, keys[0], keys[1], None)
    clients = _Clients(server.port, server.first, number, plan.rounds + 1)
    beside = partial(_measure, server, plan, bodies, rate, keys[2], keys[3], clients)
    if number % 2:
        first = alone()
        return Beside(first, beside())
    second = beside()
    return Beside(alone(), second)


def _measure(
    server: Server, plan: Plan, bodies: Bodies, rate: float, load: Keys, probed: Keys, clients: _Clients | None
) -> Load:
    batches_per_s = rate / EVENTS_PER_BATCH
    batches = max(1, min(bodies.batches, int(batches_per_s * plan.visible_s)))
    order = Order(server.port, load.authorization, str(bodies.path), batches, plan.connections, batches_per_s)
    sender, looks = _Sender(server.port, probed), _Looks(server.port, probed)
    jobs = [partial(clients.run, number) for number in range(REPORTS_AT_ONCE)] if clients else []
    with _running(*jobs):
        with Sending(order) as sending, _running(sender.run):
            while sending.running:
                looks.look()
            sent = sending.result()
        looks.look_until(len(sender.acknowledged_s))
    server.wait_loaded()
    how = "beside reports" if clients else "without reports"
    sent_probes, sent_load = len(sender.acknowledged_s), batches * EVENTS_PER_BATCH
    return Load(
        percentile(sender.replies_s, 99),
        percentile(looks.shown_s(sender.acknowledged_s), 99),
        clients.answers if clients else 0,
        (
            Count(f"probes {how}", sent_probes, sent_probes, export_all(server, probed).events).check(),
            Count(f"/import {how}", sent_load, sent.acknowledged, export_all(server, load).events).check(),
        ),
    )


class _Looks:
    """What a report counted when, of the project that the probes go to."""

    def __init__(self, port: int, keys: Keys):
        self._port = port
        self._headers = {"Authorization": keys.authorization}
        self._seen: list[tuple[float, int]] = []

    def look(self) -> int:
        """Ask once, and wait a moment. Returns the number of events."""
        today = str(datetime.now(UTC).date())
        asked = {"event": _EVENT, "unit": "month", "from_date": _BEGAN, "to_date": today}
        status, body = ask(self._port, "GET", f"/api/query/segmentation?{urlencode(asked)}", self._headers)
        if status != 200:
            raise RuntimeError(f"segmentation answered {status}: {body[:300]!r}")
        points: dict[str, int] = orjson.loads(body)["data"]["values"].get(_EVENT, {})
        self._seen.append((time.monotonic(), sum(points.values())))
        time.sleep(_LOOK_INTERVAL_S)
        return self._seen[-1][1]

    def look_until(self, events: int) -> None:
        wait_until(lambda: self.look() >= events, _SHOWN_S_MAX, "a report to have all events", poll_s=0)

    def shown_s(self, acknowledged_s: list[float]) -> list[float]:
        """For each event, how long after its 200 the first report had it. Events count in the order of sending."""
        looks, times_s = iter(self._seen), []
        at_s, events = next(looks)
        for place, sent_s in enumerate(acknowledged_s, start=1):
            while events < place:
                at_s, events = next(looks)
            times_s.append(max(at_s - sent_s, 0.0))
        return times_s


@contextmanager
def _running(*jobs: Callable[[threading.Event], None]) -> Iterator[None]:
    """Threads that run until the block ends. A failure in one is raised then."""
    stop = threading.Event()
    with ThreadPoolExecutor(max(len(jobs), 1)) as threads:
        running = [threads.submit(job, stop) for job in jobs]
        try:
            yield
        finally:
            stop.set()
        for job in running:
            job.result()
