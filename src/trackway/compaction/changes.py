"""Changes of a project's facts. Each makes segments, verifies them, and then makes a version that names them.

The store may die, or this process, at any moment: what was written before its version counts never, and is dropped when
the project changes again.
"""

import time
from collections.abc import Collection, Generator, Mapping, Sequence
from types import MappingProxyType

from trackway.compaction import statements as sql
from trackway.compaction.broken_parts import BrokenParts
from trackway.compaction.derived import derive
from trackway.compaction.derived_rows import Deriving
from trackway.compaction.hours import derive_hours
from trackway.compaction.limits import (
    RETIRED_KEPT_S,
    ROLLUP_ROWS_MAX,
    SLOTS_EVENTS_MIN,
    SLOTS_GROWTH,
    SLOTS_SAMPLE_EVENTS,
)
from trackway.compaction.persons import derive_persons, put_together
from trackway.compaction.plan import Days
from trackway.compaction.statements import Slice, partition_id
from trackway.compaction.versions import Rollup, Segment, Version, Versions
from trackway.domain.errors import StorageError
from trackway.query.sql.facts import REBUILDS, partition_rows
from trackway.query.sql.segments import COUNTS, HOURS, PERSONS, TABLES, Derived
from trackway.store.client import Store
from trackway.store.parts import fault_of, parts


class Changes:
    """Changes of facts in a store. `cursor`: the loader's, as it was before the change began: all earlier links are in
    the store. Every method raises StorageError; a change returns the version that counts then."""

    def __init__(self, store: Store, versions: Versions):
        self._store = store
        self._versions = versions
        self._broken = BrokenParts(store)

    def begin(self, version: Version, end: int) -> Version:
        """Choose the slots of a project without facts, and the position up to which all is built. While damaged events
        are loaded again, nothing begins."""
        damages, pending = self._damages()
        if pending:
            return version
        ((events,),) = self._store.query(sql.EVENTS, {"project": version.project_id})
        begun = version._replace(position=end, damages=damages, rebuilds=self._rebuilds(version))
        return self._versions.commit(begun._replace(slots=self._frequent(version), sampled=int(events)))

    def with_slots(self, version: Version) -> Version:
        """The same version, or after much growth an empty one if other properties have become frequent."""
        if version.rows < SLOTS_GROWTH * max(version.sampled, SLOTS_EVENTS_MIN):
            return version
        if set(self._frequent(version)) <= set(version.slots):
            return self._versions.commit(version._replace(sampled=version.rows))
        return self._versions.commit(version.emptied(time.time()))

    def _frequent(self, version: Version) -> tuple[str, ...]:
        asked = {"project": version.project_id, "sample": SLOTS_SAMPLE_EVENTS}
        return tuple(str(name) for (name,) in self._store.query(sql.FREQUENT, asked))

    def build(self, version: Version, days: Days | None, cursor: int) -> Version:
        """Add the events of the next days; None: there are no more, and the facts are complete."""
        if days is None:
            return self._versions.commit(version._replace(complete=True))
        new = []
        for piece in range(days.pieces):
            some = sql.of_days(days.first, days.last, version.position, piece, days.pieces)
            new.append(self._of_events(version, some, version.first_number + piece, cursor))
        built = self._day_after(days.last)
        return self._versions.commit(version.with_segments(new, (), time.time())._replace(built=built))

    def advance(self, version: Version, end: int, cursor: int) -> Version:
        """Add the events up to a position. Facts of older copies of them go."""
        some = sql.between_positions(version.position, end)
        new = [self._of_events(version, some, version.first_number, cursor)]
        live = {"project": version.project_id, "live": [segment.number for segment in version.segments]}
        asked = live | dict(some.parameters)
        superseded = {int(n) for (n,) in self._store.query(sql.segments_with_older_copies(some), asked)}
        old = [segment for segment in version.segments if segment.number in superseded]
        for place, segment in enumerate(old, 1):
            new.append(self._of_facts(version, [segment], version.first_number + place, some, cursor))
        return self._versions.commit(version.with_segments(new, old, time.time())._replace(position=end))

    def rewrite(self, version: Version, old: Sequence[Segment], cursor: int) -> Version:
        """Make one segment of some, with the persons of now."""
        new = self._of_facts(version, old, version.first_number, None, cursor)
        return self._versions.commit(version.with_rewritten(new, old, time.time()))

    def roll_up(
        self, version: Version, segments: Sequence[Segment], table: str, cursor: int
    ) -> Generator[None, None, Rollup | None]:
        """Put what a table of ROLLUP_SIZES has of some segments together, under the version's last number, in steps of
        about one statement. Between two of them the version may change, while it has these segments. The rollup counts
        with the version that `with_rollup` makes. It may be empty, so that nothing is tried again; of many segments
        there is none then, since of fewer there may be."""
        number, numbers = version.last_number, tuple(segment.number for segment in segments)
        links = min(segment.links for segment in segments)
        make = self._hours if table == HOURS else self._persons
        derived = yield from make(version, number, segments)
        if not derived.slots and sum(segment.rows for segment in segments) > ROLLUP_ROWS_MAX:
            return None
        self._verify(version, number)
        return Rollup(number, numbers, links, cursor, (derived,))

    def with_rollup(self, version: Version, made: Rollup) -> Version:
        """Let a rollup count whose segments are those of the version."""
        return self._versions.commit(version.with_rollup(made, time.time()))

    def _hours(self, version: Version, number: int, segments: Sequence[Segment]) -> Deriving:
        counted = set.intersection(*({*segment.slots(COUNTS)} for segment in segments))
        many = [slot for slot in range(len(version.slots)) if slot not in counted]
        return derive_hours(self._store, version.project_id, number, segments, many)

    def _persons(self, version: Version, number: int, segments: Sequence[Segment]) -> Deriving:
        make = put_together if all(segment.slots(PERSONS) for segment in segments) else derive_persons
        rows = sum(segment.rows for segment in segments)
        return make(self._store, version.project_id, number, [segment.number for segment in segments], rows)

    def without_erased(self, version: Version, cursor: int) -> Version:
        """Write each segment anew that has facts of erased ids, without these."""
        sure = version.without_old_rollups(time.time())
        version = version if sure == version else self._versions.commit(sure)
        return self._without(version, cursor, sql.SEGMENTS_OF_ERASED, f"NOT {sql.OF_ERASED}", {})

    def without_aged(self, version: Version, cursor: int, since_ms: int) -> Version:
        """Write each segment anew that has facts before an instant whose events are gone, without these."""
        return self._without(version, cursor, sql.SEGMENTS_OF_AGED, f"NOT {sql.OF_AGED}", {"since": since_ms})

    def _without(self, version: Version, cursor: int, touched: str, kept: str, asked: Mapping[str, object]) -> Version:
        """Write each segment anew that a query gives, with the facts that are kept."""
        live = {"project": version.project_id, "live": [segment.number for segment in version.segments]}
        numbers = {int(number) for (number,) in self._store.query(touched, {**live, **asked})}
        old = [segment for segment in version.segments if segment.number in numbers]
        if not old:
            return version
        new = [
            self._of_facts(version, [segment], version.first_number + place, None, cursor, kept, asked)
            for place, segment in enumerate(old)
        ]
        return self._versions.commit(version.with_segments(new, old, time.time()))

    def stale(self, version: Version, segment: Segment) -> int:
        """How many facts of a segment have another person by newer links. Returns a number, not a version."""
        asked = {"project": version.project_id, "segment": segment.number, "links": segment.links}
        return int(self._store.query(sql.STALE, asked)[0][0])

    def newer_links(self, version: Version, segment: Segment) -> int:
        """How many ids have links that the persons of a segment may lack."""
        return int(self._store.query(sql.NEWER_LINKS, {"project": version.project_id, "links": segment.links})[0][0])

    def up_to_date(self, version: Version, segment: Segment, cursor: int) -> Version:
        """Note that no newer link concerns a segment."""
        return self._versions.commit(version.with_links(segment.number, cursor))

    def drop_ended(self, version: Version, making: int | None = None) -> Version:
        """Drop what does not count and is read by no query. `making`: the number of a rollup that is being made."""
        now_s = time.time()
        kept = tuple(each for each in version.retired if now_s - each.since_s < RETIRED_KEPT_S)
        numbers = version.numbers + [each.number for each in kept] + ([making] if making else [])
        named = {partition_id(version.project_id, number) for number in numbers}
        asked = {"prefix": f"{version.project_id}-"}
        for table, partition in self._store.query(sql.PARTITIONS, asked | {"tables": list(TABLES)}):
            if partition not in named:
                self._store.command(
                    f"ALTER TABLE {self._store.holding(table)} DROP PARTITION ID '{_checked(partition)}'"
                )
        return version if kept == version.retired else self._versions.commit(version._replace(retired=kept))

    def sound(self, version: Version) -> Version:
        """The same version, or an empty one where facts are lost, events were damaged, or a rebuild was asked for."""
        partitions = [partition_id(version.project_id, number) for number in version.numbers]
        asked = {"tables": list(TABLES), "partitions": partitions}
        ((rows,),) = self._store.query(partition_rows("{partitions:Array(String)}"), asked)
        if not version.position:
            return version
        is_whole = rows == version.stored_rows and self._damages() == (version.damages, 0)
        is_asked_for = self._rebuilds(version) != version.rebuilds
        if is_whole and not is_asked_for:
            return version
        if is_asked_for:  # maybe by a report that could not read a part
            self._broken.found(version)
        return self._emptied(version)

    def readable(self, version: Version) -> Version:
        """The same version, or an empty one where a part of it is damaged. Reads all parts."""
        return self._emptied(version) if self._broken.found(version) else version

    def _emptied(self, version: Version) -> Version:
        return self._versions.commit(version.emptied(time.time()))

    def _damages(self) -> tuple[int, int]:
        """How often events or links were found damaged, and how many of these are not loaded again yet."""
        ((found, pending),) = self._store.query(sql.DAMAGES)
        return int(found), int(pending)

    def _rebuilds(self, version: Version) -> int:
        return int(self._store.query(REBUILDS, {"project": version.project_id})[0][0])

    def _day_after(self, day: str) -> str:
        return str(self._store.query("SELECT toString(toDate({day:String}) + 1)", {"day": day})[0][0])

    def _of_events(self, version: Version, some: Slice, number: int, cursor: int) -> Segment:
        text, bound = sql.facts_of_events(some, version.slots)
        return self._write(version, text, bound, number, cursor)

    def _of_facts(
        self,
        version: Version,
        old: Sequence[Segment],
        number: int,
        but: Slice | None,
        cursor: int,
        where: str = "",
        asked: Mapping[str, object] = MappingProxyType({}),
    ) -> Segment:
        text, bound = sql.facts_of_facts(but, where)
        bound |= asked
        given = {"old": [segment.number for segment in old], "links": min(segment.links for segment in old)}
        derived = () if but or where else [segment.derived for segment in old]
        return self._write(version, text, bound | given, number, cursor, derived)

    def _write(
        self,
        version: Version,
        text: str,
        bound: dict[str, object],
        number: int,
        links: int,
        old: Sequence[Collection[Derived]] = (),
    ) -> Segment:
        if number >= version.last_number:
            raise StorageError("facts: more segments in one change than there are numbers")
        asked = {"project": version.project_id, "segment": number}
        self._store.command(text, bound | asked)
        ((rows,),) = self._store.query(sql.SEGMENT_ROWS, asked)
        written = Segment(number, int(rows), links)
        if written.rows:
            written = written._replace(
                derived=derive(self._store, version.project_id, number, written.rows, len(version.slots), old)
            )
        self._verify(version, number)
        return written

    def _verify(self, version: Version, number: int) -> None:
        """Read what was written under a number."""
        partition = f"{partition_id(version.project_id, number)}_"
        for part in parts(self._store, TABLES).active:
            if part.name.startswith(partition) and (fault := fault_of(self._store, part.table, part.name)):
                raise StorageError(f"store: a part of the facts is not whole: {fault}")


def _checked(partition: str) -> str:
    project, number = partition.split("-")
    return f"{int(project)}-{int(number)}"
