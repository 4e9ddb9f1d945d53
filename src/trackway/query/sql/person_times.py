"""Events of a project by person, as arrays: what reports read that follow persons and no properties.

Most come from the times that are kept by person (`store/migrations/0022_facts_persons.sql`). What these do not have is
read event by event, as by all reports: other segments, days whose facts may have newer copies, events that are newer
than all facts, and facts of persons who have changed by newer links. So each event comes once, with its person of now.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from trackway.query.limits import PERSON_PARTS_MAX, PERSON_ROWS_AT_ONCE, PERSON_TIMES_AT_ONCE
from trackway.query.sql.events import Events
from trackway.query.sql.facts import TAIL_SETTINGS, moved_persons, rows_beside
from trackway.query.sql.person import JOIN_SETTINGS, Known
from trackway.query.sql.person_ranges import in_range, person_ranges
from trackway.query.sql.scope import TIME_MS, Rows
from trackway.query.sql.segments import PERIOD_DAYS, PERSONS, Facts
from trackway.query.sql.selector import ACTIVITY
from trackway.query.sql.tables import rows_from, rows_in

_DAY_MS: Final = 86_400_000
_PERIOD_MS: Final = PERIOD_DAYS * _DAY_MS
_NOBODY: Final = "0"
_EVENT: Final = re.compile(r"\bevent\b(?!:)")
"""The column, and no parameter of a similar name."""
_OF_LATE_DAY: Final = f"has({{late_numbers:Array(Int64)}}, intDiv(ms, {_DAY_MS}))"


class Values(NamedTuple):
    """A number for each event that meets a condition, SQL over `event` and `ms`, milliseconds since the epoch. The
    number is an Int64 from 0 on. Without a condition each event has one."""

    number: str = "ms"
    where: str = ""


def has_person_times(events: Events, known: Known) -> bool:
    """Whether reports may read events by person: there are facts by person, and the events are chosen by what these
    have."""
    return known.facts is not None and events.is_by_name and bool(known.facts.by_person.numbers)


def person_times(events: Events, facts: Facts, columns: Mapping[str, Values]) -> Rows:
    """`who`, a person's number, never NOBODY, and columns with the values of the person's events, Array(Int64).

    A person has several rows. Each event is in one of them. Where there are many rows, they come in parts, each with
    all rows of some persons. For events with `has_person_times`.
    """
    events = events.since(facts.since_ms)
    bound = dict(events.parameters)
    kept, moved = facts.by_person, moved_persons(facts)
    branches = [_kept(events, facts, kept.numbers, moved, columns, bound)]
    made = ", ".join(_of_one(values, name) for name, values in columns.items())
    for rows in rows_beside(events, facts, kept.segments, moved, bound):
        each = f"SELECT person_number, toString(event) AS event, {TIME_MS} AS ms {rows_from(rows)}"
        somebody = f"person_number != {_NOBODY} AND {in_range('person_number')}"
        branches.append(f"SELECT person_number AS who, {made} {rows_from(each)} WHERE {somebody}")
    most = max(kept.rows / PERSON_ROWS_AT_ONCE, kept.times / PERSON_TIMES_AT_ONCE, 1)
    parts = person_ranges(min(math.ceil(most), PERSON_PARTS_MAX))
    rows = rows_from(" UNION ALL ".join(branches))
    return Rows(rows, f"{JOIN_SETTINGS}, {TAIL_SETTINGS}", {**bound, **parts[0]}, parts)


def _of_one(values: Values, name: str) -> str:
    array = f"[toInt64({values.number})]"
    return f"if({values.where}, {array}, []) AS {name}" if values.where else f"{array} AS {name}"


def _kept(
    events: Events,
    facts: Facts,
    numbers: Sequence[int],
    moved: str,
    columns: Mapping[str, Values],
    bound: dict[str, Any],
) -> str:
    """The rows of what is kept by person."""
    bound["by_person"] = numbers
    is_active = ACTIVITY in events.key
    conditions = ["segment IN {by_person:Array(UInt64)}", in_range("person"), *(["active = 1"] if is_active else [])]
    within = []
    if "from_ms" in bound:
        conditions.append(
            f"period >= intDiv({{from_ms:Int64}}, {_PERIOD_MS}) AND last_day >= toDate({{from_day:String}})"
        )
        within.append("ms >= {from_ms:Int64}")
    if "before_ms" in bound:
        conditions.append(
            f"period <= intDiv({{before_ms:Int64}}, {_PERIOD_MS}) AND first_day <= toDate({{last_day:String}})"
        )
        within.append("ms < {before_ms:Int64}")
    if moved:
        conditions.append(f"person NOT IN ({moved})")
    if facts.late_days:
        bound["late_numbers"] = facts.late_numbers
        within.append(f"NOT {_OF_LATE_DAY}")
    every = f"arrayMap(time -> toInt64(period) * {_PERIOD_MS} + time, times) AS kept_ms"
    rows = f"SELECT person AS who, {every}, events AS kept_events {rows_in(PERSONS, *conditions)}"
    names = [each for each in events.names if each != ACTIVITY]
    made = []
    for name, values in columns.items():
        chosen = [values.where] if values.where and not (is_active and values.where == ACTIVITY) else []
        made.append(f"{_array(values.number, [*within, *names, *chosen])} AS {name}")
    return f"SELECT who, {', '.join(made)} {rows_from(rows)}"


def _array(number: str, conditions: Sequence[str]) -> str:
    """SQL of the numbers of events of the columns `kept_ms` and `kept_events` that meet the conditions."""
    text = " AND ".join(conditions)
    variables, arrays = ("(ms, event)", "kept_ms, kept_events") if _reads_event(number, text) else ("ms", "kept_ms")
    if number == "ms":
        return f"arrayFilter({variables} -> {text}, {arrays})" if text else "kept_ms"
    if not text:
        return f"arrayMap({variables} -> toInt64({number}), {arrays})"
    return f"arrayFilter(found -> found >= 0, arrayMap({variables} -> if({text}, toInt64({number}), -1), {arrays}))"


def _reads_event(*texts: str) -> bool:
    return any(_EVENT.search(text) for text in texts)
