"""Segment files by number: their names, their headers, and how a new one comes into being.

A number and a directory come in; an open file whose header and name are durable goes out. A new segment is best made
of the spare, a file of zeros already on disk, because syncing writes to fresh blocks takes several times as long.
"""

import time
from contextlib import suppress
from pathlib import Path

from trackway import limits
from trackway.journal import format
from trackway.journal.disk import Disk

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


def bytes_on_disk(directory: Path) -> int:
    """What the segments of a journal take on the disk; one that is removed meanwhile is not counted."""
    size = 0
    for path in directory.glob(f"*{_SUFFIX}"):
        with suppress(FileNotFoundError):
            size += path.stat().st_size
    return size


def read_header(disk: Disk, directory: Path, segment: int) -> format.Header | None:
    """None when there is no such segment or its header is not valid."""
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

    `size` is the full size of a segment. A file of that number may stand there from a writer that died before it
    made the segment known: it is taken over.
    """
    path = path_of(directory, segment)
    room = format.HEADER_BYTES + need + format.FRAME_BYTES
    if room <= size:
        _take_spare(disk, directory, path, size)
    file = disk.create(path)
    try:
        if disk.size(file) < room:
            disk.reserve(file, max(room, min(size, limits.JOURNAL_UNPREPARED_SEGMENT_BYTES)))
        write_header(disk, file, segment, previous_end)
        disk.sync_directory(directory)
    except BaseException:
        disk.close(file)
        raise
    return file


def has_spare(disk: Disk, directory: Path) -> bool:
    return SPARE in disk.names(directory)


def prepare_spare(disk: Disk, directory: Path, size: int) -> None:
    """Make the spare: zeros written and synced before it gets its name. The caller excludes others."""
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
