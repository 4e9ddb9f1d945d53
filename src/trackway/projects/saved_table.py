"""Saved reports, dashboards, cohorts, annotations, tags and mappings as rows of the projects database, by the same
statements.

Each method is one transaction. A change and its audit entry are committed together. The row of the project is locked
first, so that changes of one project have one order and no bound is passed.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from trackway.domain.errors import StateError
from trackway.projects.audit import Action, Note
from trackway.projects.change import Change
from trackway.projects.database import ProjectsDatabase
from trackway.projects.limits import (
    ANNOTATION_TAGS_MAX,
    ANNOTATIONS_MAX,
    BOOKMARKS_MAX,
    COHORTS_MAX,
    DASHBOARDS_MAX,
    LOOKUP_MAPPINGS_MAX,
    SHARE_LINKS_MAX,
)
from trackway.projects.saved import (
    Annotation,
    Bookmark,
    Cohort,
    Creator,
    Dashboard,
    LookupMapping,
    Made,
    ShareLink,
    Tag,
    UnknownSaved,
)
from trackway.projects.tables.projects import projects
from trackway.projects.tables.saved import (
    annotation_tags,
    annotations,
    bookmarks,
    cohorts,
    dashboards,
    lookup_mappings,
    share_links,
)

Value = TypeVar("Value", Bookmark, Dashboard, ShareLink, Cohort, Annotation, Tag, LookupMapping)
_MADE: Final = 4
"""Columns of `Made`, the last ones of each table."""


class _Kind(NamedTuple):
    """A kind of saved things. `actions` are those of the audit: saved, changed, deleted. `subject` is the column that
    names one there. A project has at most `count_max`."""

    noun: str
    table: Table
    count_max: int
    actions: tuple[Action, ...]
    subject: str = "name"

    @property
    def key(self) -> Column[Any]:
        return next(iter(self.table.primary_key))

    def note(self, action: int, project_id: int, saved_id: int, subject: object) -> Note:
        return Note(self.actions[action], project_id, f"{saved_id} {subject}")


_KINDS: Final[Mapping[type, _Kind]] = {
    Bookmark: _Kind("report", bookmarks, BOOKMARKS_MAX, ("report saved", "report changed", "report deleted")),
    Dashboard: _Kind(
        "dashboard", dashboards, DASHBOARDS_MAX, ("dashboard saved", "dashboard changed", "dashboard deleted")
    ),
    ShareLink: _Kind("link", share_links, SHARE_LINKS_MAX, ("link shared", "link shared", "link revoked"), "target"),
    Cohort: _Kind("cohort", cohorts, COHORTS_MAX, ("cohort saved", "cohort changed", "cohort deleted")),
    Annotation: _Kind(
        "annotation",
        annotations,
        ANNOTATIONS_MAX,
        ("annotation saved", "annotation changed", "annotation deleted"),
        "date",
    ),
    Tag: _Kind("tag", annotation_tags, ANNOTATION_TAGS_MAX, ("tag saved",)),
    LookupMapping: _Kind(
        "mapping",
        lookup_mappings,
        LOOKUP_MAPPINGS_MAX,
        ("lookup table mapped", "lookup table mapped", "lookup table unmapped"),
        "property",
    ),
}


Check = Callable[[list[Value]], None]
"""Gets all of a kind that a project has after a change. If it raises, nothing was changed."""


class Saved:
    """What the projects of a database have saved. Every method raises StorageError when the database is away."""

    def __init__(self, database: ProjectsDatabase):
        self._database = database

    def all(self, of: type[Value], project_id: int, ids: Collection[int] | None = None, **equal: str) -> list[Value]:
        """Those of a project, by id: only those with these ids, and with these values in columns."""
        kind = _KINDS[of]
        conditions: list[ColumnElement[bool]] = [kind.table.c[name] == value for name, value in equal.items()]
        if ids is not None:
            conditions.append(kind.key.in_(list(ids)))
        with self._database.reading() as connection:
            return _found(connection, of, project_id, *conditions)

    def between(self, of: type[Value], project_id: int, column: str, first: str, last: str) -> list[Value]:
        """Those of a project whose column has a text from `first` to `last`, by id; "" is no bound."""
        text = _KINDS[of].table.c[column]
        bounds: list[tuple[str, ColumnElement[bool]]] = [(first, text >= first), (last, text <= last)]
        conditions = [condition for bound, condition in bounds if bound]
        with self._database.reading() as connection:
            return _found(connection, of, project_id, *conditions)

    def one(self, of: type[Value], project_id: int, saved_id: int) -> Value:
        """Raises UnknownSaved."""
        with self._database.reading() as connection:
            return _one(connection, of, project_id, saved_id)

    def shared_by(self, token_hash: str) -> ShareLink | None:
        """The link of any project whose token has this hash."""
        table = share_links
        with self._database.reading() as connection:
            found = connection.execute(
                select(table.c.project_id, table.c.link_id).where(table.c.token_hash == token_hash)
            )
            for project_id, link_id in found:
                return _one(connection, ShareLink, project_id, link_id)
        return None

    def create(
        self,
        of: type[Value],
        project_id: int,
        columns: Mapping[str, Any],
        creator: Creator,
        check: Check[Value] | None = None,
    ) -> Value:
        """A new one, durable at return. Raises StateError when there are too many, or when the name of a
        tag or the property of a mapping is taken."""
        kind, now_ms = _KINDS[of], time.time_ns() // 1_000_000
        made = {"created_at_ms": now_ms, "modified_at_ms": now_ms}
        by = {"creator_id": creator.account_id, "creator_name": creator.name}
        row = {"project_id": project_id, **columns, **made, **by}
        try:
            with self._change(project_id) as change:
                _check_room(change.connection, kind, project_id)
                key = change.connection.execute(insert(kind.table).values(row)).inserted_primary_key
                assert key is not None, "an insert of one row reports its key"
                change.note(kind.note(0, project_id, key[0], columns[kind.subject]))
                _check(change.connection, of, project_id, check)
                return _one(change.connection, of, project_id, key[0])
        except IntegrityError as error:
            raise StateError(f"{kind.noun} {columns[kind.subject]!r} is there already") from error

    def change(
        self,
        of: type[Value],
        project_id: int,
        saved_id: int,
        columns: Mapping[str, Any] | Callable[[Value], Mapping[str, Any]],
        check: Check[Value] | None = None,
    ) -> Value:
        """It after a change of these columns; a function gives those that depend on it. Raises UnknownSaved."""
        kind = _KINDS[of]
        with self._change(project_id) as change:
            wanted = columns(_one(change.connection, of, project_id, saved_id)) if callable(columns) else columns
            changed = {**wanted, "modified_at_ms": time.time_ns() // 1_000_000}
            change.connection.execute(update(kind.table).where(*_here(kind, project_id, saved_id)).values(changed))
            value = _one(change.connection, of, project_id, saved_id)
            _check(change.connection, of, project_id, check)
            change.note(kind.note(1, project_id, saved_id, getattr(value, kind.subject)))
            return value

    def delete(self, of: type[Value], project_id: int, saved_id: int, check: Check[Value] | None = None) -> None:
        """Raises UnknownSaved."""
        kind = _KINDS[of]
        with self._change(project_id) as change:
            value = _one(change.connection, of, project_id, saved_id)
            change.connection.execute(delete(kind.table).where(*_here(kind, project_id, saved_id)))
            _check(change.connection, of, project_id, check)
            change.note(kind.note(2, project_id, saved_id, getattr(value, kind.subject)))

    @contextmanager
    def _change(self, project_id: int) -> Iterator[Change]:
        """SQLite has locked the whole file already, and ignores the lock of the row."""
        locked = select(projects.c.project_id).where(projects.c.project_id == project_id).with_for_update()
        with self._database.saving() as change:
            change.connection.execute(locked)
            yield change


def _here(kind: _Kind, project_id: int, saved_id: int) -> tuple[ColumnElement[bool], ...]:
    return kind.table.c.project_id == project_id, kind.key == saved_id


def _check_room(connection: Connection, kind: _Kind, project_id: int) -> None:
    mine = select(func.count()).select_from(kind.table).where(kind.table.c.project_id == project_id)
    if connection.execute(mine).scalar_one() >= kind.count_max:
        raise StateError(f"a project must not have more than {kind.count_max} {kind.noun}s")


def _check(connection: Connection, of: type[Value], project_id: int, check: Check[Value] | None) -> None:
    if check is not None:
        check(_found(connection, of, project_id))


def _one(connection: Connection, of: type[Value], project_id: int, saved_id: int) -> Value:
    kind = _KINDS[of]
    for value in _found(connection, of, project_id, kind.key == saved_id):
        return value
    raise UnknownSaved(f"{kind.noun} {saved_id} was not found")


def _found(connection: Connection, of: type[Value], project_id: int, *conditions: ColumnElement[bool]) -> list[Value]:
    table, key = _KINDS[of].table, _KINDS[of].key
    mine = select(*table.c).where(table.c.project_id == project_id, *conditions).order_by(key)
    make: Callable[..., Value] = of
    return [make(*row[:-_MADE], Made(*row[-_MADE:])) for row in connection.execute(mine)]
