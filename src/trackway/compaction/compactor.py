"""The compactor's loop: from events to facts, in small steps, while the loader has no lag.

It is a thread of the loader's process. A project's facts are complete up to a position of the journal. Each step takes
the events from there on, up to the loader's cursor at most. So reports read facts and the few newer events. Facts are
no truth: where they or the events were damaged, they are built anew. After each step the thread rests, so that it works
for a share of its time only (`compaction.pace`).
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from trackway.compaction import statements as sql
from trackway.compaction.changes import Changes
from trackway.compaction.limits import (
    DOUBT_INTERVAL_S,
    IDLE_POLL_S,
    POLL_S,
    RETRY_S,
    STEP_EVENTS_MIN,
    STEP_INTERVAL_S,
)
from trackway.compaction.pace import Pace
from trackway.compaction.plan import ROLLUP_SIZES, next_days, next_position, to_merge, to_roll_up
from trackway.compaction.statements import read_cursor
from trackway.compaction.untidy import Untidy
from trackway.compaction.versions import Rollup, Segment, Version, Versions
from trackway.domain.errors import StorageError
from trackway.journal.log import Mark, Progress
from trackway.query.sql.segments import OF_SEGMENTS
from trackway.runtime.background import pause
from trackway.store.client import Store
from trackway.store.errors import MEMORY_LIMIT_EXCEEDED, UNREADABLE_CODES, StoreError
from trackway.telemetry import logs, metrics

_log = logs.get("compactor")


class Work(NamedTuple):
    """A project with about so many events before the cursor that are not in its facts. `to_rebuild`: somebody waits for
    all of them to be built anew."""

    project_id: int
    events: int
    cursor: int
    to_rebuild: int


class Making(NamedTuple):
    """A rollup that is being made, a statement a turn: under which claim, of what, its number, and further steps."""

    run: str
    table: str
    segments: frozenset[int]
    number: int
    steps: Generator[None, None, Rollup | None]


class Compactor:
    """Compacts until `stop` is set. `has_room`: whether the disk of the store has room for it. `loads`: whether this
    machine is the one that loads, and so the one that compacts."""

    def __init__(
        self,
        store: Store,
        progress: Progress,
        stop: threading.Event,
        has_room: Callable[[], bool],
        loads: Callable[[], bool] = lambda: True,
    ):
        self._store = store
        self._progress = progress
        self._stop = stop
        self._has_room = has_room
        self._loads = loads
        self._pace = Pace(progress)
        self._versions = Versions(store)
        self._changes = Changes(store, self._versions)
        self._turn = threading.Lock()
        """Held while the facts of a project change."""
        self._until = progress.ends()
        """Nothing is built before the loader is here: older loaders may have left events that they did not count."""
        self._stepped_s: dict[int, float] = {}
        self._untidy = Untidy(store)
        self._doubted_s: dict[int, float] = {}
        self._making: dict[int, Making] = {}
        self._not_together: defaultdict[tuple[int, str], list[frozenset[int]]] = defaultdict(list)
        """Segments of which nothing came where they were rolled up together, by project and table."""
        self._tidied_last = 0
        """The project that was tidied last: the next one is another's turn."""

    def run(self) -> None:
        """Compact, and try again while the store fails. Raises only programming errors."""
        while not self._stop.is_set():
            if not self._loads():
                self._stand_by()
                continue
            began_s, reached = time.monotonic(), self._progress.reached()
            try:
                worked = self._has_room() and self.turn()
            except StorageError as error:
                metrics.store_error("compact")
                _log.warning("cannot compact, will try again", error=str(error))
                self._wait(lambda: RETRY_S)
                continue
            took_s = time.monotonic() - began_s
            self._wait(partial(self._pace.rest_s, took_s) if worked else partial(self._idle_s, reached))

    def _idle_s(self, reached: Mark) -> float:
        """How long to wait where there was nothing to do when so much was loaded. A look asks the store several times,
        and each project."""
        return IDLE_POLL_S if self._progress.reached() == reached else POLL_S

    def _stand_by(self) -> None:
        """Another machine compacts. What is known of its versions here is out of date when this one's turn comes."""
        with self._turn:
            self._forget()
        self._until = self._progress.ends()
        pause(POLL_S)

    def _forget(self) -> None:
        """Begin again from the newest version that is stored, with new numbers: a change that has failed may have
        written under the last ones."""
        self._versions = Versions(self._store)
        self._changes = Changes(self._store, self._versions)
        self._making.clear()

    def _wait(self, seconds: Callable[[], float]) -> None:
        """Wait in short pieces, since others may be done with their work meanwhile, and then the wait is shorter."""
        began_s = time.monotonic()
        while not self._stop.is_set() and (left_s := began_s + seconds() - time.monotonic()) > 0:
            pause(min(left_s, POLL_S))

    def turn(self) -> bool:
        """Make the next changes of one project. Returns whether there were any to make. Raises StorageError."""
        if not self._progress.has_begun:  # the loader has not begun, and the tables may not be there
            return False
        with self._changing():
            return self._taken()

    def without_erased(self, project_id: int) -> None:
        """Leave the facts of ids that are being erased out of what counts. For another thread. The events of these ids
        are gone already. The segments that had them are dropped as other old ones are. Raises StorageError."""
        with self._changing():
            self._changes.without_erased(self._versions.newest(project_id), read_cursor(self._store, project_id))

    def without_aged(self, project_id: int, since_ms: int) -> None:
        """Leave the facts of events that have aged out of what counts. For another thread. These events are gone
        already. Raises StorageError."""
        with self._changing():
            self._changes.without_aged(
                self._versions.newest(project_id), read_cursor(self._store, project_id), since_ms
            )

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """A change. One that fails ends before another thread's may begin."""
        with self._turn:
            try:
                yield
            except StorageError:
                self._forget()
                raise

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Change no facts meanwhile. For another thread."""
        with self._turn:
            yield

    def erased_left(self, project_id: int) -> int:
        """How many facts of such ids are stored, old segments included. Raises StorageError."""
        return int(self._store.query(sql.ERASED_FACTS, {"project": project_id})[0][0])

    def _taken(self) -> bool:
        if not self._progress.has_loaded(self._until):
            return False
        waiting = [Work(*map(int, row)) for row in self._store.query(sql.WORK)]
        metrics.facts_behind(sum(work.events for work in waiting))
        now_s = time.monotonic()
        for work in sorted(waiting, key=lambda work: self._stepped_s.get(work.project_id, 0.0)):
            since_s = now_s - self._stepped_s.get(work.project_id, float("-inf"))
            if work.events >= STEP_EVENTS_MIN or work.to_rebuild or since_s >= STEP_INTERVAL_S:
                self._stepped_s[work.project_id] = now_s
                return self._guarded(partial(self._step, cursor=work.cursor), work.project_id)
        return any(self._guarded(self._tidy, project) for project in self._in_turn(self._untidy.projects()))

    def _in_turn(self, projects: Sequence[int]) -> Iterator[int]:
        """Projects, after the one that was tidied last first, so that none waits for all that another has to do."""
        for project in sorted(projects, key=lambda project: (project <= self._tidied_last, project)):
            self._tidied_last = project
            yield project

    def _guarded(self, change: Callable[[int], bool], project_id: int) -> bool:
        """Make a change. Where the store cannot read a file, it may be one of the facts: then these are built anew."""
        try:
            return change(project_id)
        except StoreError as error:
            now_s = time.monotonic()
            since_s = now_s - self._doubted_s.get(project_id, float("-inf"))
            if error.code not in UNREADABLE_CODES or since_s < DOUBT_INTERVAL_S:
                raise
            self._doubted_s[project_id] = now_s
            version = self._versions.newest(project_id)
            if self._changes.readable(version) == version:
                raise
            return True

    def _step(self, project_id: int, cursor: int) -> bool:
        """Take in events of a project, and merge segments where there are many."""
        version = self._changes.with_slots(self._changes.sound(self._versions.newest(project_id)))
        if not version.complete:  # the next days follow at once
            self._stepped_s.pop(project_id, None)
        if not version.position:
            return self._changes.begin(version, cursor).position > 0
        if not version.complete:
            asked = {"project": project_id, "built": version.built, "end": version.position}
            days = next_days([(str(day), int(rows)) for day, rows in self._store.query(sql.DAYS, asked)])
            self._changes.build(version, days, cursor)
            return True
        asked = {"project": project_id, "begin": version.position, "end": cursor}
        end = next_position([(int(end), int(events)) for end, events in self._store.query(sql.BATCHES, asked)])
        version = self._changes.advance(version, end or cursor, cursor)
        if old := self._to_merge(version):
            self._changes.rewrite(version, old, cursor)
        return True

    def _to_merge(self, version: Version) -> list[Segment]:
        """Segments that should be one, without those of a rollup that is being made."""
        making = self._made_of(version)
        return to_merge([each for each in version.segments if not making or each.number not in making.segments])

    def _made_of(self, version: Version) -> Making | None:
        """The rollup that is being made of segments of a version. One of other segments is given up, and one whose rows
        another compactor may have dropped."""
        making = self._making.get(version.project_id)
        numbers = {each.number for each in version.segments}
        if making and (making.run != version.run or not making.segments <= numbers):
            del self._making[version.project_id]
            return None
        return making

    def _roll_up(self, version: Version, cursor: int) -> bool:
        """Take the next step of a rollup. Returns whether there was any. One person's times of a large rollup may take
        more memory than there is: then those of fewer segments are put together."""
        making = self._made_of(version) or self._next_rollup(version, cursor)
        if making is None:
            return False
        self._making[version.project_id] = making
        failed = self._not_together[version.project_id, making.table]
        try:
            next(making.steps)
        except StopIteration as done:
            del self._making[version.project_id]
            if done.value is None:
                failed.append(making.segments)
            else:
                self._changes.with_rollup(version, done.value)
        except StoreError as error:
            if error.code == MEMORY_LIMIT_EXCEEDED:
                failed.append(making.segments)
            raise
        return True

    def _next_rollup(self, version: Version, cursor: int) -> Making | None:
        """The rollup that should be made next."""
        for table, sizes in ROLLUP_SIZES.items():
            for rows_max in sizes:
                some = to_roll_up(version.segments, version.rollups, table, rows_max)
                numbers, failed = frozenset(each.number for each in some), self._not_together[version.project_id, table]
                if not some or numbers in failed or (rows_max > sizes[-1] and any(numbers & each for each in failed)):
                    continue
                steps = self._changes.roll_up(version, some, table, cursor)
                return Making(version.run, table, numbers, version.last_number, steps)
        return None

    def _tidy(self, project_id: int) -> bool:
        """Merge segments or bring one up to date with newer links, and drop what ended. Returns whether any segment was
        read."""
        cursor = read_cursor(self._store, project_id)
        version = self._versions.newest(project_id)
        if self._changes.sound(version) != version:
            return True  # it is built anew from the next turn on
        if self._untidy.is_doubted(project_id):
            is_readable = self._changes.readable(version) == version
            self._untidy.has_read(project_id)  # what fails before is doubted still
            if not is_readable:
                return True
        making = self._made_of(version)
        version = self._changes.drop_ended(version, making and making.number)
        if old := self._to_merge(version):
            self._changes.rewrite(version, old, cursor)
            return True
        for segment in version.segments:
            if {each.table for each in segment.derived} != set(OF_SEGMENTS):  # an older version wrote it
                self._changes.rewrite(version, [segment], cursor)
                return True
        if self._roll_up(version, cursor):
            return True
        for segment in sorted(version.segments, key=lambda segment: segment.links):
            if self._changes.newer_links(version, segment):
                if self._changes.stale(version, segment):
                    self._changes.rewrite(version, [segment], cursor)
                else:
                    self._changes.up_to_date(version, segment, cursor)
                return True
        self._untidy.tidied(project_id, for_good=not version.retired)  # what is retired is dropped later
        return False
