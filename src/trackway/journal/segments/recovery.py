"""Recovery at the start, before any other process opens the journal: cut torn tails and begin a new segment.

Takes segment files as a crash left them, and gives a `Report`. Only the newest segment can be torn, since each header
fixes the end of the segment before it. If the newest has no valid header, the one before it is read too. A segment
number is never used twice, so a position names one record for all time.
"""

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from trackway.domain.errors import StorageError
from trackway.journal.limits import JOURNAL_SEGMENT_BYTES
from trackway.journal.log import Damage
from trackway.journal.segments import format, head, segment
from trackway.journal.segments.file_calls import Disk, OsDisk
from trackway.journal.segments.survey import survey
from trackway.journal.segments.writer import LOCK
from trackway.runtime.file_lock import FileLock


class Report(NamedTuple):
    """The findings: segment files, their bytes after the cut, bytes cut, and damage before the cut."""

    segments: int
    bytes: int
    torn_bytes_cut: int
    damage: list[Damage]


class _Settled(NamedTuple):
    end: int
    torn: int
    damage: list[Damage]


def recover(directory: Path, disk: Disk | None = None, segment_bytes: int = JOURNAL_SEGMENT_BYTES) -> Report:
    """Make the journal ready. At return its end is durable and the head is correct.

    Call it once. Raises StorageError if a file cannot be read or written; then nothing was deleted.
    """
    disk = disk or OsDisk()
    try:
        _make_directory(disk, directory)
        with closing(FileLock(directory / LOCK)) as lock, lock:
            return _recover(disk, directory, segment_bytes)
    except OSError as error:
        raise StorageError(f"journal {directory} cannot be recovered: {error.strerror or error}") from error


def _make_directory(disk: Disk, directory: Path) -> None:
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in missing:
        disk.sync_directory(path.parent)


def _recover(disk: Disk, directory: Path, segment_bytes: int) -> Report:
    found = segment.numbers(disk, directory)
    torn, damage, previous_end = 0, list[Damage](), 0
    for number in _unsettled(disk, directory, found):
        settled = _settle(disk, directory, number, previous_end)
        previous_end = settled.end
        torn += settled.torn
        damage += settled.damage
    current = found[-1] + 1 if found else 1
    disk.close(segment.start(disk, directory, current, previous_end, need=0, size=segment_bytes))
    _set_head(directory, found[0] if found else current, current)
    return Report(len(found), sum(segment.size_bytes(disk, directory, number) for number in found), torn, damage)


def _unsettled(disk: Disk, directory: Path, found: list[int]) -> list[int]:
    """The segments whose end no header fixes, oldest first."""
    unsettled: list[int] = []
    for number in reversed(found):
        unsettled.append(number)
        if segment.read_header(disk, directory, number) is not None:
            break
    return unsettled[::-1]


def _settle(disk: Disk, directory: Path, number: int, previous_end: int) -> _Settled:
    """Find the end of a segment, cut what follows it, and make the rest durable.

    Bytes that are not known to be synced are written again: after a failed sync the kernel considers them clean.
    """
    file = disk.open(segment.path_of(directory, number))
    try:
        size = disk.size(file)
        content = disk.read(file, size, 0)
        end, synced, records, torn, damage = survey(content, number)
        if format.decode_header(content, number) is None:
            segment.write_header(disk, file, number, previous_end)
            if records or damage:
                damage = [Damage(number << 32, format.HEADER_BYTES, 0, "no valid segment header"), *damage]
        if size > end:
            disk.truncate(file, end)
        disk.write(file, content[synced:end], synced)
        disk.sync(file)
    finally:
        disk.close(file)
    return _Settled(end, torn, damage)


def _set_head(directory: Path, kept: int, current: int) -> None:
    head.make(directory)
    with closing(head.Head(directory)) as words:
        words.begin(current)
        words.loaded = 0
        words.heartbeat_ms = 0
        words.failing = True
        words.kept = kept
