"""The cursor: which batches count, and when.

A batch counts when all its parts in the store are verified (`loader.part_verification`). Verification takes a few
milliseconds for each part, even a small one. So a busy loader verifies several batches together, in at most
`VERIFICATION_SHARE` of its time. One insert into `loads` then makes them count and moves the cursor. The part of that
insert is verified with the next batches, and the journal is not trimmed before.
"""

import time
from collections.abc import Callable, Iterable, Sequence

from trackway.domain.errors import StorageError
from trackway.journal.log import Progress
from trackway.loader import statements
from trackway.loader.batch import Batch
from trackway.loader.limits import VERIFICATION_BYTES_MIN, VERIFICATION_INTERVAL_S_MAX, VERIFICATION_SHARE
from trackway.loader.part_verification import PartVerification
from trackway.loader.sweep import Sweep
from trackway.store.client import Store
from trackway.telemetry import metrics


class Cursor:
    """The batches of one loader. `step` is called before each verification."""

    def __init__(
        self, store: Store, verification: PartVerification, sweep: Sweep, progress: Progress, step: Callable[[], None]
    ):
        self.counted = 0
        """The cursor: all records before this position count."""
        self.generation = 0
        """How often the table `loads` was found damaged."""
        self._store = store
        self._verification = verification
        self._sweep = sweep
        self._progress = progress
        self._step = step
        self._waiting: list[Batch] = []
        self._verify_at_s = 0.0

    def reset(self) -> None:
        """Forget all batches, since parts are about to be detached."""
        self.counted = 0
        self._waiting = []
        self._sweep.reset()

    def begin(self, cursor: int) -> None:
        """All records before the cursor count. The next verification includes the cursor's own part, which an insert
        that was thought to have failed may have left a moment ago."""
        self.counted = cursor

    def add(self, batches: Iterable[Batch]) -> None:
        """Add the next batches, whose rows are all in the store."""
        self._waiting += (batch.without_rows() for batch in batches)

    @property
    def inserted(self) -> int:
        """The position before which all records are in the store, whether they count or not."""
        return self._waiting[-1].to_position if self._waiting else self.counted

    def loaded(self, end: int) -> int:
        """The position to publish. It reaches the journal's `end` only when all records count, as clients expect."""
        if self._waiting and self.inserted >= end:
            return self._waiting[-1].from_position
        return self.inserted

    def is_due(self, *, idle: bool) -> bool:
        """Whether it is time to verify. `idle`: there is nothing more to load."""
        if time.monotonic() >= self._verify_at_s:
            return True
        return idle and self._progress.bytes_between(self.counted, self.inserted) < VERIFICATION_BYTES_MIN

    def advance(self) -> None:
        """Verify the batches, make them count, and move the cursor. Raises StorageError."""
        if not self._waiting:
            return
        self._verify_and_rest()
        self._insert_loads(self._waiting)
        if statements.read_cursor(self._store) != self.inserted:
            raise StorageError("the load of another loader was there first")
        for batch in self._waiting:
            for count, number in batch.counts.items():
                metrics.loaded(count.outcome, number)
        self.counted = self.inserted
        self._waiting = []

    def pass_empty(self, position: int) -> None:
        """All batches count, and no record before this position is left to load: verify the cursor, too."""
        self.counted = position
        if self._sweep.verified_to < position and self.is_due(idle=False):
            self._verify_and_rest()

    def count_again(self, batch: Batch) -> None:
        """As `advance`, for a batch before the cursor. Raises StorageError."""
        self.verify()
        self._insert_loads([batch])
        self.verify()

    def verify(self) -> None:
        """Verify all parts since the last verification. Raises StorageError when one of them is not whole."""
        self._step()
        with metrics.verifying("loader"):
            self._verification.check_inserted(self._store)
        self._sweep.verified_to = self.counted

    def _verify_and_rest(self) -> None:
        began_s = time.monotonic()
        self.verify()
        ended_s = time.monotonic()
        self._verify_at_s = ended_s + min((ended_s - began_s) / VERIFICATION_SHARE, VERIFICATION_INTERVAL_S_MAX)

    def _insert_loads(self, batches: Sequence[Batch]) -> None:
        statements.insert_loads(self._store, batches, time.time_ns() // 1_000_000, self.generation)
