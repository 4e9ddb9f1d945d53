"""Versions of a project's facts: which segments count, and up to where they hold the project's events.

A version is one row, inserted at once, and the row of the highest sequence counts. The next version is made from it, so
a change counts whole or not at all. A compactor begins with a claim: a version that changes nothing and is far ahead of
the one before. So a version of a killed compactor that arrives late never counts, and neither does what that one wrote.
"""

import uuid
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import msgspec

from trackway.domain.errors import StorageError
from trackway.query.sql.segments import TABLES, Derived, values_of
from trackway.query.sql.tables import rows_from, rows_in
from trackway.store.client import Store

NUMBERS = 1024
"""Numbers of segments and rollups of one version: those of version n begin with n × NUMBERS."""
_CLAIM = 1 << 20
"""By how many a claim is ahead: more than the versions that one compactor can have under way."""
_COLUMNS = (
    "project_id",
    "sequence",
    "run",
    "position",
    "built",
    "complete",
    "damages",
    "slots",
    "segments",
    "retired",
    "sampled",
    "rebuilds",
    "derived",
    "rollups",
)
_CHOSEN = ", ".join("toString(built)" if column == "built" else column for column in _COLUMNS)
_NEWEST = f"SELECT {_CHOSEN} {rows_in('facts_versions')} ORDER BY sequence DESC LIMIT 1"
_NUMBERS_USED = " UNION ALL ".join(f"SELECT max(segment) AS last {rows_in(table)}" for table in TABLES)
_LAST_NUMBER = f"SELECT max(last) {rows_from(_NUMBERS_USED)}"
_NEVER = "1970-01-01"


class Segment(NamedTuple):
    """Facts that were written together. Their persons are those of all links before the position `links`.

    `derived`: what was derived from them, of each table of OF_SEGMENTS once; nothing where an older version wrote them.
    """

    number: int
    rows: int
    links: int
    derived: tuple[Derived, ...] = ()

    def slots(self, table: str) -> Collection[int]:
        """The slots for which a table has rows that are derived from them."""
        return next((each.slots for each in self.derived if each.table == table), ())


class Rollup(NamedTuple):
    """What HOURS or PERSONS has of several segments together, under a number of its own; nothing where that did
    not pay. Older builds made rollups of several tables.

    Their facts may have been written again since then, with other persons; the numbers in `segments` are those of now.
    Persons are those of all links before the position `links`. `made`: the loader's position when it was made.
    """

    number: int
    segments: tuple[int, ...]
    links: int
    made: int
    derived: tuple[Derived, ...]

    @property
    def tables(self) -> list[str]:
        """The tables that it is of."""
        return [each.table for each in self.derived]

    @property
    def is_old(self) -> bool:
        """Whether a segment was written again since it was made."""
        return max(self.segments) > self.number


class Retired(NamedTuple):
    """A segment or rollup that no longer counts, and since when, in seconds since the epoch. Queries may read it."""

    number: int
    since_s: int


class Version(NamedTuple):
    """What counts of a project's facts. See the migrations for its columns; `built` is an ISO date."""

    project_id: int
    sequence: int = 0
    run: str = ""
    position: int = 0
    built: str = _NEVER
    complete: bool = False
    damages: int = 0
    slots: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()
    retired: tuple[Retired, ...] = ()
    sampled: int = 0
    rebuilds: int = 0
    rollups: tuple[Rollup, ...] = ()

    @property
    def first_number(self) -> int:
        """The first number for what the next version makes."""
        return (self.sequence + 1) * NUMBERS

    @property
    def last_number(self) -> int:
        """The last of these numbers: for what later versions may still be made beside."""
        return self.first_number + NUMBERS - 1

    @property
    def rows(self) -> int:
        """All facts that count."""
        return sum(segment.rows for segment in self.segments)

    @property
    def numbers(self) -> list[int]:
        """The numbers of all segments and rollups."""
        return [*(segment.number for segment in self.segments), *(rollup.number for rollup in self.rollups)]

    @property
    def derived(self) -> list[Derived]:
        """All that was derived from the segments, alone and together."""
        of_segments = [each for segment in self.segments for each in segment.derived]
        return of_segments + [each for rollup in self.rollups for each in rollup.derived]

    @property
    def stored_rows(self) -> int:
        """All facts that count, with all that was derived from them."""
        return self.rows + sum(each.rows for each in self.derived)

    @property
    def links(self) -> int:
        """The position before which all links are in all segments."""
        return min((segment.links for segment in self.segments), default=self.position)

    def with_segments(self, new: Sequence[Segment], old: Sequence[Segment], now_s: float) -> "Version":
        """The version with some segments instead of others. Rollups of these go, too."""
        gone = {segment.number for segment in old}
        kept = tuple(segment for segment in self.segments if segment.number not in gone)
        made = self._replace(
            segments=(*kept, *(segment for segment in new if segment.rows)),
            retired=(*self.retired, *(Retired(segment.number, int(now_s)) for segment in old)),
        )
        return made._with_only([each for each in self.rollups if gone.isdisjoint(each.segments)], now_s)

    def with_rewritten(self, new: Segment, old: Sequence[Segment], now_s: float) -> "Version":
        """The version with one segment that has the facts of some others. A rollup of all these stays: it has the same
        facts."""
        gone = {segment.number for segment in old}
        same = [
            rollup._replace(segments=(*(number for number in rollup.segments if number not in gone), new.number))
            for rollup in self.rollups
            if gone.issubset(rollup.segments)
        ]
        others = tuple(rollup for rollup in self.rollups if not gone.issubset(rollup.segments))
        made = self._replace(rollups=others).with_segments([new], old, now_s)
        return made._replace(rollups=(*made.rollups, *same))

    def with_links(self, number: int, links: int) -> "Version":
        """The version with the note that a segment has the persons of all links before a position. So does a rollup of
        which no segment was written again."""
        segments = tuple(each._replace(links=links) if each.number == number else each for each in self.segments)
        of = {each.number: each.links for each in segments}
        rollups = tuple(
            each if each.is_old else each._replace(links=min(of[own] for own in each.segments)) for each in self.rollups
        )
        return self._replace(segments=segments, rollups=rollups)

    def without_old_rollups(self, now_s: float) -> "Version":
        """The version without rollups that may have times under persons whom no fact has any more."""
        return self._with_only([each for each in self.rollups if not each.is_old], now_s)

    def with_rollup(self, new: Rollup, now_s: float) -> "Version":
        """The version with a rollup instead of all of its table that have one of its segments."""
        kept = [
            each
            for each in self.rollups
            if set(each.segments).isdisjoint(new.segments) or set(each.tables).isdisjoint(new.tables)
        ]
        made = self._with_only(kept, now_s)
        return made._replace(rollups=(*made.rollups, new))

    def _with_only(self, kept: Sequence[Rollup], now_s: float) -> "Version":
        """The version with some of its rollups; the others are retired."""
        ended = (Retired(each.number, int(now_s)) for each in self.rollups if each not in kept)
        return self._replace(rollups=tuple(kept), retired=(*self.retired, *ended))

    def emptied(self, now_s: float) -> "Version":
        """The version from which all is built anew."""
        empty = self.with_segments((), self.segments, now_s)
        return empty._replace(position=0, built=_NEVER, complete=False, slots=())


class Versions:
    """The versions that one compactor reads and makes. Every method raises StorageError."""

    def __init__(self, store: Store):
        self._store = store
        self._runs: dict[int, str] = {}
        """Of each project the claim that its versions are made under."""

    def newest(self, project_id: int) -> Version:
        """The newest version of a project, which this compactor has claimed. Where another was at work meanwhile, it is
        claimed again, under another `run`."""
        version = self._read(project_id)
        if version.run and version.run == self._runs.get(project_id):
            return version
        self._runs[project_id] = uuid.uuid4().hex
        ((last,),) = self._store.query(_LAST_NUMBER, {"project": project_id})  # the versions may be lost, the facts not
        return self._write(version._replace(sequence=max(version.sequence, last // NUMBERS) + _CLAIM))

    def commit(self, version: Version) -> Version:
        """Make a changed version the newest one. Returns it. Raises StorageError where another compactor is at work."""
        return self._write(version._replace(sequence=version.sequence + 1))

    def _write(self, version: Version) -> Version:
        made = version._replace(run=self._runs[version.project_id])
        segments = [{name: getattr(each, name) for name in ("number", "rows", "links")} for each in made.segments]
        retired = [each._asdict() for each in made.retired]
        derived = [each._asdict() for each in made.derived]
        rollups = [{name: getattr(each, name) for name in Rollup._fields[:-1]} for each in made.rollups]
        row = msgspec.json.encode(
            [*made[:5], int(made.complete), made.damages, made.slots, segments, retired, *made[10:12], derived, rollups]
        )
        self._store.insert_rows("facts_versions", _COLUMNS, row, "JSONCompactEachRow")
        if self._read(made.project_id) != made:
            raise StorageError("another compactor is at work, or has been lately")
        return made

    def _read(self, project_id: int) -> Version:
        for row in self._store.query(_NEWEST, {"project": project_id}):
            _, sequence, run, position, built, complete, damages, slots, segments, retired, *others = row
            sampled, rebuilds, more, rollups = others
            derived = [_derived(each) for each in more]
            return Version(
                project_id,
                sequence,
                run,
                position,
                built,
                bool(complete),
                damages,
                tuple(slots),
                tuple(_segment(each, derived) for each in segments),
                tuple(_retired(each) for each in retired),
                int(sampled),
                int(rebuilds),
                tuple(_rollup(each, derived) for each in rollups),
            )
        return Version(project_id)


def _segment(value: object, derived: Sequence[Derived]) -> Segment:
    found = Segment(*values_of(value))
    return found._replace(derived=tuple(each for each in derived if each.segment == found.number))


def _rollup(value: Any, derived: Sequence[Derived]) -> Rollup:
    number, segments, links, made = values_of(value)
    return Rollup(number, tuple(segments), links, made, tuple(each for each in derived if each.segment == number))


def _derived(value: object) -> Derived:
    found = Derived(*values_of(value))
    return found._replace(slots=tuple(found.slots))


def _retired(value: object) -> Retired:
    return Retired(*values_of(value))
