"""The journal in small segment files, as a machine and as a place of the conformance suite."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.journal.faulty_disk import FaultyDisk
from trackway.journal.log import Record
from trackway.journal.segments import segment
from trackway.journal.segments.format import FRAME_BYTES, offset_of, segment_of
from trackway.journal.segments.segment_journal import SegmentJournal

SEGMENT_BYTES = 16 * 1024
PLACE = f"{__name__}:in_directory"


def in_directory(directory: str) -> SegmentJournal:
    """On the real disk."""
    return SegmentJournal(Path(directory), segment_bytes=SEGMENT_BYTES)


class HeldDisk(FaultyDisk):
    """Its syncs wait while it is held."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.free.set()

    def sync(self, file: int) -> None:
        self.free.wait()
        super().sync(file)


class SegmentMachine:
    """A `Machine` (`tests.support.journal.conformance`) with a disk in memory."""

    def __init__(self, directory: Path):
        self._directory = directory
        self._disk = HeldDisk()
        self.journal().recover()

    def journal(self) -> SegmentJournal:
        return SegmentJournal(self._directory, self._disk, SEGMENT_BYTES, background=lambda work: work())

    @contextmanager
    def hold(self) -> Iterator[None]:
        self._disk.free.clear()
        try:
            yield
        finally:
            self._disk.free.set()

    def cut_power(self) -> None:
        self._disk.crash()

    def damage(self, record: Record) -> None:
        content = self._disk.content(segment.path_of(self._directory, segment_of(record.position)))
        content[offset_of(record.position) + FRAME_BYTES] ^= 1
