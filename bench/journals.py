"""One journal in one round: `/import` as fast as it goes, a backlog, and the processor time of each kind of process.

The backlog is what the loader does alone: it is stopped while all batches are acknowledged, and then loads them while
nobody sends. Batches go to one project for each stream, so that every stream has its share.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import psutil

from bench.bodies import Bodies
from bench.counts import Count
from bench.exports import export_all
from bench.imports import percentile
from bench.plan import Plan
from bench.sender import Order, Sending, Sent
from bench.server import Keys, Server

KINDS: Final = ("edge", "loader", "store", "nodes")
"""Kinds of processes whose processor time is counted: `nodes` are the servers of NATS."""
NodePids = Callable[[], Sequence[int]]


class Batches(NamedTuple):
    """Rates in events per second. `spent_us`: by kind, microseconds of processor time an event until it is
    queryable."""

    acknowledged_rate: float
    queryable_rate: float
    reply_p99_s: float
    spent_us: dict[str, float]
    counted: Count


class Backlog(NamedTuple):
    """Events per second that the loader puts into the store while the edges are idle, and its processor time."""

    rate: float
    spent_us: dict[str, float]
    counted: Count


def measure_batches(server: Server, projects: Sequence[Keys], bodies: Bodies, plan: Plan, nodes: NodePids) -> Batches:
    """Send all bodies once. Raises RuntimeError when an event was lost or doubled."""
    before_s = _spent_s(server, nodes)
    with Sending(_order(server, projects, bodies, plan)) as sending:
        sent = sending.result()
        loaded_s = server.wait_loaded()
    return Batches(
        bodies.events / (sent.acknowledged_s - sent.began_s),
        bodies.events / (loaded_s - sent.began_s),
        percentile(sent.reply_times_s, 99),
        _spent_us(before_s, _spent_s(server, nodes), bodies),
        _counted("/import", server, projects, bodies, sent),
    )


def measure_backlog(server: Server, projects: Sequence[Keys], bodies: Bodies, plan: Plan, nodes: NodePids) -> Backlog:
    """The same, of which the loader begins when the last is acknowledged."""
    server.wait_loaded()
    loader = server.pids["loader"]
    os.kill(loader, signal.SIGSTOP)
    try:
        with Sending(_order(server, projects, bodies, plan)) as sending:
            sent = sending.result()
        before_s = _spent_s(server, nodes)
    finally:
        os.kill(loader, signal.SIGCONT)
    began_s = time.monotonic()
    loaded_s = server.wait_loaded()
    return Backlog(
        bodies.events / (loaded_s - began_s),
        _spent_us(before_s, _spent_s(server, nodes), bodies),
        _counted("a backlog", server, projects, bodies, sent),
    )


def _order(server: Server, projects: Sequence[Keys], bodies: Bodies, plan: Plan) -> Order:
    first, *further = (keys.authorization for keys in projects)
    return Order(server.port, first, str(bodies.path), bodies.batches, plan.connections, 0.0, further=tuple(further))


def _counted(what: str, server: Server, projects: Sequence[Keys], bodies: Bodies, sent: Sent) -> Count:
    stored = sum(export_all(server, keys).events for keys in projects)
    return Count(what, bodies.events, sent.acknowledged, stored).check()


def _spent_s(server: Server, nodes: NodePids) -> dict[str, float]:
    spent = dict.fromkeys(KINDS, 0.0)
    pids = [(role.partition("-")[0], pid) for role, pid in server.pids.items()]
    for kind, pid in (*pids, *(("nodes", pid) for pid in nodes())):
        if kind in spent:
            spent[kind] += sum(psutil.Process(pid).cpu_times()[:2])
    return spent


def _spent_us(before_s: dict[str, float], after_s: dict[str, float], bodies: Bodies) -> dict[str, float]:
    return {kind: (after_s[kind] - before_s[kind]) / bodies.events * 1e6 for kind in KINDS}
