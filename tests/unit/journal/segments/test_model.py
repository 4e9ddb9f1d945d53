"""Any order of appends, faults, crashes, restarts, loads and removals keeps what `Journal.check` says."""

import errno
import random
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.support.examples import examples
from tests.support.journal.scenario import SEGMENT_BYTES, Journal
from tests.support.memory_directory import MEMORY
from trackway.domain.errors import StorageError
from trackway.journal.segments.head import Head
from trackway.journal.segments.recovery import recover
from trackway.journal.segments.removal import remove_loaded
from trackway.journal.segments.writer import LOCK
from trackway.runtime.file_lock import FileLock

SIZES = st.lists(st.integers(0, 150) | st.integers(400, 1200), min_size=1, max_size=4)
WRITER = st.integers(0, 1)
SEED = st.none() | st.integers(0, 1 << 32)


class JournalMachine(RuleBasedStateMachine):
    """Two writers, a loader with a stored cursor, and a disk."""

    @initialize()
    def begin(self) -> None:
        self.directory = Path(tempfile.mkdtemp(dir=MEMORY))
        self.journal = Journal(self.directory / "journal", writers=2)
        self.journal.start()

    @rule(sizes=SIZES, writer=WRITER)
    def append(self, sizes: list[int], writer: int) -> None:
        assert self.journal.append(*sizes, writer=writer)

    @rule(sizes=SIZES, writer=WRITER, skip=st.integers(0, 12), failure=st.sampled_from([errno.EIO, errno.ENOSPC]))
    def append_on_a_failing_disk(self, sizes: list[int], writer: int, skip: int, failure: int) -> None:
        target = len(self.journal.disk.calls) + skip
        self.journal.disk.fault = lambda number, _: failure if number == target else None
        self.journal.append(*sizes, writer=writer)
        self.journal.disk.fault = None

    @rule(mine=SIZES, other=SIZES, failing=st.booleans())
    def append_while_another_syncs(self, mine: list[int], other: list[int], failing: bool) -> None:
        """The other writer goes through a whole append, failing or not, between our write and our sync's return."""
        payloads = self.journal.payloads(*mine)
        place = len(self.journal.acknowledged)

        def act() -> None:
            if self.lock_is_taken():
                self.journal.disk.during_sync = act
                return
            if failing:
                left = [errno.EIO]
                self.journal.disk.fault = lambda _, name: left.pop() if name == "sync" and left else None
            self.journal.append(*other, writer=1)
            self.journal.disk.fault = None

        self.journal.maybe |= set(payloads)
        self.journal.disk.during_sync = act
        try:
            self.journal.writers[0].append(payloads)
        except StorageError:
            self.journal.refused |= set(payloads)
        else:
            self.journal.maybe -= set(payloads)
            self.journal.acknowledged[place:place] = payloads
        assert self.journal.disk.during_sync is None

    def lock_is_taken(self) -> bool:
        """A sync within a roll holds the lock; another process would wait there."""
        with closing(FileLock(self.journal.directory / LOCK)) as lock:
            return not lock.try_take()

    @rule(bytes_max=st.integers(1, 2000))
    def load(self, bytes_max: int) -> None:
        self.journal.load(bytes_max)

    @rule()
    def remove(self) -> None:
        remove_loaded(self.journal.directory, self.journal.cursor, 0, self.journal.disk)

    @rule(seed=SEED)
    def crash(self, seed: int | None) -> None:
        self.journal.crash(None if seed is None else random.Random(seed))
        self.journal.start()

    @rule(seed=SEED, calls=st.integers(1, 25))
    def crash_in_recovery(self, seed: int | None, calls: int) -> None:
        dice = None if seed is None else random.Random(seed)
        self.journal.crash(dice)
        self.journal.disk.crash_at = len(self.journal.disk.calls) + calls
        try:
            recover(self.journal.directory, self.journal.disk, SEGMENT_BYTES)
        except BaseException:
            self.journal.disk.crash(dice)
        self.journal.disk.crash_at = 0
        self.journal.start()

    @rule(clean=st.booleans())
    def restart_of_the_server_alone(self, clean: bool) -> None:
        if clean:
            self.journal.writers[0].seal()
        self.journal.stop()
        report = self.journal.start()
        assert report.damage == []

    @rule()
    def restart_of_one_writer(self) -> None:
        self.journal.writers.pop(0).close()
        self.journal.writers.insert(0, self.journal.open_writer())

    @rule()
    def check(self) -> None:
        self.journal.check()
        with closing(Head(self.journal.directory)) as head:
            assert head.synced <= head.written

    def teardown(self) -> None:
        self.journal.check()
        self.journal.stop()
        shutil.rmtree(self.directory)


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(
    max_examples=examples(80), stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow]
)
