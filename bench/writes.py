"""What small updates of one fat profile make a server write: each changes a number in a row of half a megabyte.

Anybody who knows a token can send them. The bytes are those that all processes hand to the disk, as the kernel counts
them, from the first update until the loader has nothing left; what the store merges later is not in it.
"""

import json
import time
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import psutil

from bench.plan import Plan
from bench.server import Keys, Server

PROPERTIES: Final = 1900
VALUE_CHARACTERS: Final = 250
PAUSE_S: Final = 0.05


class Writes(NamedTuple):
    """Bytes that clients sent, and that the server wrote for them."""

    sent_bytes: int
    written_bytes: int

    @property
    def ratio(self) -> float:
        return self.written_bytes / self.sent_bytes


def measure_writes(server: Server, keys: Keys, plan: Plan) -> Writes:
    """Make the profile, then update it for `plan.fat_s` seconds."""
    fat = {f"property {number}": "x" * VALUE_CHARACTERS for number in range(PROPERTIES)}
    _update(server, keys, {"$set": fat})
    server.wait_loaded()
    sent, before = 0, _written(server.pids.values())
    until_s = time.monotonic() + plan.fat_s
    while time.monotonic() < until_s:
        sent += _update(server, keys, {"$add": {"Items Viewed": 1}})
        time.sleep(PAUSE_S)
    server.wait_loaded()
    return Writes(sent, _written(server.pids.values()) - before)


def _update(server: Server, keys: Keys, operation: dict[str, Any]) -> int:
    """Send one update; its bytes."""
    update = {"$token": keys.token, "$distinct_id": "fat", "$ip": "0", **operation}
    body = json.dumps([update], separators=(",", ":")).encode()
    server.post("/engage", body)
    return len(body)


def _written(pids: Iterable[int]) -> int:
    return sum(int(psutil.Process(pid).io_counters().write_bytes) for pid in pids)
