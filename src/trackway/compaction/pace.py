"""The pace of the compactor: the part of its time that it may work, by what else there is to do.

The loader comes first, then clients that send events, then facts. What clients send is read from the growth of the
journal, which every process sees, also in containers without figures of the kernel.
"""

import time
from collections.abc import Callable

from trackway.compaction.limits import (
    BEHIND_BYTES,
    BUSY_BYTES_PER_S,
    POLL_S,
    REST_S_MAX,
    SHARE_BEHIND,
    SHARE_BUSY,
    SHARE_IDLE,
)
from trackway.journal.log import Progress


class Pace:
    """For one thread. `share` measures since the last time that it was read, if that is long enough ago. `clock` gives
    seconds."""

    def __init__(self, progress: Progress, clock: Callable[[], float] = time.monotonic):
        self._progress = progress
        self._clock = clock
        self._measured_s = clock()
        self._ends = progress.ends()
        self._is_busy = False

    def share(self) -> float:
        """The part of its time that the compactor may work now."""
        self._measure()
        if sum(self._progress.lags()) > BEHIND_BYTES:
            return SHARE_BEHIND
        return SHARE_BUSY if self._is_busy else SHARE_IDLE

    def rest_s(self, took_s: float) -> float:
        """How long to rest after a step, at the present share."""
        return min(took_s * (1 / self.share() - 1), REST_S_MAX)

    def _measure(self) -> None:
        now_s = self._clock()
        if (passed_s := now_s - self._measured_s) >= POLL_S / 2:
            sent_bytes, ends = self._progress.appended_bytes(self._ends), self._progress.ends()
            self._is_busy = sent_bytes > BUSY_BYTES_PER_S * passed_s
            self._measured_s, self._ends = now_s, ends
