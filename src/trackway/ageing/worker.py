"""The loop that lets data age. A thread of the loader's process, since the store's writes meet there.

A project's events age at its midnight, and when somebody shortens their retention:

1. Write a new horizon (`ageing.horizon`). From then on no query finds what is older.
2. Wait until all is loaded that came before the horizon was written, and until no query runs that began before it.
3. Delete the events (`ageing.event_deletion`), and write the facts anew that had them.
4. Note in the horizon that it is done.

Profiles age at midnight, too (`ageing.profiles`). Each step may be repeated, so a killed process is followed by one
that goes on. What comes later with an older time, because an edge process had not heard of a change, is hidden, and
deleted with the next horizon.

Nothing ages by a clock that may be wrong (`ageing.clock`).
"""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from trackway.ageing.clock import Clock
from trackway.ageing.clock import now_ms as _now_ms
from trackway.ageing.event_deletion import EventDeletion
from trackway.ageing.horizon import Horizon, Horizons, next_horizon
from trackway.ageing.limits import (
    AGE_POLL_S,
    AGE_RETRY_S,
    DAY_STEP_MS,
    DELETION_INTERVAL_S,
    HIDDEN_S,
    HORIZONS_AT_ONCE,
)
from trackway.ageing.profiles import UnseenProfiles
from trackway.domain.data_age import first_kept_ms, next_day_ms
from trackway.domain.errors import StorageError
from trackway.domain.partition import partition_of
from trackway.journal.log import Mark, Progress
from trackway.projects.drivers import open_reader
from trackway.projects.project import Project
from trackway.runtime.ageing_holds import waiting
from trackway.runtime.background import pause_unless
from trackway.store.client import Store
from trackway.telemetry import logs, metrics

_log: Final = logs.get("ageing")
_DAY_MS: Final = 86_400_000


class Facts(Protocol):
    """The facts of projects, which the compactor keeps."""

    def without_aged(self, project_id: int, since_ms: int) -> None: ...


class Ageing:
    """Works until `stop` is set. `projects`: where the projects database is, `region`: of which region's projects the
    store has the data. `default_days`: how long projects keep events that say nothing of it. `has_room`: whether this
    machine loads, and the disk of the store has room for parts that are written anew."""

    def __init__(
        self,
        projects: Path | str,
        region: str,
        default_days: int,
        store: Store,
        facts: Facts,
        clock: Clock,
        progress: Progress,
        stop: threading.Event,
        has_room: Callable[[], bool],
    ):
        self._reader = open_reader(projects)
        self._region = region
        self._default_days = default_days
        self._store = store
        self._horizons = Horizons(store)
        self._events = EventDeletion(store, stop)
        self._facts = facts
        self._progress = progress
        self._stop = stop
        self._has_room = has_room
        self._revision = -1
        self._next_day_ms = 0
        """When the next day of some project begins."""
        self._open: list[Horizon] = []
        self._deleted_s = float("-inf")
        self._hurried: set[int] = set()
        """Projects whose deletion does not wait for the one of the day."""
        self._profiles_since_ms: dict[int, int] = {}
        self._clock = clock

    def run(self) -> None:
        """Work, and try again while the store or the database fails. Raises only programming errors."""
        while not self._stop.is_set():
            try:
                self.turn()
            except StorageError as error:
                self._revision = -1
                if not self._stop.is_set():
                    metrics.store_error("age")
                    _log.warning("cannot delete what has aged, will try again", error=str(error))
                pause_unless(self._stop, AGE_RETRY_S, AGE_POLL_S)
            pause_unless(self._stop, AGE_POLL_S, AGE_POLL_S)

    def turn(self) -> None:
        """Take one step further where one is due. Raises StorageError."""
        for why, waits in waiting(self._clock.run_dir).items():
            metrics.ageing_waits(why, waits=waits)
        if not self._progress.has_begun or not self._has_room():  # the tables may not be there
            return
        ends, now_ms = self._progress.ends(), _now_ms()  # before the settings are read
        revision = self._reader.revision()
        if not self._clock.is_right(now_ms, revision):
            return
        if revision != self._revision or now_ms >= self._next_day_ms:
            self._look(self._reader.all_projects(), ends, now_ms)
            self._revision = revision
        if due := self._due(now_ms):
            self._delete(due)
            self._revision = -1  # a horizon may go back now

    def _look(self, projects: Sequence[Project], ends: Mark, now_ms: int) -> None:
        """Write new horizons, and delete profiles that have aged."""
        mine = [each for each in projects if each.region == self._region]
        found = self._horizons.newest()
        for each in mine:
            now = found.get(each.project_id, Horizon(each.project_id))
            position = ends[partition_of(each.project_id, len(ends))]
            if (following := next_horizon(now, each, self._default_days, position, now_ms)) is None:
                continue
            if not now.is_deleted or following.since_ms - now.since_ms > DAY_STEP_MS:
                self._hurried.add(each.project_id)
            if now.is_deleted:
                self._horizons.write(following)
                found[each.project_id] = following
        ids = {each.project_id for each in mine}
        self._open = [each for each in found.values() if not each.is_deleted and each.project_id in ids]
        for each in mine:
            self._age_profiles(each, now_ms)
        self._next_day_ms = min((next_day_ms(each.time_zone, now_ms) for each in mine), default=now_ms + _DAY_MS)

    def _due(self, now_ms: int) -> list[Horizon]:
        """Horizons whose events may be deleted now."""
        due = [
            each
            for each in self._open
            if each.position <= self._progress.of(each.project_id).loaded
            and not 0 <= now_ms - each.made_ms < 1000 * HIDDEN_S
        ]
        is_time = time.monotonic() - self._deleted_s >= DELETION_INTERVAL_S
        return due if is_time or any(each.project_id in self._hurried for each in due) else []

    def _delete(self, due: Sequence[Horizon]) -> None:
        number = 0
        for begin in range(0, len(due), HORIZONS_AT_ONCE):
            some = due[begin : begin + HORIZONS_AT_ONCE]
            number += self._events.delete(some)
            for each in some:
                self._facts.without_aged(each.project_id, each.since_ms)
                self._horizons.write(each._replace(sequence=each.sequence + 1, is_deleted=True))
                self._hurried.discard(each.project_id)
        self._deleted_s = time.monotonic()
        self._open = [each for each in self._open if each not in due]
        if number:
            _log.info("events have aged", events=number, projects=len(due))

    def _age_profiles(self, project: Project, now_ms: int) -> None:
        since_ms = first_kept_ms(project.kept_profile_days, project.time_zone, now_ms)
        if since_ms == self._profiles_since_ms.get(project.project_id, 0):
            return
        unseen = UnseenProfiles(project.project_id, since_ms)
        if number := unseen.count(self._store):
            unseen.note(self._store, number)
            unseen.delete(self._store, number, self._stop)
            _log.info("profiles have aged", profiles=number, project=project.project_id)
        self._profiles_since_ms[project.project_id] = since_ms
