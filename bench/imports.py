"""`/import`: batches in, and the time until they are acknowledged and until they can be queried.

Both clocks start with the client's first byte. Acknowledged is the last reply; queryable is the moment at which the
loader has nothing left to load. That the latter is no mere claim is checked by an export, which must have as many
lines as events were sent.
"""

import statistics
from typing import NamedTuple

from bench.bodies import Bodies, parse_rate
from bench.counts import Count
from bench.exports import Export, export_all
from bench.memory import Watch
from bench.plan import Plan
from bench.sender import Order, Sending
from bench.server import Keys, Server


class Import(NamedTuple):
    """Rates in events per second, times in seconds, memory in bytes."""

    acknowledged_rate: float
    queryable_rate: float
    parse_rate: float
    """`orjson.loads` of the same bodies: the mean of one pass before and one after."""
    reply_p99_s: float
    verified_share: float
    """Of the time until all was queryable, what the loader spent on verifying what it had inserted."""
    memory_bytes: int
    counted: Count
    export: Export


def measure_import(server: Server, keys: Keys, bodies: Bodies, plan: Plan) -> Import:
    """Send all bodies once, as fast as the replies come, then export what was stored."""
    before = parse_rate(bodies)
    verified_before_s = server.verified_s()
    order = Order(server.port, keys.authorization, str(bodies.path), bodies.batches, plan.connections, 0.0)
    with Watch(server.pids) as watch, Sending(order) as sending:
        sent = sending.result()
        loaded_s = server.wait_loaded()
        verified_s = server.verified_s() - verified_before_s
    after = parse_rate(bodies)
    export = export_all(server, keys)
    return Import(
        bodies.events / (sent.acknowledged_s - sent.began_s),
        bodies.events / (loaded_s - sent.began_s),
        statistics.mean((before, after)),
        percentile(sent.reply_times_s, 99),
        verified_s / (loaded_s - sent.began_s),
        watch.highest_total,
        Count("/import", bodies.events, sent.acknowledged, export.events).check(),
        export,
    )


def percentile(values: list[float], percent: int) -> float:
    """The smallest value that at least so many percent of the values do not exceed."""
    ranked = sorted(values)
    return ranked[-(-len(ranked) * percent // 100) - 1]
