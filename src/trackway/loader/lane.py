"""A lane: what loading one partition of the journal remembers between two turns.

All lanes share the loader's thread, the store and its verification. Each has its own place in the journal, its own
window of keys and its own deferred rows. A lane whose partition cannot be read stands still, and the others go on.
"""

import time
from collections.abc import Sequence

from trackway.domain.errors import StorageError
from trackway.journal.log import Damage, Partition, PartitionProgress, Record
from trackway.loader.batch_loading import Load
from trackway.loader.deferred import Waiting
from trackway.loader.limits import LOADER_BACKOFF_S_MAX, LOADER_BACKOFF_S_MIN, WAITING_BYTES_MAX
from trackway.loader.reading import First, Reading
from trackway.telemetry import logs

_log = logs.get("loader")


class Lane:
    """The lane of partition `number` of `of` partitions. One alone raises the errors of its journal."""

    def __init__(self, number: int, of: int, partition: Partition, progress: PartitionProgress):
        self.number = number
        self.partition = partition
        self.progress = progress
        self.position = 0
        """Behind the last record that was read."""
        self.load: Load | None = None
        """None until the partition was reached, and so the window of keys is known."""
        self.damage: list[Damage] = []
        """What was found since the loader noted it last."""
        self.oldest_us = 0
        """No record that is not loaded arrived before this time."""
        self.is_at_end = False
        """Whether the last read found no record."""
        self.wait_from = 0
        """Records before this position are inserted whole, since the store refused rows that waited."""
        self._alone = of == 1
        self._waiting_bytes_max = WAITING_BYTES_MAX // of
        self.waiting = Waiting(bytes_max=self._waiting_bytes_max)
        self._reading = Reading(partition, aside=not self._alone)
        self._first: First | None = None
        self._fault = ""
        self._again_s = 0.0
        self._backoff_s = LOADER_BACKOFF_S_MIN

    def begin(self, cursor: int) -> None:
        """Load on from here. All else is forgotten."""
        self.position = cursor
        self.load = None
        self.damage = []
        self.is_at_end = False
        self.waiting = Waiting(bytes_max=self._waiting_bytes_max)
        self._first = None
        self._reading.begin(cursor)

    def first(self) -> First | None:
        """The first record, None while it is not known. Raises StorageError only where the partition is alone."""
        if self._first is None and self._may_try():
            try:
                self._first = self._reading.first()
            except StorageError as error:
                self._fail(error)
            else:
                if self._first is not None:
                    self._recover()
        return self._first

    def take(self, bytes_max: int) -> Sequence[Record]:
        """The next records. None where nothing is there, or not yet. Raises StorageError only where the partition is
        alone."""
        self.is_at_end = False
        if not bytes_max or self.load is None or not self._may_try():
            return []
        try:
            taken = self._reading.take(bytes_max)
        except StorageError as error:
            self._fail(error)
            return []
        if taken is None:
            return []
        self._recover()
        self.damage += taken.damage
        self.position = taken.position
        if not taken.records:
            self.is_at_end, self.oldest_us = True, time.time_ns() // 1000
        return taken.records

    @property
    def is_failing(self) -> bool:
        return bool(self._fault)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to read that can be read now."""
        return self.is_failing or self.position >= self.progress.synced

    def end(self) -> None:
        self._reading.end()

    def _may_try(self) -> bool:
        return time.monotonic() >= self._again_s

    def _fail(self, error: StorageError) -> None:
        if self._alone:
            raise error
        if not self._fault:
            _log.warning("a partition cannot be read, will try again", partition=self.number, error=str(error))
        self._fault = str(error)
        self.progress.failing = True
        self._again_s = time.monotonic() + self._backoff_s
        self._backoff_s = min(2 * self._backoff_s, LOADER_BACKOFF_S_MAX)

    def _recover(self) -> None:
        if self._fault:
            _log.info("a partition is read again", partition=self.number)
        self._fault, self._again_s, self._backoff_s = "", 0.0, LOADER_BACKOFF_S_MIN
