"""What a backup costs those who send: `/import` as fast as the replies come, with backups beside it and without.

The store has the ten million events that questions are about. Loads with and without follow each other, the same bodies
to a project of its own each, and which is first changes from round to round. Beside a load, full backups to new places
follow each other, so that one is under way until all of the load can be queried.
"""

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from itertools import count
from pathlib import Path
from typing import NamedTuple

from bench.bodies import Bodies
from bench.counts import Count
from bench.exports import export_all
from bench.plan import Plan
from bench.sender import Order, Sending
from bench.server import Keys, Server


class BesideBackups(NamedTuple):
    """Events per second until all could be queried. `backups`: how many were made."""

    alone_rate: float
    beside_rate: float
    backups: int
    counts: tuple[Count, Count]


class _Load(NamedTuple):
    rate: float
    counted: Count


def measure_beside_backups(server: Server, plan: Plan, bodies: Bodies, work: Path, number: int) -> BesideBackups:
    """Of one round."""
    alone, beside = server.create_projects(f"load without backups {number}", f"load beside backups {number}")
    made = _Backups(server, work)
    loads = dict[Keys, _Load]()
    for keys in (alone, beside) if number % 2 else (beside, alone):
        server.wait_idle(plan.idle_s)
        with made.running() if keys == beside else nullcontext():
            rate, acknowledged = _load(server, keys, bodies, plan)
        what = "/import beside backups" if keys == beside else "/import without backups"
        loads[keys] = _Load(rate, Count(what, bodies.events, acknowledged, export_all(server, keys).events).check())
    counts = loads[alone].counted, loads[beside].counted
    return BesideBackups(loads[alone].rate, loads[beside].rate, made.number, counts)


def _load(server: Server, keys: Keys, bodies: Bodies, plan: Plan) -> tuple[float, int]:
    """Send all bodies once: the rate until all could be queried, and how many events were acknowledged."""
    order = Order(server.port, keys.authorization, str(bodies.path), bodies.batches, plan.connections, 0.0)
    with Sending(order) as sending:
        sent = sending.result()
        return bodies.events / (server.wait_loaded() - sent.began_s), sent.acknowledged


class _Backups:
    """Makes one backup after the other. `number`: how many were made."""

    def __init__(self, server: Server, work: Path):
        self.number = 0
        self._server = server
        self._work = work

    @contextmanager
    def running(self) -> Iterator[None]:
        """Raises CalledProcessError where a backup fails."""
        stop = threading.Event()
        with ThreadPoolExecutor(1) as thread:
            done = thread.submit(self._run, stop)
            try:
                yield
            finally:
                stop.set()
            done.result()

    def _run(self, stop: threading.Event) -> None:
        for each in count():
            place = self._work / f"backup-{each}"
            try:
                self._server.run_command("backup", "make", str(place))
            finally:
                shutil.rmtree(place, ignore_errors=True)
            self.number += 1
            if stop.is_set():
                return
