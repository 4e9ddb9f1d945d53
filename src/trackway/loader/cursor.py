"""The cursor: which batches count, and when.

A batch counts when all its parts in the store are verified (`loader.part_verification`). Verification takes a few
milliseconds for each part, even a small one. So a busy loader verifies several batches together, in at most
`VERIFICATION_SHARE` of its time, and a thread does so beside the next inserts. One insert into `loads` then makes the
batches count that were inserted before it began, and moves the cursor. The part of that insert is verified with the
next batches, and the journal is not trimmed before.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import NamedTuple

from trackway.domain.errors import StorageError
from trackway.journal.log import Mark, Progress
from trackway.loader import statements
from trackway.loader.batch import Batch
from trackway.loader.limits import VERIFICATION_BYTES_MIN, VERIFICATION_INTERVAL_S_MAX, VERIFICATION_SHARE
from trackway.loader.part_verification import PartVerification
from trackway.loader.sweep import Sweep
from trackway.store.client import Store
from trackway.telemetry import metrics


class _Check(NamedTuple):
    """A verification beside the loader. It covers the first `batches`, and the counts of all records before the mark
    `counted`."""

    done: Future[None]
    batches: int
    counted: Mark
    began_s: float


class Cursor:
    """The batches of one loader, of all partitions in the order of their inserts. `step` is called before each
    verification that the loader waits for."""

    def __init__(
        self, store: Store, verification: PartVerification, sweep: Sweep, progress: Progress, step: Callable[[], None]
    ):
        self.counted = [0] * len(progress.partitions)
        """The cursor of each partition: all its records before this position count."""
        self.generation = 0
        """How often the table `loads` was found damaged."""
        self._store = store
        self._verification = verification
        self._sweep = sweep
        self._progress = progress
        self._step = step
        self._waiting: list[Batch] = []
        self._verify_at_s = 0.0
        self._thread = ThreadPoolExecutor(1, "verification")
        self._check: _Check | None = None

    def close(self) -> None:
        """Wait for the thread."""
        self._thread.shutdown()

    def reset(self) -> None:
        """Forget all batches, since parts are about to be detached."""
        if self._check is not None:
            wait([self._check.done])  # whatever it found
            self._check = None
        self.counted = [0] * len(self.counted)
        self._waiting = []
        self._sweep.reset()

    def begin(self, cursors: Sequence[int]) -> None:
        """All records before the cursors count. The next verification includes the cursors' own parts, which an insert
        that was thought to have failed may have left a moment ago."""
        self.counted = list(cursors)

    def add(self, batches: Iterable[Batch]) -> None:
        """Add the next batches, whose rows are all in the store."""
        self._waiting += (batch.without_rows() for batch in batches)

    def loaded(self, partition: int, end: int) -> int:
        """The position of a partition to publish. It reaches the partition's `end` only when all records count, as
        clients expect."""
        last = self._last(partition)
        if last is None:
            return self.counted[partition]
        return last.from_position if last.to_position >= end else last.to_position

    def _last(self, partition: int) -> Batch | None:
        """The last batch of a partition that does not count yet."""
        return next((batch for batch in reversed(self._waiting) if batch.partition == partition), None)

    def _uncounted_bytes(self) -> int:
        lasts = map(self._last, range(len(self.counted)))
        return sum(
            self._progress.partitions[last.partition].bytes_between(self.counted[last.partition], last.to_position)
            for last in lasts
            if last is not None
        )

    def is_due(self, *, idle: bool) -> bool:
        """Whether it is time to advance. `idle`: there is nothing more to load."""
        if self._check is not None:
            return idle or self._check.done.done()
        if time.monotonic() >= self._verify_at_s:
            return True
        return idle and self._uncounted_bytes() < VERIFICATION_BYTES_MIN

    def advance_beside(self) -> None:
        """Let a thread verify the batches, or make those count that it has verified. Raises StorageError."""
        if not self._waiting:
            return
        if self._check is None:
            done = self._thread.submit(self._check_inserted)
            self._check = _Check(done, len(self._waiting), tuple(self.counted), time.monotonic())
        elif self._check.done.done():
            check, self._check = self._check, None
            check.done.result()
            self._sweep.verified_to = check.counted
            self._rest_after(check.began_s)
            self._make_count(check.batches)

    def advance(self) -> None:
        """Verify the batches, make them count, and move the cursor. Raises StorageError."""
        if not self._waiting:
            return
        self._verify_and_rest()
        self._make_count(len(self._waiting))

    def pass_empty(self, partition: int, position: int) -> None:
        """All batches count, and no record of the partition before this position is left to load: verify its cursor,
        too."""
        self.counted[partition] = position
        if self._sweep.verified_to[partition] < position and self.is_due(idle=False):
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
        self._sweep.verified_to = tuple(self.counted)

    def _check_inserted(self) -> None:
        with metrics.verifying("beside"):
            self._verification.check_inserted(self._store)

    def _verify_and_rest(self) -> None:
        """As `verify`. A check that runs beside is awaited, since it has read most parts."""
        began_s = time.monotonic()
        if (check := self._check) is not None:
            with metrics.verifying("loader"):
                wait([check.done])
            self._check = None
            check.done.result()
        self.verify()
        self._rest_after(began_s)

    def _rest_after(self, began_s: float) -> None:
        ended_s = time.monotonic()
        self._verify_at_s = ended_s + min((ended_s - began_s) / VERIFICATION_SHARE, VERIFICATION_INTERVAL_S_MAX)

    def _make_count(self, number: int) -> None:
        """Make the first batches count, which are verified: those of each partition by one insert."""
        batches, rest = self._waiting[:number], self._waiting[number:]
        for partition in sorted({batch.partition for batch in batches}):
            self._make_these_count([batch for batch in batches if batch.partition == partition])
        self._waiting = rest

    def _make_these_count(self, batches: Sequence[Batch]) -> None:
        """Batches of one partition."""
        partition, end = batches[-1].partition, batches[-1].to_position
        self._insert_loads(batches)
        if statements.read_cursor(self._store, partition, len(self.counted)) != end:
            raise StorageError("the load of another loader was there first")
        for batch in batches:
            for count, count_records in batch.counts.items():
                metrics.loaded(count.project_id, count.outcome, count_records)
        self.counted[partition] = end

    def _insert_loads(self, batches: Sequence[Batch]) -> None:
        now_ms = time.time_ns() // 1_000_000
        statements.insert_loads(self._store, batches, now_ms, self.generation, len(self.counted))
