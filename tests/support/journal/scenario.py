"""A journal in small segments on a faulty disk, with a record of what it acknowledged and what it refused.

What must hold is said once, in `Journal.check`: what was acknowledged is read exactly once and in order; nothing is
read that nobody appended; and what was refused is not read, unless the machine stopped after it.
"""

import random
from contextlib import closing
from pathlib import Path

from tests.support.journal.faulty_disk import FaultyDisk, MachineCrash
from trackway.domain.errors import StorageError
from trackway.journal.log import Record
from trackway.journal.segments.format import offset_of
from trackway.journal.segments.reader import Reader
from trackway.journal.segments.recovery import Report, recover
from trackway.journal.segments.writer import Writer

SEGMENT_BYTES = 512


class Journal:
    """One machine with `writers` edge processes, all played by this thread."""

    def __init__(self, directory: Path, writers: int = 1):
        self.directory = directory
        self.disk = FaultyDisk()
        self.acknowledged: list[bytes] = []
        self.refused: set[bytes] = set()
        self.maybe: set[bytes] = set()
        self.delivered: list[Record] = []
        self.cursor = 0
        self._count = 0
        self._writers = writers
        self.writers: list[Writer] = []

    def start(self) -> Report:
        report = recover(self.directory, self.disk, SEGMENT_BYTES)
        self.writers = [self.open_writer() for _ in range(self._writers)]
        return report

    def open_writer(self) -> Writer:
        return Writer(self.directory, self.disk, SEGMENT_BYTES, background=lambda work: work())

    def payloads(self, *sizes: int) -> list[bytes]:
        """Payloads of about these sizes, no two alike."""
        made = []
        for size in sizes:
            self._count += 1
            made.append(b"%d:" % self._count + b"x" * size)
        return made

    def append(self, *sizes: int, writer: int = 0) -> bool:
        """Append payloads of about these sizes in one batch; whether they were acknowledged."""
        payloads = self.payloads(*sizes)
        self.maybe |= set(payloads)
        try:
            self.writers[writer].append(payloads)
        except StorageError:
            self.refused |= set(payloads)
            return False
        self.acknowledged += payloads
        self.maybe -= set(payloads)
        return True

    def stop(self) -> None:
        """End the processes, without a word."""
        for writer in self.writers:
            writer.close()
        self.writers = []

    def crash(self, dice: random.Random | None = None) -> None:
        self.stop()
        self.refused = set()
        self.disk.crash(dice)

    def load(self, bytes_max: int = 100) -> None:
        """Read all there is, going on where the last load ended."""
        with closing(Reader(self.directory, self.cursor, self.disk)) as reader:
            while records := reader.read(bytes_max):
                self.delivered += [Record(position, memoryview(bytes(payload))) for position, payload in records]
            self.cursor = reader.position
            assert reader.damage == []

    def check(self) -> None:
        self.load()
        payloads = [bytes(record.payload) for record in self.delivered]
        positions = [record.position for record in self.delivered]
        assert positions == sorted(set(positions))
        assert all(offset_of(position) >= 32 for position in positions)
        assert len(set(payloads)) == len(payloads), "delivered twice"
        assert self.refused.isdisjoint(payloads), "delivered although refused"
        assert set(payloads) <= set(self.acknowledged) | self.maybe, "delivered although never appended"
        known = set(self.acknowledged)
        assert [payload for payload in payloads if payload in known] == self.acknowledged


def run_until_crash(journal: Journal, batches: list[list[int]]) -> bool:
    """Start and append, up to the disk's crash, which this reports; a refused start is tried again."""
    try:
        try:
            journal.start()
        except StorageError:
            journal.start()
        for number, sizes in enumerate(batches):
            journal.append(*sizes, writer=number % len(journal.writers))
    except MachineCrash:
        return True
    return False
