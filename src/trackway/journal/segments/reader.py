"""Read durable records in order, from a position on and across segments.

The position of the next read is the only state, and a complete cursor: everything before it was read. An unreadable
range of acknowledged records is skipped and reported in `damage`. An error of the disk is raised and nothing is
skipped, since the next try may succeed.
"""

from pathlib import Path

from trackway.domain.errors import StorageError
from trackway.journal.log import Damage, Record
from trackway.journal.segments import format, segment
from trackway.journal.segments.file_calls import Disk, OsDisk
from trackway.journal.segments.format import HEADER_BYTES, Stop, offset_of, position_of, segment_of
from trackway.journal.segments.head import Head
from trackway.journal.segments.survey import lost, survey


class Reader:
    """A `Source` (`journal.log`) of segment files."""

    def __init__(self, directory: Path, position: int = 0, disk: Disk | None = None):
        self.damage: list[Damage] = []
        self._directory = directory
        self._disk: Disk = disk or OsDisk()
        self._head = Head(directory)
        if position > self._head.synced:
            end = self._head.synced
            self._head.close()
            raise StorageError(f"journal {directory} ends at position {end}, before the wanted {position}")
        self._position = position
        self._file = -1
        self._segment = 0
        self._end: int | None = None
        self._record_bytes = 0

    @property
    def position(self) -> int:
        return self._position

    @property
    def identity(self) -> str:
        """A segment number is used once."""
        return ""

    def read(self, bytes_max: int) -> list[Record]:
        try:
            while self._position < (synced := self._head.synced):
                records = self._read_on(synced, bytes_max)
                if records:
                    return records
        except OSError as error:
            raise StorageError(f"journal cannot be read: {error.strerror or error}") from error
        return []

    def close(self) -> None:
        self._leave()
        self._head.close()

    def _read_on(self, synced: int, bytes_max: int) -> list[Record]:
        """One step: open a segment, leave it, read records, or skip damage."""
        if self._file < 0:
            self._enter(synced)
            return []
        offset = offset_of(self._position)
        limit = self._limit(synced)
        if offset >= limit:
            self._leave()
            self._position = position_of(self._segment + 1, HEADER_BYTES)
            return []
        return self._read_records(offset, limit, bytes_max)

    def _read_records(self, offset: int, limit: int, bytes_max: int) -> list[Record]:
        length = min(bytes_max, limit - offset)
        while True:
            parsed = format.parse(memoryview(self._disk.read(self._file, length, offset)), self._segment, offset)
            if parsed.stop is not Stop.SHORT or parsed.length or offset + parsed.wanted > limit:
                break
            length = parsed.wanted
        if parsed.records:
            self._position = position_of(self._segment, offset + parsed.length)
            self._record_bytes = parsed.length // len(parsed.records)
        elif parsed.stop is Stop.SEAL:
            self._position = position_of(self._segment, limit)
        else:
            self._pass_damage(offset, limit)
        return parsed.records

    def _pass_damage(self, offset: int, limit: int) -> None:
        """Skip to the next valid record, or to the limit, and report the range."""
        content = self._disk.read(self._file, limit - offset, offset)
        found = format.find_record(content, self._segment, offset, 1)
        end = limit if found < 0 else offset + found
        self.damage.append(lost(self._segment, offset, end, self._record_bytes))
        self._position = position_of(self._segment, end)

    def _limit(self, synced: int) -> int:
        """The offset up to which the open segment may be read."""
        if self._segment == segment_of(synced):
            return offset_of(synced)
        if self._end is None:
            successor = segment.read_header(self._disk, self._directory, self._segment + 1)
            self._end = successor.previous_end if successor else self._survey_end()
        return self._end

    def _survey_end(self) -> int:
        content = self._disk.read(self._file, self._disk.size(self._file), 0)
        return survey(content, self._segment).end

    def _enter(self, synced: int) -> None:
        """Open the segment of the position; without one, move to the next that exists."""
        wanted = max(1, segment_of(self._position))
        try:
            self._file = self._disk.open(segment.path_of(self._directory, wanted))
        except FileNotFoundError:
            self._skip_missing(wanted, segment_of(synced))
            return
        self._segment = wanted
        self._end = None
        self._position = max(self._position, position_of(wanted, HEADER_BYTES))

    def _skip_missing(self, wanted: int, current: int) -> None:
        """Move to the first segment that exists. Only removed ones may precede it."""
        kept = [number for number in segment.numbers(self._disk, self._directory) if number > wanted]
        if not kept or kept[0] > current:
            raise StorageError(f"journal segment {wanted} is missing in {self._directory}")
        following = segment.read_header(self._disk, self._directory, kept[0])
        was_read = kept[0] == wanted + 1 and following and following.previous_end <= offset_of(self._position)
        if self._position and not was_read:
            self.damage.append(Damage(self._position, 0, 0, f"segments {wanted} to {kept[0] - 1} are missing"))
        self._position = position_of(kept[0], HEADER_BYTES)

    def _leave(self) -> None:
        if self._file >= 0:
            self._disk.close(self._file)
        self._file = -1
