"""Segment files by number: names, headers, and the creation of new ones.

A new segment is an open file whose header and name are durable. It is made from the spare if there is one: a file of
zeros that is already on disk. Syncing writes to fresh blocks takes several times as long.
"""

import time
from pathlib import Path

from trackway.domain.errors import StorageError
from trackway.journal.limits import JOURNAL_SEGMENT_NUMBER_MAX, JOURNAL_UNPREPARED_SEGMENT_BYTES
from trackway.journal.segments import format
from trackway.journal.segments.file_calls import Disk

SPARE = "spare"
UNFINISHED = "spare.tmp"
_SUFFIX = ".seg"
_ZEROS = bytes(1024 * 1024)


def path_of(directory: Path, segment: int) -> Path:
    return directory / f"{segment:010d}{_SUFFIX}"


def numbers(disk: Disk, directory: Path) -> list[int]:
    """Numbers of all segments, ascending."""
    stems = (name.removesuffix(_SUFFIX) for name in disk.names(directory) if name.endswith(_SUFFIX))
    return sorted(int(stem) for stem in stems if stem.isdecimal())


def size_bytes(disk: Disk, directory: Path, segment: int) -> int:
    """Size of a segment's file; 0 when it was removed."""
    try:
        file = disk.open(path_of(directory, segment))
    except FileNotFoundError:
        return 0
    try:
        return disk.size(file)
    finally:
        disk.close(file)


def read_header(disk: Disk, directory: Path, segment: int) -> format.Header | None:
    """The header of a segment; None if the segment does not exist or its header is invalid."""
    try:
        file = disk.open(path_of(directory, segment))
    except FileNotFoundError:
        return None
    try:
        return format.decode_header(disk.read(file, format.HEADER_BYTES, 0), segment)
    finally:
        disk.close(file)


def write_header(disk: Disk, file: int, segment: int, previous_end: int) -> None:
    """At return the header is durable."""
    header = format.Header(segment, time.time_ns() // 1_000_000, previous_end)
    disk.write(file, format.encode_header(header), 0)
    disk.sync(file)


def start(disk: Disk, directory: Path, segment: int, previous_end: int, *, need: int, size: int) -> int:
    """Open a new segment with room for `need` bytes of records; the header and the name are durable at return.

    `size` is the full size of a segment. A writer that died before it announced the segment may have left a file of
    that number, which is used. Raises StorageError when all numbers are used.
    """
    if segment > JOURNAL_SEGMENT_NUMBER_MAX:
        raise StorageError(f"journal {directory} has used all {JOURNAL_SEGMENT_NUMBER_MAX} segment numbers")
    path = path_of(directory, segment)
    room = format.HEADER_BYTES + need + format.FRAME_BYTES
    if room <= size:
        _take_spare(disk, directory, path, size)
    file = disk.create(path)
    try:
        if disk.size(file) < room:
            disk.reserve(file, max(room, min(size, JOURNAL_UNPREPARED_SEGMENT_BYTES)))
        write_header(disk, file, segment, previous_end)
        disk.sync_directory(directory)
    except BaseException:
        disk.close(file)
        raise
    return file


def has_spare(disk: Disk, directory: Path) -> bool:
    return SPARE in disk.names(directory)


def prepare_spare(disk: Disk, directory: Path, size: int) -> None:
    """Make the spare: zeros are written and synced before it gets its name. The caller holds the spare's lock."""
    unfinished = directory / UNFINISHED
    file = disk.create(unfinished)
    try:
        disk.truncate(file, 0)
        disk.reserve(file, size)
        for offset in range(0, size, len(_ZEROS)):
            disk.write(file, _ZEROS[: size - offset], offset)
        disk.sync(file)
    except OSError:
        disk.close(file)
        disk.unlink(unfinished)
        raise
    disk.close(file)
    disk.rename(unfinished, directory / SPARE)


def _take_spare(disk: Disk, directory: Path, path: Path, size: int) -> None:
    names = disk.names(directory)
    if SPARE not in names or path.name in names:
        return
    file = disk.open(directory / SPARE)
    try:
        fits = disk.size(file) == size
    finally:
        disk.close(file)
    if fits:
        disk.rename(directory / SPARE, path)
    else:
        disk.unlink(directory / SPARE)
