"""The births of retention, with the events by which the persons came back or could have."""

from typing import Any, Final, NamedTuple

from trackway.query.expressions import Expression
from trackway.query.reports.return_windows import Windows, time_sql
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.events import Events
from trackway.query.sql.person import JOIN_SETTINGS, Known
from trackway.query.sql.person_times import Values, has_person_times, person_times
from trackway.query.sql.projection import NOBODY, Projection
from trackway.query.sql.scope import TIME_MS, Rows
from trackway.query.sql.selector import ACTIVITY, Selector, named_by
from trackway.query.sql.tables import rows_from

_COPIED_BYTES: Final = 32 * 1024 * 1024
"""Memory for one block of rows in which each birth has a copy of the person's places."""


class Births(NamedTuple):
    """Who began, and when.

    `rows`: the parts of the report's range; a person counts in the row of the birth. `read`: the same, continued to the
    last day of events that may be returns. `born` chooses births, `returning` the events by which persons come back.
    `once`: only a person's first birth counts, otherwise the first of each row, and then `born` and `returning` are the
    same. `on`: the breakdown of returning events.
    """

    project_id: int
    rows: Buckets
    read: Buckets
    born: Selector
    returning: Selector
    once: bool
    on: Expression | None


def first_births(wanted: Births, windows: Windows, known: Known) -> Rows:
    """A row for each event of a person who began, births and returns: `who`, `place`, `returning`, `row` and `birth` of
    the first birth, `own`, whether the birth is a returning event itself, and `key` with a breakdown.

    If two births of a person have one time, the one that is no return counts.
    """
    events = _events(wanted, windows, known)
    born = f"SELECT who, min(place * 2 + returning) AS first {events.sql} WHERE born GROUP BY who"
    sql = f"SELECT *, intDiv(first, 2) AS birth, first % 2 AS own {rows_from(f'SELECT * {events.sql}', 'event')}"
    sql += f" LEFT ANY JOIN ({born}) AS born ON event.who = born.who WHERE first != 0"
    row = wanted.read.sql(events.parameters, time_sql("birth"))
    sql = f"SELECT *, {row} AS row {rows_from(sql)}"
    return events._replace(sql=rows_from(sql), settings=events.settings or JOIN_SETTINGS)


def has_births_by_person(wanted: Births, known: Known) -> bool:
    """Whether `births_by_person` can answer: the first births of events that are chosen by name, without breakdown."""
    selectors = (wanted.born, wanted.returning)
    is_named = wanted.once and wanted.on is None and all(each.where is None for each in selectors)
    return is_named and has_person_times(_read(wanted), known)


def births_by_person(wanted: Births, windows: Windows, known: Known) -> Rows:
    """A row for each person who began: `row` and `birth` of the first birth, `own` as in `first_births`, and `places`
    of all returning events. For what `has_births_by_person` finds."""
    assert known.facts is not None
    events = _read(wanted).since(known.facts.since_ms)
    parameters = dict(events.parameters) | {"born_before": wanted.rows.bounds_ms[1]}
    place = windows.place_sql(wanted.read, parameters, "ms")
    is_active = ACTIVITY in events.key
    returning = _named("returning", wanted.returning, is_active, parameters)
    columns = {"back": Values(place, returning)}
    made, first, own = "groupArrayArray(back) AS places", "arrayMin(places)", "1"
    begins = "notEmpty(places) AND birth < {born_before:Int64}"
    if not windows.rolling or wanted.born != wanted.returning:
        born = [each for each in [_named("chosen", wanted.born, is_active, parameters)] if each]
        in_range = " AND ".join([*born, "ms < {born_before:Int64}"])
        columns["began"] = Values(f"({place}) * 2 + ({returning or '1'})", in_range)
        made += ", minIf(arrayMin(began), notEmpty(began)) AS least"
        first, own, begins = "intDiv(least, 2)", "least % 2", "least != 0"
    rows = person_times(events._replace(parameters=parameters), known.facts, columns)
    sql = f"SELECT {made} {rows.sql} GROUP BY who"
    sql = f"SELECT places, {first} AS birth, {own} AS own, {begins} AS begins {rows_from(sql)}"
    row = wanted.read.sql(rows.parameters, time_sql("birth"))
    sql = f"SELECT places, birth, own, {row} AS row {rows_from(sql)} WHERE begins"
    return rows._replace(sql=rows_from(sql))


def _named(name: str, selector: Selector, is_active: bool, parameters: dict[str, Any]) -> str:
    """SQL over `event` of whether a selector without a condition chooses it, '' where it chooses all events that are
    read. `is_active`: these are part of every event."""
    if selector.is_any:
        return "" if is_active else ACTIVITY
    parameters[f"{name}_event"] = selector.event
    return f"event = {{{name}_event:String}}"


def births_by_row(wanted: Births, windows: Windows, known: Known) -> Rows:
    """A row for the first birth of each person in each row of the report: `row`; `birth`, its place; `places` of the
    person's returning events, with a breakdown pairs of place and value.

    A unit after a birth is the end of one unit of the clock and the beginning of the next, so the first and the last
    event of each suffice.
    """
    events = _events(wanted, windows, known)
    key, first, last = ("", "first", "last") if wanted.on is None else (", key", "(first, key)", "(last, key)")
    sql = f"SELECT who, row{key}, min(place) AS first, max(place) AS last, count() AS number {events.sql}"
    sql += f" GROUP BY who, row{key}, intDiv(place, {windows.unit_places})"
    places = f"arrayConcat(groupArray({first}), groupArrayIf({last}, number > 1))"
    sql = f"SELECT who, row, min(first) AS birth, {places} AS each {rows_from(sql)} GROUP BY who, row"
    births = "groupArrayIf((row, birth), isNotNull(row))"
    sql = f"SELECT {births} AS births, groupArrayArray(each) AS places {rows_from(sql)} GROUP BY who"
    sql = f"SELECT arrayJoin(births) AS one, places {rows_from(sql)}"
    return events._replace(sql=rows_from(f"SELECT one.1 AS row, one.2 AS birth, places {rows_from(sql)}"))


def _events(wanted: Births, windows: Windows, known: Known) -> Rows:
    """`who` and `place` of each event, and whether it is `returning`. For first births also whether it is `born`,
    otherwise its `row`, NULL outside of the range. `key` where there is a breakdown."""
    projection = Projection(_read(wanted), known)
    projection.parameters["born_before"] = wanted.rows.bounds_ms[1]
    projection.add_who()
    projection.add("place", windows.place_sql(wanted.read, projection.parameters))
    projection.add_choice("returning", wanted.returning)
    if wanted.once:
        projection.add_choice("chosen", wanted.born)
        projection.add("in_range", f"{TIME_MS} < {{born_before:Int64}}")
    else:
        row = wanted.read.sql(projection.parameters)
        projection.add("row", f"if({TIME_MS} < {{born_before:Int64}}, {row}, NULL)")
    columns = "who, place, returning, chosen AND in_range AS born" if wanted.once else "who, place, row"
    if wanted.on is not None:
        projection.add_keys("keys", wanted.on)
        columns += ", arrayJoin(keys) AS key"
    rows = projection.rows()
    chosen = "(returning OR born)" if wanted.once else "returning"
    return rows._replace(sql=rows_from(f"SELECT {columns} {rows.sql} WHERE who != {NOBODY} AND {chosen}"))


def _read(wanted: Births) -> Events:
    """All events by whose names a person may begin or come back."""
    events = named_by(wanted.project_id, [wanted.born, wanted.returning])
    return events.between(wanted.rows.bounds_ms[0], wanted.read.bounds_ms[1])
