"""The journal's progress, from the shared words of the head and from the segment files."""

from collections.abc import Sequence
from pathlib import Path

from trackway.journal.limits import JOURNAL_SEGMENT_BYTES
from trackway.journal.of_partitions import OfPartitions
from trackway.journal.segments import segment
from trackway.journal.segments.file_calls import Disk, OsDisk
from trackway.journal.segments.format import offset_of, position_of, segment_of
from trackway.journal.segments.head import Head


class SegmentProgress(Head, OfPartitions):
    """The head, with the questions of `journal.log.Progress` that need more than one word of it. The journal is its
    own single partition."""

    def __init__(self, directory: Path, disk: Disk | None = None):
        super().__init__(directory)
        self._directory = directory
        self._disk: Disk = disk or OsDisk()

    @property
    def partitions(self) -> Sequence["SegmentProgress"]:
        return (self,)

    @property
    def is_loaded(self) -> bool:
        return self.loaded >= self.written

    @property
    def kept_from(self) -> int:
        return position_of(self.kept, 0)

    def kept_since_ms(self) -> int:
        """When the first segment that still exists was created; 0 if it has no valid header."""
        header = segment.read_header(self._disk, self._directory, self.kept)
        return header.created_ms if header else 0

    def bytes_between(self, begin: int, end: int) -> int:
        """Exact within a segment, else to the size of a segment."""
        segments = segment_of(end) - segment_of(begin)
        return max(segments * JOURNAL_SEGMENT_BYTES + offset_of(end) - offset_of(begin), 0)

    def lag_bytes(self, position: int) -> int:
        return self.bytes_between(position, self.synced)

    def size_bytes(self) -> int:
        numbers = segment.numbers(self._disk, self._directory)
        return sum(segment.size_bytes(self._disk, self._directory, number) for number in numbers)
