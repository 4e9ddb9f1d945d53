"""The loop that works on tasks about persons. A thread of the loader's process, since the store's writes meet there.

A task goes on with its first step after a crash, and every step may be repeated:

1. Find all ids of the persons, and note them in the store. From then on the loader drops what comes under them. Wait
   until what it had read before is in the store, and look for ids again, since links may have come in between.
2. Count what there is.
3. Delete it, table by table, the facts by new segments, and links last.
4. Count again. The task ends when nothing is left. Old segments of facts go some minutes later.

When the task's day is over, what is left is counted once more, and hashes take the place of the ids.
"""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from trackway.domain.errors import StorageError
from trackway.erasure.deletion import Deletion
from trackway.erasure.limits import ERASURE_RETRY_S, LOOK_AGAIN_S, TAKEN_IDS_MAX, TAKING_ROUNDS_MAX, TASK_POLL_S
from trackway.erasure.statements import EVENTS, OF_PROJECT, TARGETS
from trackway.journal.log import Progress
from trackway.projects.drivers import open_reader
from trackway.projects.person_task import PersonTask
from trackway.runtime.background import pause, pause_unless
from trackway.telemetry import logs, metrics

if TYPE_CHECKING:
    from trackway.projects.person_task_table import PersonTasks

FACTS: Final = "facts"
_log = logs.get("erasure")


class Erasures(Protocol):
    """The loader's erasures."""

    def add(self, erasures: Iterable[tuple[int, bytes, int]]) -> None: ...


class Facts(Protocol):
    """The facts of projects, which the compactor keeps."""

    def without_erased(self, project_id: int) -> None: ...

    def erased_left(self, project_id: int) -> int: ...

    def paused(self) -> AbstractContextManager[None]: ...


class Worker:
    """Works until `stop` is set. `projects`: where the projects database is, `region`: of which region's
    projects the store has the data. `has_room`: whether the disk of the store has room for parts that are written anew.
    `turns` is held while tasks are worked on. A thread that holds it keeps them as they are."""

    def __init__(
        self,
        projects: Path | str,
        region: str,
        deletion: Deletion,
        erasures: Erasures,
        facts: Facts,
        progress: Progress,
        stop: threading.Event,
        has_room: Callable[[], bool],
        turns: "threading.Lock | None" = None,
    ):
        self._projects = projects
        self._region = region
        self._reader = open_reader(projects)
        self._opened: PersonTasks | None = None
        self._deletion = deletion
        self._erasures = erasures
        self._facts = facts
        self._progress = progress
        self._stop = stop
        self._has_room = has_room
        self._turns = turns or threading.Lock()
        self._again_s: dict[int, float] = {}

    def run(self) -> None:
        """Work, and try again while the store or the database fails. Raises only programming errors."""
        while not self._stop.is_set():
            try:
                with self._turns:
                    self.turn()
            except StorageError as error:
                if not self._stop.is_set():
                    metrics.store_error("erase")
                    _log.warning("cannot erase, will try again", error=str(error))
                pause_unless(self._stop, ERASURE_RETRY_S, TASK_POLL_S)
            pause_unless(self._stop, TASK_POLL_S, TASK_POLL_S)

    def turn(self) -> None:
        """Work on each task that is due. Raises StorageError."""
        if not self._progress.has_begun or not self._has_room():  # the tables may not be there
            return
        if self._reader.has_deleted_projects():
            self._tasks().add_deleted_projects(self._region)
        due_ms, now_ms = self._reader.next_person_task_ms(), _now_ms()
        if due_ms is None or due_ms > now_ms:
            return
        for task in self._tasks().due(now_ms, self._region):
            if not self._stop.is_set() and time.monotonic() >= self._again_s.get(task.task_id, 0.0):
                self._work(task)

    def _work(self, task: PersonTask) -> None:
        if task.state == "PENDING":
            if not self._tasks().begin(task):
                return
            _log.info("a task begins", kind=task.kind, task=task.task_id, project=task.project_id, ids=task.id_count)
            self._erase(task) if task.kind == "deletion" else self._erase_project(task)
        elif task.state == "STARTED":
            self._erase(task) if task.kind == "deletion" else self._erase_project(task)
        else:
            self._forget(task)

    def _erase(self, task: PersonTask) -> None:
        report: dict[str, Any] = dict(task.report)
        if "before" not in report:
            taken = self._take(task)
            if taken > TAKEN_IDS_MAX:
                report["failure"] = f"the persons have more than {TAKEN_IDS_MAX} ids: name fewer at once"
                self._tasks().write(task, report, "FAILURE")
                return
            counts = self._deletion.counts(task.project_id, final=True)
            facts = self._facts.erased_left(task.project_id)
            report |= {"person_ids": taken, "before": counts | {FACTS: facts}, "counted_at_ms": _now_ms()}
            self._tasks().write(task, report)
        if self._waits_for_facts(task):
            self._again_s[task.task_id] = time.monotonic() + LOOK_AGAIN_S
            return
        self._delete(task.project_id)
        left = self._left(task.project_id)
        report |= {"left": left, "checked_at_ms": _now_ms()}
        if any(left.values()):
            self._tasks().write(task, report)
            self._again_s[task.task_id] = time.monotonic() + LOOK_AGAIN_S
            return
        self._tasks().write(task, report, "SUCCESS")
        self._again_s.pop(task.task_id, None)
        _log.info("persons are erased", task=task.task_id, project=task.project_id, rows=sum(report["before"].values()))

    def _erase_project(self, task: PersonTask) -> None:
        """Erase all of a deleted project. Edge processes have forgotten its keys before its day is over."""
        project_id, report = task.project_id, dict(task.report)
        self._erasures.add(self._deletion.begin_project(project_id, task.task_id, 1000 * task.until_ms))
        self._wait_for_loader(project_id)
        if "before" not in report:
            report["before"] = self._deletion.rows(project_id, OF_PROJECT, final=False)
            self._tasks().write(task, report)
        with self._facts.paused():
            for target in OF_PROJECT:
                self._deletion.delete(target, project_id)
        self._erasures.add(())
        report |= {"left": self._deletion.rows(project_id, OF_PROJECT, final=False), "checked_at_ms": _now_ms()}
        is_gone = not any(report["left"].values())
        self._tasks().write(task, report, "SUCCESS" if is_gone else "STARTED")
        if is_gone:
            _log.info("a deleted project is erased", project=project_id, rows=sum(report["before"].values()))
        else:
            self._again_s[task.task_id] = time.monotonic() + LOOK_AGAIN_S

    def _waits_for_facts(self, task: PersonTask) -> bool:
        """Whether only old segments of facts were left the last time, and are still there."""
        left = task.report.get("left")
        gone = left is not None and not any(rows for table, rows in left.items() if table != FACTS)
        return gone and self._facts.erased_left(task.project_id) > 0

    def _take(self, task: PersonTask) -> int:
        """Note all ids of the persons, until no more come. Returns their number."""
        project_id, until_us = task.project_id, 1000 * max(task.until_ms, _now_ms())
        for _ in range(TAKING_ROUNDS_MAX):
            found = self._deletion.persons(project_id, task.ids) | set(task.ids)
            known = self._deletion.known(project_id, task.task_id)
            if len(found) > TAKEN_IDS_MAX or found <= known:
                return len(found)
            self._erasures.add(self._deletion.begin(project_id, task.task_id, found, until_us))
            self._wait_for_loader(project_id)
        raise StorageError("ids of the persons kept coming")

    def _wait_for_loader(self, project_id: int) -> None:
        """Return when all of the project that the loader read before now is in the store."""
        progress = self._progress.of(project_id)
        synced = progress.synced
        while progress.loaded < synced:
            if self._stop.is_set():
                raise StorageError("the erasure goes on after the next start")
            pause(TASK_POLL_S / 10)

    def _delete(self, project_id: int) -> None:
        for target in TARGETS[:-1]:
            if target is EVENTS and self._deletion.names_linking_events(project_id):
                self._deletion.rebuild_facts(project_id)
            self._deletion.delete(target, project_id)
        self._deletion.delete_rejected(project_id)
        self._facts.without_erased(project_id)
        self._deletion.delete(TARGETS[-1], project_id)
        self._erasures.add(())  # the loader forgets which links are there

    def _left(self, project_id: int) -> dict[str, int]:
        return self._deletion.counts(project_id, final=False) | {FACTS: self._facts.erased_left(project_id)}

    def _forget(self, task: PersonTask) -> None:
        """The day is over: count again, delete what a killed process may have left, and keep hashes of the ids."""
        report = dict(task.report)
        if task.state == "SUCCESS" and task.kind == "deletion":
            left = self._left(task.project_id)
            if any(left.values()):
                _log.warning("erased persons were there again", task=task.task_id, project=task.project_id, rows=left)
                self._delete(task.project_id)
                self._again_s[task.task_id] = time.monotonic() + LOOK_AGAIN_S
                return
            report |= {"left": left, "checked_at_ms": _now_ms()}
        self._tasks().forget(task, self._deletion.hashes(task.project_id, task.ids), report)
        self._deletion.forget(task.task_id)

    def _tasks(self) -> "PersonTasks":
        if self._opened is None:
            from trackway.projects.database import ProjectsDatabase  # noqa: PLC0415  # 40 MB, when there is a task
            from trackway.projects.person_task_table import PersonTasks  # noqa: PLC0415

            self._opened = PersonTasks(ProjectsDatabase(self._projects))
        return self._opened


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
