"""Projects whose facts may have something to tidy: those of which anything has changed since they were tidy.

Most projects are at rest. To look at the facts of each takes several statements, which for a thousand projects took a
third of a core. What must have changed before there is anything to tidy is read for all of them at once.
"""

import time
from typing import NamedTuple

from trackway.compaction import statements as sql
from trackway.compaction.limits import TIDY_INTERVAL_S
from trackway.query.sql.segments import TABLES
from trackway.store.client import Store
from trackway.store.parts import parts, sizes_of

State = tuple[object, ...]
"""What was stored of a project and of its facts at a look."""


class _Waiting(NamedTuple):
    """`is_doubted`: files of its facts have changed, and must be read."""

    state: State
    is_doubted: bool


class Untidy:
    """The projects of one store. Every method may raise StorageError."""

    def __init__(self, store: Store):
        self._store = store
        self._sizes: dict[tuple[str, str, int], dict[str, int]] = {}
        self._looked_s = float("-inf")
        self._waiting: dict[int, _Waiting] = {}
        self._tidy: dict[int, State] = {}

    def projects(self) -> list[int]:
        """Those that wait now. Looks at all where the last look is long ago."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= TIDY_INTERVAL_S:
            self._look()
            self._looked_s = now_s
        return list(self._waiting)

    def is_doubted(self, project_id: int) -> bool:
        """Whether the files of a waiting project must be read."""
        return self._waiting[project_id].is_doubted

    def has_read(self, project_id: int) -> None:
        """Its files have been read."""
        self._waiting[project_id] = self._waiting[project_id]._replace(is_doubted=False)

    def tidied(self, project_id: int, *, for_good: bool) -> None:
        """It waits no more: until the next look, or `for_good` until something changes."""
        waiting = self._waiting.pop(project_id)
        if for_good:
            self._tidy[project_id] = waiting.state

    def _look(self) -> None:
        damages, stored = self._store.query(sql.DAMAGES), dict(self._store.query(sql.STORED, {"tables": list(TABLES)}))
        states: dict[int, State] = {
            int(project): (*state, stored.get(project), *damages) for project, *state in self._store.query(sql.STATES)
        }
        self._tidy = {project: state for project, state in self._tidy.items() if states.get(project) == state}
        doubted = {project for project, waiting in self._waiting.items() if waiting.is_doubted} | self._changed()
        self._waiting = {
            project: _Waiting(state, project in doubted)
            for project, state in states.items()
            if project in doubted or project not in self._tidy
        }

    def _changed(self) -> set[int]:
        """The projects with a part whose files have other sizes than at the last look, if they had any then."""
        before, self._sizes = self._sizes, {}
        projects = set()
        for part in parts(self._store, TABLES).active:
            key = part.table, part.name, part.modified_s
            sizes = self._sizes[key] = sizes_of(part) or {}  # nothing where it is gone, or on another machine
            if before.get(key, sizes) != sizes:
                projects.add(sql.project_of(part.name))
        return projects
