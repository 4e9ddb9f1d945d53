"""Tasks about persons as rows of the projects database.

Each method is one transaction. An edge process asks for tasks and cancels them. The process that writes the store
begins and ends them: each step is conditional on the state before, so a task is never both cancelled and begun.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from trackway.domain.errors import StateError
from trackway.projects.audit import SERVER, Action, Note
from trackway.projects.database import ProjectsDatabase
from trackway.projects.limits import (
    PERSON_TASK_DAY_MS,
    PERSON_TASKS_MAX,
    PERSON_TASKS_OPEN_MAX,
    PERSON_TASKS_SHOWN_MAX,
)
from trackway.projects.person_task import Kind, PersonTask, State, TaskBegun, check_ids
from trackway.projects.saved import UnknownSaved
from trackway.projects.tables.alerts import alerts
from trackway.projects.tables.projects import person_tasks, projects
from trackway.projects.tables.saved import (
    annotation_tags,
    annotations,
    bookmarks,
    cohorts,
    dashboards,
    lookup_mappings,
    share_links,
)

_OPEN: Final[tuple[State, ...]] = ("PENDING", "STARTED")
_OF_DELETED: Final = (
    alerts,
    annotation_tags,
    annotations,
    bookmarks,
    cohorts,
    dashboards,
    lookup_mappings,
    share_links,
)
"""What a deleted project had saved."""
_ASKED: Final[Mapping[str, Action]] = {"deletion": "person erasure asked", "retrieval": "person export asked"}


class PersonTasks:
    """The tasks of the projects of a database. Every method raises StorageError when the database is away."""

    def __init__(self, database: ProjectsDatabase):
        self._database = database

    def ask(
        self,
        kind: Kind,
        project_id: int,
        ids: Sequence[str],
        requester: str,
        *,
        compliance: str = "GDPR",
        disclosure: str = "",
        delay_s: int = 0,
    ) -> PersonTask:
        """A new task, durable at return. A deletion begins after `delay_s`. A retrieval is done at once: its file is
        made when somebody reads it, until its day is over. Raises InvalidInput for bad ids, StateError where the
        project has too many tasks."""
        wanted, now_ms = check_ids(kind, ids), _now_ms()
        row = _row(kind, project_id, wanted, requester, now_ms) | {
            "state": "PENDING" if kind == "deletion" else "SUCCESS",
            "compliance": compliance,
            "disclosure": disclosure,
            "starts_at_ms": now_ms + 1000 * delay_s,
            "ended_at_ms": None if kind == "deletion" else now_ms,
        }
        locked = select(projects.c.project_id).where(projects.c.project_id == project_id).with_for_update()
        with self._database.saving() as change:
            change.connection.execute(locked)
            _check_room(change.connection, project_id)
            key = change.connection.execute(insert(person_tasks).values(row)).inserted_primary_key
            assert key is not None, "an insert of one row reports its key"
            change.note(Note(_ASKED[kind], project_id, f"task {key[0]}, ids: {len(wanted)}"))
            return _one(change.connection, kind, project_id, key[0])

    def one(self, kind: Kind, project_id: int, task_id: int) -> PersonTask:
        """Raises UnknownSaved."""
        with self._database.reading() as connection:
            return _one(connection, kind, project_id, task_id)

    def newest(self, project_id: int) -> list[PersonTask]:
        """The newest tasks of a project, the last one first."""
        mine = select(person_tasks).where(person_tasks.c.project_id == project_id)
        ordered = mine.order_by(person_tasks.c.task_id.desc()).limit(PERSON_TASKS_SHOWN_MAX)
        with self._database.reading() as connection:
            return [_task(row) for row in connection.execute(ordered)]

    def erased(self, project_id: int, table: str) -> tuple[int, bool]:
        """How many rows of a table of the store all deletions of a project have erased, and whether one is under
        way."""
        mine = (person_tasks.c.project_id == project_id, person_tasks.c.kind == "deletion")
        with self._database.reading() as connection:
            tasks = [_task(row) for row in connection.execute(select(person_tasks).where(*mine))]
        rows = sum(int(each.report.get("before", {}).get(table, 0)) for each in tasks)
        return rows, any(each.state == "STARTED" for each in tasks)

    def cancel(self, kind: Kind, project_id: int, task_id: int) -> None:
        """Raises UnknownSaved, and TaskBegun where it is too late."""
        with self._database.saving() as change:
            task = _one(change.connection, kind, project_id, task_id)
            values = {"state": "REVOKED", "ended_at_ms": _now_ms()}
            if not _moved(change.connection, task, "PENDING", values):
                raise TaskBegun(f"task {task_id} has begun: it cannot be cancelled")
            change.note(Note("person erasure cancelled", project_id, f"task {task_id}"))

    def due(self, now_ms: int, region: str) -> list[PersonTask]:
        """The tasks of a region's projects to be worked on, in the order in which they were asked for: those to begin,
        those begun, and those whose day is over while they have their ids."""
        table = person_tasks.c
        waits = and_(table.state == "PENDING", table.starts_at_ms <= now_ms)
        forgets = and_(table.has_ids, table.until_ms < now_ms)
        here = table.project_id.in_(select(projects.c.project_id).where(_of_region(region)))
        is_due = or_(waits, table.state == "STARTED", forgets)
        chosen = select(person_tasks).where(here, is_due).order_by(table.task_id)
        with self._database.reading() as connection:
            return [_task(row) for row in connection.execute(chosen)]

    def add_deleted_projects(self, region: str) -> None:
        """Add a task for each deleted project of a region that has none. It erases all that the project has saved,
        too."""
        table, now_ms = person_tasks.c, _now_ms()
        known = select(table.project_id).where(table.kind == "project")
        gone = (_of_region(region), projects.c.deleted_at_ms.is_not(None), projects.c.project_id.not_in(known))
        with self._database.saving() as change:
            for (project_id,) in change.connection.execute(select(projects.c.project_id).where(*gone)).all():
                for saved in _OF_DELETED:
                    change.connection.execute(delete(saved).where(saved.c.project_id == project_id))
                row: dict[str, Any] = _row("project", project_id, [], SERVER.name, now_ms)
                change.connection.execute(insert(person_tasks).values(row | {"has_ids": False}))
            change.note()

    def begin(self, task: PersonTask) -> bool:
        """Begin a task. False where it was cancelled meanwhile."""
        with self._database.saving() as change:
            change.note()
            return _moved(change.connection, task, "PENDING", {"state": "STARTED", "started_at_ms": _now_ms()})

    def write(self, task: PersonTask, report: Mapping[str, Any], state: State = "STARTED") -> None:
        """Write what was counted; another state ends the task."""
        values: dict[str, Any] = {"report": dict(report), "state": state}
        if state not in _OPEN:
            values["ended_at_ms"] = _now_ms()
        with self._database.saving() as change:
            change.note()
            _moved(change.connection, task, "STARTED", values)

    def forget(self, task: PersonTask, hashes: Sequence[str], report: Mapping[str, Any]) -> None:
        """Keep hashes instead of the ids of a task that has ended."""
        values = {"ids": list(hashes), "has_ids": False, "report": dict(report)}
        with self._database.saving() as change:
            change.note()
            _moved(change.connection, task, task.state, values)


def _of_region(region: str) -> ColumnElement[bool]:
    """Servers of several regions may share the database, and each has the data of its own."""
    return projects.c.region == region


def _row(kind: Kind, project_id: int, ids: Sequence[str], requester: str, now_ms: int) -> dict[str, Any]:
    """A task that may begin now."""
    return {
        "project_id": project_id,
        "kind": kind,
        "state": "PENDING",
        "compliance": "",
        "disclosure": "",
        "requester": requester,
        "ids": list(ids),
        "has_ids": True,
        "id_count": len(ids),
        "asked_at_ms": now_ms,
        "starts_at_ms": now_ms,
        "until_ms": now_ms + PERSON_TASK_DAY_MS,
        "report": {},
    }


def _moved(connection: Connection, task: PersonTask, state: State, values: Mapping[str, Any]) -> bool:
    """Whether the task was in that state, and so was changed."""
    here = (person_tasks.c.task_id == task.task_id, person_tasks.c.state == state)
    return connection.execute(update(person_tasks).where(*here).values(values)).rowcount == 1


def _one(connection: Connection, kind: Kind, project_id: int, task_id: int) -> PersonTask:
    table = person_tasks.c
    here = (table.project_id == project_id, table.kind == kind, table.task_id == task_id)
    for row in connection.execute(select(person_tasks).where(*here)):
        return _task(row)
    raise UnknownSaved(f"task {task_id} was not found")


def _task(row: Any) -> PersonTask:
    return PersonTask(**row._mapping)


def _check_room(connection: Connection, project_id: int) -> None:
    mine = select(func.count()).select_from(person_tasks).where(person_tasks.c.project_id == project_id)
    if connection.execute(mine).scalar_one() >= PERSON_TASKS_MAX:
        raise StateError(f"a project must not have more than {PERSON_TASKS_MAX} tasks about persons")
    if connection.execute(mine.where(person_tasks.c.state.in_(_OPEN))).scalar_one() >= PERSON_TASKS_OPEN_MAX:
        raise StateError(f"a project must not have more than {PERSON_TASKS_OPEN_MAX} open tasks about persons")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
