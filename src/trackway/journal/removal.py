"""Giving space back: segments that were loaded and have been finished for a while are deleted, oldest first.

The newest segment always stays, since its number tells recovery which ones were used. A deletion that a crash undoes
is harmless: the loader's position lies beyond the segment.
"""

import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from trackway.errors import StorageError
from trackway.journal import segment
from trackway.journal.disk import Disk, OsDisk
from trackway.journal.format import position_of, segment_of
from trackway.journal.head import Head


def remove_loaded(directory: Path, loaded: int, age_s_min: float, disk: Disk | None = None) -> tuple[int, int]:
    """Delete segments wholly below position `loaded` that were finished so many seconds ago; (segments, bytes).

    A segment was finished when its successor was created. StorageError when the directory cannot be changed.
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
    path = segment.path_of(directory, number)
    file = disk.open(path)
    try:
        size = disk.size(file)
    finally:
        disk.close(file)
    disk.unlink(path)
    return size
