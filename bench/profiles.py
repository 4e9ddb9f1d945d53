"""`/engage`: updates of profiles, until they are folded into their profiles in the store.

Twice, with bodies of the same size: all updates of one profile, each adding 1 to a number, and every update of a
profile of its own, as in a first load of all users. The clock starts with the client's first byte and ends when the
loader has nothing left to load; the yardstick is `orjson.loads` of the same bodies, on one core.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bench.bodies import parse_rate, write_bodies
from bench.counts import Count
from bench.memory import Watch
from bench.plan import EVENTS_PER_BATCH, Plan
from bench.sender import Order, Sending
from bench.server import Keys, Server


class Updates(NamedTuple):
    """Rates in updates per second, memory in bytes."""

    stored_rate: float
    parse_rate: float
    loader_bytes: int
    """The loader's highest memory."""
    memory_bytes: int
    """The highest of all processes together."""
    counted: Count


class Profiles(NamedTuple):
    """Updates of one profile, and of as many as there are updates."""

    hot: Updates
    wide: Updates


def measure_profiles(server: Server, hot: Keys, wide: Keys, plan: Plan, work: Path) -> Profiles:
    """Load both, one after the other."""
    path = work / "profiles"
    found = Profiles(
        _measure(server, "/engage, one profile", partial(hot_updates, hot.token), plan.hot_batches, plan, path),
        _measure(server, "/engage, many profiles", partial(wide_updates, wide.token), plan.wide_batches, plan, path),
    )
    path.unlink()
    return found


def hot_updates(token: str, batch: int) -> list[dict[str, Any]]:
    """A batch of updates of one profile."""
    update = {"$token": token, "$distinct_id": "hot", "$ip": "0", "$add": {"Items Viewed": 1}}
    return [update] * EVENTS_PER_BATCH


def wide_updates(token: str, batch: int) -> list[dict[str, Any]]:
    """A batch of updates, each of a profile that no other is of."""
    return [_signed_up(token, number) for number in range(batch * EVENTS_PER_BATCH, (batch + 1) * EVENTS_PER_BATCH)]


def _signed_up(token: str, number: int) -> dict[str, Any]:
    properties = {
        "$name": f"Person {number}",
        "$email": f"person-{number}@example.com",
        "$created": f"2026-01-{number % 28 + 1:02}T10:{number % 60:02}:00",
        "Plan": ("Free", "Pro", "Team")[number % 3],
        "Seats": number % 50,
    }
    # Ids in no order, as those that SDKs make are.
    return {"$token": token, "$distinct_id": f"{number * 2654435761 % 2**32:08x}", "$ip": "0", "$set": properties}


def _measure(
    server: Server, what: str, records_of: Callable[[int], list[dict[str, Any]]], batches: int, plan: Plan, path: Path
) -> Updates:
    bodies = write_bodies(records_of, batches, path)
    stored = server.stored()
    order = Order(server.port, "", str(path), batches, plan.connections, 0.0, "/engage?strict=1")
    with Watch(server.pids) as watch, Sending(order) as sending:
        sent = sending.result()
        loaded_s = server.wait_loaded()
    return Updates(
        bodies.events / (loaded_s - sent.began_s),
        parse_rate(bodies),
        watch.highest["loader"],
        watch.highest_total,
        Count(what, bodies.events, sent.acknowledged, server.stored() - stored).check(),
    )
