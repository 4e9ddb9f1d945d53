"""Times of facts by person: what is derived from a segment for reports that follow persons.

Retention and counts of persons need of an event its person, its time and its name. With one row for all times of a
person, they read a few rows, and put nothing together that lies together. Where persons have hardly more than one event
each, nothing is gained, and nothing is written. The times of several segments are put together once more: a person has
events in most segments, and reports would put them together each time. Where a project has so many persons that none
has more than an event or two in one segment, the times of several segments are all that is kept by person.
"""

from collections.abc import Sequence
from typing import Final

from trackway.compaction.derived_rows import Deriving, grouping, written
from trackway.compaction.limits import (
    PERSONS_FACTS_AT_ONCE,
    PERSONS_FEW_ROWS,
    PERSONS_MEMORY_BYTES_MAX,
    PERSONS_NAMES_MAX,
    PERSONS_SHARE,
)
from trackway.query.sql.person_ranges import in_range, person_ranges
from trackway.query.sql.projection import NOBODY
from trackway.query.sql.scope import TIME_MS
from trackway.query.sql.segments import NO_SLOT, PERIOD_DAYS, PERSONS, Derived
from trackway.query.sql.selector import ACTIVITY
from trackway.query.sql.tables import rows_from, rows_in
from trackway.store.client import Store

_DAY_MS: Final = 86_400_000
_PERIOD_MS: Final = PERIOD_DAYS * _DAY_MS
_NAMES: Final = 1 << 20
"""A number holds a time and, below this, the place of a name."""
_OLD: Final = "segment IN {old:Array(UInt64)}"
_FACTS: Final = rows_in("facts", _OLD, f"person != {NOBODY}")
_SOME_FACTS: Final = rows_in("facts", _OLD, f"person != {NOBODY}", in_range("person"))
_SURVEY: Final = f"SELECT count(), uniq(person), uniqExact(event) {_FACTS}"
_INTO: Final = "project_id, segment, active, period, person, first_day, last_day, times, events"
_SETTINGS: Final = grouping(PERSONS_MEMORY_BYTES_MAX)


def _insert() -> str:
    names = f"(SELECT arraySort(groupUniqArray(toString(event))) {_FACTS})"
    place = f"transform(toString(event), {names}, range(1, length({names}) + 1), 0)"
    each = f"toUInt64({TIME_MS} % {_PERIOD_MS}) * {_NAMES} + {place} AS each"
    facts = f"SELECT {ACTIVITY} AS active, intDiv({TIME_MS}, {_PERIOD_MS}) AS period, person, {each} {_SOME_FACTS}"
    sql = f"SELECT active, period, person, arraySort(groupArray(each)) AS sorted {rows_from(facts)}"
    sql += " GROUP BY active, period, person"
    sql = f"SELECT *, arrayMap(each -> toUInt32(intDiv(each, {_NAMES})), sorted) AS times {rows_from(sql)}"
    day = f"toDate(toUInt16(period * {PERIOD_DAYS} + intDiv({{}}, {_DAY_MS})))"
    columns = f"active, period, person, {day.format('times[1]')}, {day.format('times[-1]')}, times"
    sql = f"SELECT {columns}, arrayMap(each -> {names}[each % {_NAMES}], sorted) {rows_from(sql)}"
    sql = sql.replace("SELECT ", "SELECT {project:UInt32}, {segment:UInt64}, ", 1)
    return f"INSERT INTO {PERSONS} ({_INTO}) {sql} {_SETTINGS}"


_INSERT: Final = _insert()


def _put_together() -> str:
    columns = "active, period, person"
    made = "groupArrayArray(times) AS each, groupArrayArray(events) AS names, min(first_day), max(last_day)"
    sql = f"SELECT {columns}, {made} {rows_in(PERSONS, _OLD, in_range('person'))} GROUP BY {columns}"
    in_order = "arraySort(each), arraySort((_, time) -> time, names, each)"
    sql = f"SELECT {{project:UInt32}}, {{segment:UInt64}}, * EXCEPT (each, names), {in_order} {rows_from(sql)}"
    return f"INSERT INTO {PERSONS} ({_INTO}) {sql} {_SETTINGS}"


_PUT_TOGETHER: Final = _put_together()


def derive_persons(store: Store, project_id: int, number: int, segments: Sequence[int], facts: int) -> Deriving:
    """Write the times by person of the facts of segments, so many, under a number, or nothing where it does not pay."""
    [(found, persons, names)] = store.query(_SURVEY, {"project": project_id, "old": list(segments)})
    if persons > max(found // PERSONS_SHARE, PERSONS_FEW_ROWS) or names > PERSONS_NAMES_MAX:
        return Derived(number, PERSONS, 0, ())
    return (yield from _written(store, _INSERT, project_id, number, segments, facts))


def put_together(store: Store, project_id: int, number: int, segments: Sequence[int], facts: int) -> Deriving:
    """Write the times by person of segments that have them together, under a number. They have so many facts."""
    return _written(store, _PUT_TOGETHER, project_id, number, segments, facts)


def _written(
    store: Store, statement: str, project_id: int, number: int, segments: Sequence[int], facts: int
) -> Deriving:
    asked = {"project": project_id, "segment": number, "old": list(segments)}
    for part in person_ranges(-(-facts // PERSONS_FACTS_AT_ONCE)):
        store.command(statement, {**asked, **part})
        yield
    return written(store, PERSONS, asked, [NO_SLOT])
