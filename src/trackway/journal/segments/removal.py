"""Retention: delete loaded segments that ended some time ago, oldest first.

The newest segment always stays, since recovery counts on from its number. If a crash undoes a deletion, no harm is
done: the loader's cursor is beyond the segment.
"""

import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from trackway.domain.errors import StorageError
from trackway.journal.segments import segment
from trackway.journal.segments.file_calls import Disk, OsDisk
from trackway.journal.segments.format import position_of, segment_of
from trackway.journal.segments.head import Head


def remove_loaded(directory: Path, loaded: int, age_s_min: float, disk: Disk | None = None) -> tuple[int, int]:
    """Delete segments entirely below position `loaded` that ended at least so many seconds ago; (segments, bytes).

    A segment ended when its successor was created. Raises StorageError if the directory cannot be changed.
    """
    disk = disk or OsDisk()
    with closing(Head(directory)) as head:
        try:
            return _remove(disk, directory, head, loaded, time.time_ns() // 1_000_000 - round(age_s_min * 1000))
        except OSError as error:
            raise StorageError(f"journal segments cannot be removed: {error.strerror or error}") from error


def _remove(disk: Disk, directory: Path, head: Head, loaded: int, finished_ms_max: int) -> tuple[int, int]:
    found = [number for number in segment.numbers(disk, directory) if number <= segment_of(head.synced)]
    removed = size = 0
    for number, successor in pairwise(found):
        header = segment.read_header(disk, directory, successor)
        end = header.previous_end if header and successor == number + 1 else None
        finished = header is not None and header.created_ms <= finished_ms_max
        read = loaded >= position_of(number + 1, 0) or (end is not None and loaded >= position_of(number, end))
        if not (finished and read):
            break
        size += _unlink(disk, directory, number)
        removed += 1
        head.kept = successor
    if removed:
        disk.sync_directory(directory)
    return removed, size


def _unlink(disk: Disk, directory: Path, number: int) -> int:
    size = segment.size_bytes(disk, directory, number)
    disk.unlink(segment.path_of(directory, number))
    return size
