"""How much each project has used lately of what is limited, over all edge processes, without a lock.

An amount arrives and is added to the present *granule*, a fifteenth of its window; a reader gets the sum of the
last sixteen, which hold the whole window that ends now. So no window, wherever it begins, holds more than was let
through while the sum was below the limit, and the moment at which a granule leaves the sum is known exactly.

The amounts are in mapped files below `run/rates`, one for each process and each 256 projects. A process writes its
own files only, a granule and its amount in one word of memory, so that no reader sees half of one; a reader adds
the files of all processes up. What a killed process had counted stays, and its successor goes on from there. What other
machines count is in files that one process writes (`edge.quotas.machines`), as if all of them were one more process.
"""

import mmap
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from trackway.edge.limits import RATE_GRANULES, RATE_PROJECTS_PER_FILE

RING: Final = RATE_GRANULES + 1
AMOUNT_BITS: Final = 32
AMOUNT: Final = (1 << AMOUNT_BITS) - 1
_WINDOWS_MAX: Final = 6
RUNNING: Final = RING * _WINDOWS_MAX
"""Place of the numbers of things that run now, behind the rings of all windows."""
RUNNING_KINDS: Final = 2
PROJECT_WORDS: Final = RUNNING + 16
FILE_BYTES: Final = RATE_PROJECTS_PER_FILE * PROJECT_WORDS * 8
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

    `clock_s`: seconds since the epoch. `with_machines`: what other machines use counts, too. Raises OSError, also
    later, when there is no room for a file.
    """

    def __init__(
        self,
        directory: Path,
        worker: int | None,
        workers: int,
        clock_s: Callable[[], float] = time.time,
        *,
        with_machines: bool = False,
    ):
        self._directory = directory
        self._with_machines = with_machines
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
        at = _at(project_id) + window.number * RING + granule % RING
        word = cells[at]
        if word >> AMOUNT_BITS == granule:
            amount += word & AMOUNT
        cells[at] = granule << AMOUNT_BITS | min(amount, AMOUNT)

    def used(self, project_id: int, window: Window) -> int:
        """What was added within the window that ends now, and up to a fifteenth of it more."""
        return sum(word & AMOUNT for word in self._counting(project_id, window))

    def below_at_s(self, project_id: int, window: Window, limit: int) -> int:
        """The second, since the epoch, at which `used` is below the limit if nothing is added; 0: it is now."""
        words = sorted(self._counting(project_id, window), reverse=True)
        total, at_s = sum(word & AMOUNT for word in words), 0
        while total >= limit and words:
            word = words.pop()
            total -= word & AMOUNT
            at_s = ((word >> AMOUNT_BITS) + RING) * window.granule_s
        return at_s

    def now_s(self) -> float:
        return self._clock_s()

    def _counting(self, project_id: int, window: Window) -> list[int]:
        """The words of the granules that count now, of all processes."""
        latest = int(self._clock_s()) // window.granule_s
        low, high = latest - RATE_GRANULES << AMOUNT_BITS, latest + 1 << AMOUNT_BITS
        at = _at(project_id) + window.number * RING
        files = self._files_of(project_id)
        return [word for cells in files for word in cells[at : at + RING].tolist() if low <= word < high]

    def running(self, project_id: int, kind: int = 0) -> int:
        """What of a kind, 0 or 1, has begun and not ended, in all processes."""
        at = _at(project_id) + RUNNING + kind
        return sum(cells[at] for cells in self._files_of(project_id))

    def begin(self, project_id: int, kind: int = 0) -> None:
        assert self._worker is not None
        self._files_of(project_id)[self._worker][_at(project_id) + RUNNING + kind] += 1

    def end(self, project_id: int, kind: int = 0) -> None:
        assert self._worker is not None
        self._files_of(project_id)[self._worker][_at(project_id) + RUNNING + kind] -= 1

    def _files_of(self, project_id: int) -> list[memoryview]:
        """The files that hold the project's words: of workers in their order, of gone workers, of other machines."""
        number = project_id // RATE_PROJECTS_PER_FILE
        return self._files.get(number) or self._open(number)

    def _open(self, number: int) -> list[memoryview]:
        names = [f"{worker}-{number}" for worker in range(self._workers)]
        # A worker that is there no more, since the server was started with fewer, has counted too.
        names += sorted({each.path.name for each in found(self._directory) if each.number == number}.difference(names))
        names += [of_machines(number)] if self._with_machines else []
        files = [mapped(self._directory / name, self._worker is not None) for name in names]
        self._files[number] = files
        return files

    def _end_what_ran(self) -> None:
        """What this process's predecessor, which was killed, or a worker that is there no more had begun, has ended."""
        for path, worker, number in found(self._directory):
            if worker == self._worker or worker >= self._workers:
                files = self._files_of(number * RATE_PROJECTS_PER_FILE)
                end_running(files[worker] if worker < self._workers else mapped(path, writing=True))


class Found(NamedTuple):
    """A file of a worker of this machine, for the projects from RATE_PROJECTS_PER_FILE times `number` on."""

    path: Path
    worker: int
    number: int


def found(directory: Path) -> list[Found]:
    """The files there are of this machine's workers; what has another name is not theirs."""
    named = [(path, _NAME.fullmatch(path.name)) for path in directory.glob("*-*") if path.is_file()]
    return [Found(path, int(name[1]), int(name[2])) for path, name in named if name]


def of_machines(number: int) -> str:
    """The name of the file with the use of all other machines."""
    return f"machines-{number}"


def end_running(cells: memoryview) -> None:
    """What runs by these words has ended."""
    for kind in range(RUNNING_KINDS):
        for at in range(RUNNING + kind, len(cells), PROJECT_WORDS):
            if cells[at]:
                cells[at] = 0


def _at(project_id: int) -> int:
    return project_id % RATE_PROJECTS_PER_FILE * PROJECT_WORDS


def mapped(path: Path, writing: bool) -> memoryview:
    """The words of a file; to be written, it is made as long as it has to be. One that is too short to be read has just
    been made, and nothing was counted in it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC if writing else os.O_RDONLY | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(file).st_size < FILE_BYTES:
            if not writing:
                return memoryview(bytes(FILE_BYTES)).cast("Q")
            os.posix_fallocate(file, 0, FILE_BYTES)  # a store into a hole would be a SIGBUS when the disk is full
        access = mmap.ACCESS_WRITE if writing else mmap.ACCESS_READ
        return memoryview(mmap.mmap(file, FILE_BYTES, access=access)).cast("Q")
    finally:
        os.close(file)
