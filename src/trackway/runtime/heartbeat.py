"""Heartbeats: a counter in memory that a process shares with its supervisor, and increases from its main loop.

The main loop itself counts, since a thread beside it would continue while the loop hangs. The shared value is a count
and no time: the supervisor uses its own clock, so a suspended machine does not make a process look silent.
"""

import asyncio
import mmap
import time
from collections.abc import Callable

from trackway.domain.limits import HEARTBEAT_S
from trackway.runtime.limits import AWAKE_STEP_S_MAX


class Heartbeat:
    """Made before the fork; the child counts, the parent reads."""

    def __init__(self) -> None:
        self._word = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")

    def beat(self) -> None:
        self._word[0] += 1

    @property
    def count(self) -> int:
        """0 until the first beat after `reset`."""
        return self._word[0]

    def reset(self) -> None:
        self._word[0] = 0


async def beat_for_ever(beat: Callable[[], None]) -> None:
    """The heartbeat of an event loop."""
    while True:
        beat()
        await asyncio.sleep(HEARTBEAT_S)


class AwakeClock:
    """Seconds that this process was awake. Between two calls of `now_s` at most AWAKE_STEP_S_MAX count, so it must be
    called often. `clock_s`: any clock; it may be set, and the machine may be suspended."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic):
        self._clock_s = clock_s
        self._looked_s = clock_s()
        self._awake_s = 0.0

    def now_s(self) -> float:
        looked_s = self._clock_s()
        self._awake_s += min(max(looked_s - self._looked_s, 0.0), AWAKE_STEP_S_MAX)
        self._looked_s = looked_s
        return self._awake_s
