"""Free disk space, and what stops when it runs low.

The store's engine must never meet a full disk, because it may then report an incomplete insert as done. Three lines
prevent that, each half of the line before:

* the low-water mark (`disk_free_bytes_min`): below it no data is accepted. The edge answers 503, `/healthz` too;
* half of it: the loader waits. Between the two lines it loads acknowledged records;
* a quarter: the engine reserves this much, and begins no insert and no merge.

Exports, pages and deletion continue below all of them. Everything continues by itself once there is room.

Each process checks the file systems of the data directory itself, at most a few times a second. The loader asks the
store for what only the store knows: the bytes that running merges may still write, and the disk of an external store.
All processes share these values in memory, and the word that says whether the edge refuses. So they agree.
"""

import mmap
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from trackway.domain.errors import RequestError
from trackway.domain.limits import RETRY_AFTER_STORAGE_S
from trackway.runtime.limits import (
    DISK_FREE_BYTES_DEFAULT_MAX,
    DISK_FREE_BYTES_DEFAULT_MIN,
    DISK_FREE_DEFAULT_MOST_ONE_IN,
    DISK_FREE_DEFAULT_ONE_IN,
    DISK_LOOK_S,
    LOAD_BYTES_MIN,
    LOAD_ROOM_TIMES,
)
from trackway.telemetry import logs

NO_ROOM: Final = "the server's disk is nearly full: no data is accepted until there is room"
_HELD, _FREE, _TOTAL, _WANTED, _STORED = range(5)
_log = logs.get("disk")


class StoreRoom(NamedTuple):
    """The store's report, in bytes: free and total on its disk, what running merges may still write, and its size.

    `total` is 0 where its disk is the data directory's.
    """

    free: int
    total: int
    wanted: int
    stored: int


class Disk(NamedTuple):
    """A file system with data, in bytes. `wanted`: what running merges may still write there."""

    free: int
    total: int
    wanted: int
    mark: int

    @property
    def above_mark(self) -> int:
        """Negative when there is too little room."""
        return self.free - self.wanted - self.mark


def mark_of(setting: int, total: int) -> int:
    """The bytes to keep free on a disk of `total` bytes. `setting` 0 means a part of the disk."""
    share = max(DISK_FREE_BYTES_DEFAULT_MIN, total // DISK_FREE_DEFAULT_ONE_IN)
    return setting or min(share, DISK_FREE_BYTES_DEFAULT_MAX, total // DISK_FREE_DEFAULT_MOST_ONE_IN)


def kept_by_engine(mark: int) -> int:
    """The bytes that the engine reserves."""
    return mark // 4


def is_held(disks: Iterable[Disk], was_held: bool) -> bool:
    """Whether no data may be accepted. Once held, ingestion resumes only well above the mark, so that it does not
    flap."""
    return any(disk.above_mark < (disk.mark // 8 if was_held else 0) for disk in disks)


def load_bytes_max(disks: Iterable[Disk]) -> int:
    """Journal bytes that the loader may load at once, 0 when it must wait.

    A batch is spooled, written as parts and perhaps merged immediately. Meanwhile a merge may begin that takes half of
    the free space, and another one that takes half of the rest.
    """
    spare = min(disk.above_mark + disk.mark // 2 for disk in disks) // LOAD_ROOM_TIMES
    return spare if spare >= LOAD_BYTES_MIN else 0


class DiskRoom:
    """The disk space of one server. Made before the fork, for all its processes.

    `setting` is `disk_free_bytes_min`.
    """

    def __init__(self, data_dir: Path, setting: int, clock_s: Callable[[], float] = time.monotonic):
        self._data_dir = data_dir
        self._setting = setting
        self._clock_s = clock_s
        self._words = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")
        self._looked_s = float("-inf")

    def refusal(self) -> str:
        """Why no data is accepted now, '' when it is. Cheap: it checks the disk at most a few times a second."""
        now_s = self._clock_s()
        if now_s - self._looked_s >= DISK_LOOK_S:
            self._looked_s = now_s
            self._decide()
        return NO_ROOM if self._words[_HELD] else ""

    def check(self) -> None:
        """Raise RequestError 503 when no data is accepted now."""
        if fault := self.refusal():
            raise RequestError(503, fault, retry_after_s=RETRY_AFTER_STORAGE_S)

    def has_room(self, size: int) -> bool:
        """Whether `size` bytes fit above all marks."""
        return self.tightest().above_mark >= size

    def load_bytes_max(self) -> int:
        """Journal bytes that the loader may load at once, 0 when it must wait."""
        return load_bytes_max(self.disks())

    def tell_store(self, found: StoreRoom) -> None:
        """Share the store's report with all processes."""
        for word, value in zip((_FREE, _TOTAL, _WANTED, _STORED), found, strict=True):
            self._words[word] = value

    @property
    def stored(self) -> int:
        """Size of the store on its disk in bytes, 0 until it is known."""
        return self._words[_STORED]

    def disks(self) -> Sequence[Disk]:
        """The present state of the file systems of journal and store, at least one."""
        elsewhere = self._words[_TOTAL]
        found = [self._disk("journal", 0), self._disk("store", 0 if elsewhere else self._words[_WANTED])]
        if elsewhere:
            mark = mark_of(self._setting, elsewhere)
            found.append(Disk(self._words[_FREE], elsewhere, self._words[_WANTED], mark))
        return found

    def tightest(self) -> Disk:
        """The file system with the least room above its mark."""
        return min(self.disks(), key=lambda disk: disk.above_mark)

    def _disk(self, name: str, wanted: int) -> Disk:
        try:
            found = os.statvfs(self._data_dir / name)
        except FileNotFoundError:  # nothing is stored there yet
            found = os.statvfs(self._data_dir)
        total = found.f_blocks * found.f_frsize
        return Disk(found.f_bavail * found.f_frsize, total, wanted, mark_of(self._setting, total))

    def _decide(self) -> None:
        disks, was_held = self.disks(), bool(self._words[_HELD])
        held = is_held(disks, was_held)
        if held == was_held:
            return
        self._words[_HELD] = held
        tightest = min(disks, key=lambda disk: disk.above_mark)
        facts = {"free_bytes": tightest.free, "wanted_by_merges": tightest.wanted, "disk_free_bytes_min": tightest.mark}
        if held:
            _log.error("the disk is nearly full: no data is accepted until there is room", **facts)
        else:
            _log.info("the disk has room again: data is accepted", **facts)
