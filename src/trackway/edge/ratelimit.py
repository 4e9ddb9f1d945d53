"""How many requests a project has made this hour, over all edge processes of the machine, without a lock.

One shared memory file holds a cell for each (project, worker). Only that worker writes its cell; whoever asks adds the
cells of the project up. Two workers that ask in the same microsecond may therefore let a request more through than
the limit says, never fewer; in return a refused request costs a few memory reads.
"""

import mmap
import os
import time
from collections.abc import Callable
from pathlib import Path

from trackway.errors import RequestError
from trackway.limits import RATE_SLOTS
from trackway.projects.project import Project
from trackway.settings import Settings

HOUR_S = 3600
_WORDS = 8
_IMPORT, _EXPORT, _RUNNING = 0, 2, 4
"""Places in a cell: the hour and the count of imports, of exports, and the exports running now."""

EXCEEDED = "Project exceeded rate limits. Please retry the request with exponential backoff."


class RateLimits:
    """The hourly limits of `/import` and of exports (protocol §9).

    `path` is the beginning of the shared file's name, `worker` this process's column, below `settings.worker_count`.
    Projects share a slot when there are more than RATE_SLOTS of them. `clock_s`: seconds since the epoch.
    """

    def __init__(self, path: Path, worker: int, settings: Settings, clock_s: Callable[[], float] = time.time):
        self._settings = settings
        self._clock_s = clock_s
        self._worker, self._workers = worker, settings.worker_count
        size = RATE_SLOTS * self._workers * _WORDS * 8
        # A file for each number of workers, since that decides what stands where in it.
        file = os.open(path.with_name(f"{path.name}-{self._workers}"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(file).st_size != size:
                os.posix_fallocate(file, 0, size)  # a store into a hole would be a SIGBUS when the disk is full
            self._cells = memoryview(mmap.mmap(file, size)).cast("Q")
        finally:
            os.close(file)
        for slot in range(RATE_SLOTS):
            at = self._at(slot, worker) + _RUNNING
            if self._cells[at]:  # exports of this worker's predecessor, which was killed
                self._cells[at] = 0

    def count_import(self, project: Project) -> None:
        """Count a request to `/import`. Raises RequestError 429 when the project is over its limit."""
        limit = project.setting("import_requests_per_hour", self._settings.import_requests_per_hour)
        self._count(project, _IMPORT, limit)

    def begin_export(self, project: Project, *, counted: bool = True) -> None:
        """Begin an export or query, which runs until `end_export`; one that is not `counted` is bound by the number
        that run at once alone. Raises RequestError 429."""
        if not self._settings.rate_limits:
            return
        running_max = project.setting("export_concurrent_max", self._settings.export_concurrent_max)
        slot = project.project_id % RATE_SLOTS
        if sum(self._cells[self._at(slot, worker) + _RUNNING] for worker in range(self._workers)) >= running_max:
            raise RequestError(429, EXCEEDED, retry_after_s=1)
        if counted:
            limit = project.setting("export_requests_per_hour", self._settings.export_requests_per_hour)
            self._count(project, _EXPORT, limit)
        self._cells[self._at(slot, self._worker) + _RUNNING] += 1

    def end_export(self, project: Project) -> None:
        if self._settings.rate_limits:
            self._cells[self._at(project.project_id % RATE_SLOTS, self._worker) + _RUNNING] -= 1

    def _count(self, project: Project, kind: int, limit: int) -> None:
        if not self._settings.rate_limits:
            return
        now_s = int(self._clock_s())
        hour = now_s // HOUR_S
        slot = project.project_id % RATE_SLOTS
        cells = self._cells
        used = 0
        for worker in range(self._workers):
            at = self._at(slot, worker) + kind
            if cells[at] == hour:
                used += cells[at + 1]
        if used >= limit:
            raise RequestError(429, EXCEEDED, retry_after_s=HOUR_S - now_s % HOUR_S)
        mine = self._at(slot, self._worker) + kind
        if cells[mine] != hour:
            cells[mine + 1] = 0
            cells[mine] = hour
        cells[mine + 1] += 1

    def _at(self, slot: int, worker: int) -> int:
        return (slot * self._workers + worker) * _WORDS
