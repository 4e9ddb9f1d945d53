"""How much each project has used lately of what is limited, over all edge processes of the machine, without a lock.

An amount arrives and is added to the present *granule*, a fifteenth of its window; a reader gets the sum of the
last sixteen, which hold the whole window that ends now. So no window, wherever it begins, holds more than was let
through while the sum was below the limit, and the moment at which a granule leaves the sum is known exactly.

The amounts are in mapped files below `run/rates`, one for each process and each 256 projects. A process writes its
own files only, a granule and its amount in one word of memory, so that no reader sees half of one; a reader adds
the files of all processes up. What a killed process had counted stays, and its successor goes on from there.
"""

import mmap
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from trackway.edge.limits import RATE_GRANULES, RATE_PROJECTS_PER_FILE

_RING: Final = RATE_GRANULES + 1
_AMOUNT_BITS: Final = 32
_AMOUNT: Final = (1 << _AMOUNT_BITS) - 1
_WINDOWS_MAX: Final = 6
_RUNNING: Final = _RING * _WINDOWS_MAX
"""Place of the numbers of things that run now, behind the rings of all windows."""
_RUNNING_KINDS: Final = 2
_PROJECT_WORDS: Final = _RUNNING + 16
_FILE_BYTES: Final = RATE_PROJECTS_PER_FILE * _PROJECT_WORDS * 8
_NAME: Final = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
"""Of a file: the worker's number, and that of the projects it is for."""


class Window(NamedTuple):
    """A kind of amount and the time over which it is added up, in granules of so many seconds.

    `number`: its place in a project's words, 0 to 5.
    """

    number: int
    granule_s: int

    @property
    def length_s(self) -> int:
        return self.granule_s * RATE_GRANULES


class Usage:
    """The amounts of all projects. `worker`: this process's number, below `workers`; None reads only.

    `clock_s`: seconds since the epoch. Raises OSError, also later, when there is no room for a file.
    """

    def __init__(self, directory: Path, worker: int | None, workers: int, clock_s: Callable[[], float] = time.time):
        self._directory = directory
        self._worker, self._workers = worker, workers
        self._clock_s = clock_s
        self._files: dict[int, list[memoryview]] = {}
        if worker is not None:
            directory.mkdir(parents=True, exist_ok=True)
            self._end_what_ran()

    def add(self, project_id: int, window: Window, amount: int) -> None:
        assert self._worker is not None
        granule = int(self._clock_s()) // window.granule_s
        cells = self._files_of(project_id)[self._worker]
        at = _at(project_id) + window.number * _RING + granule % _RING
        word = cells[at]
        if word >> _AMOUNT_BITS == granule:
            amount += word & _AMOUNT
        cells[at] = granule << _AMOUNT_BITS | min(amount, _AMOUNT)

    def used(self, project_id: int, window: Window) -> int:
        """What was added within the window that ends now, and up to a fifteenth of it more."""
        return sum(word & _AMOUNT for word in self._counting(project_id, window))

    def below_at_s(self, project_id: int, window: Window, limit: int) -> int:
        """The second, since the epoch, at which `used` is below the limit if nothing is added; 0: it is now."""
        words = sorted(self._counting(project_id, window), reverse=True)
        total, at_s = sum(word & _AMOUNT for word in words), 0
        while total >= limit and words:
            word = words.pop()
            total -= word & _AMOUNT
            at_s = ((word >> _AMOUNT_BITS) + _RING) * window.granule_s
        return at_s

    def now_s(self) -> float:
        return self._clock_s()

    def _counting(self, project_id: int, window: Window) -> list[int]:
        """The words of the granules that count now, of all processes."""
        latest = int(self._clock_s()) // window.granule_s
        low, high = latest - RATE_GRANULES << _AMOUNT_BITS, latest + 1 << _AMOUNT_BITS
        at = _at(project_id) + window.number * _RING
        files = self._files_of(project_id)
        return [word for cells in files for word in cells[at : at + _RING].tolist() if low <= word < high]

    def running(self, project_id: int, kind: int = 0) -> int:
        """What of a kind, 0 or 1, has begun and not ended, in all processes."""
        at = _at(project_id) + _RUNNING + kind
        return sum(cells[at] for cells in self._files_of(project_id))

    def begin(self, project_id: int, kind: int = 0) -> None:
        assert self._worker is not None
        self._files_of(project_id)[self._worker][_at(project_id) + _RUNNING + kind] += 1

    def end(self, project_id: int, kind: int = 0) -> None:
        assert self._worker is not None
        self._files_of(project_id)[self._worker][_at(project_id) + _RUNNING + kind] -= 1

    def _files_of(self, project_id: int) -> list[memoryview]:
        """The files that hold the project's words, those of the workers first and in their order."""
        number = project_id // RATE_PROJECTS_PER_FILE
        return self._files.get(number) or self._open(number)

    def _open(self, number: int) -> list[memoryview]:
        names = [f"{worker}-{number}" for worker in range(self._workers)]
        # A worker that is there no more, since the server was started with fewer, has counted too.
        names += sorted({path.name for path, _, of in self._found() if of == number}.difference(names))
        files = [_mapped(self._directory / name, self._worker is not None) for name in names]
        self._files[number] = files
        return files

    def _end_what_ran(self) -> None:
        """What this process's predecessor, which was killed, or a worker that is there no more had begun, has ended."""
        for path, worker, number in self._found():
            if worker == self._worker or worker >= self._workers:
                files = self._files_of(number * RATE_PROJECTS_PER_FILE)
                cells = files[worker] if worker < self._workers else _mapped(path, writing=True)
                for kind in range(_RUNNING_KINDS):
                    for at in range(_RUNNING + kind, len(cells), _PROJECT_WORDS):
                        if cells[at]:
                            cells[at] = 0

    def _found(self) -> list[tuple[Path, int, int]]:
        """The files there are, each with its worker and its number; what has another name is not ours."""
        named = [(path, _NAME.fullmatch(path.name)) for path in self._directory.glob("*-*") if path.is_file()]
        return [(path, int(name[1]), int(name[2])) for path, name in named if name]


def _at(project_id: int) -> int:
    return project_id % RATE_PROJECTS_PER_FILE * _PROJECT_WORDS


def _mapped(path: Path, writing: bool) -> memoryview:
    """The words of a file; to be written, it is made as long as it has to be. One that is too short to be read has just
    been made, and nothing was counted in it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC if writing else os.O_RDONLY | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(file).st_size < _FILE_BYTES:
            if not writing:
                return memoryview(bytes(_FILE_BYTES)).cast("Q")
            os.posix_fallocate(file, 0, _FILE_BYTES)  # a store into a hole would be a SIGBUS when the disk is full
        access = mmap.ACCESS_WRITE if writing else mmap.ACCESS_READ
        return memoryview(mmap.mmap(file, _FILE_BYTES, access=access)).cast("Q")
    finally:
        os.close(file)
