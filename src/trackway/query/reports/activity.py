"""The activity of persons: their events by any of their ids, newest pages first (docs/reports.md).

A page is chosen from the newest event backwards, and given in the order of time. The store writes the JSON of each
event; Python passes it on.
"""

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from trackway.query.expressions import JsonColumn, Kind, is_raw
from trackway.query.limits import ACTIVITY_BYTES_MAX
from trackway.query.reports.run import Run, Statement
from trackway.query.sql.event_line import COLUMNS, event_line
from trackway.query.sql.events import Events, project_events
from trackway.query.sql.person import Known, newest_links
from trackway.query.sql.scope import TIME_MS, Needs, rows_of
from trackway.query.sql.tables import GIVEN_IDS, rows_from, rows_in

DAY_MS: Final = 86_400_000


class Place(NamedTuple):
    """An event's place in the order of activity: by time, then by what else makes an event one of its own."""

    time_ms: int
    event: str = ""
    distinct_id: str = ""
    insert_id: str = ""


class Activity(NamedTuple):
    """Which events to give. `ids`: any ids of the persons. Times are in milliseconds since the epoch, from the first on
    and before the second. `only` and `without` are names of events, and empty where they do not count. `before`: only
    events before this place. `window_days`: days of one page, or None. `search`: a text of the event, in upper or lower
    case; `searched` names the properties that may have it, and is empty where the name and every property may.
    """

    project_id: int
    ids: Sequence[str]
    from_ms: int
    before_ms: int
    limit: int
    only: Sequence[str] = ()
    without: Sequence[str] = ()
    before: Place | None = None
    window_days: int | None = None
    search: str = ""
    searched: Sequence[str] = ()


class Page(NamedTuple):
    """`lines` are the JSON of events in the order of time. `older`: the place before which older events may be; None
    where there are no older ones."""

    lines: list[str]
    older: Place | None


_PERSONS: Final = f"""
SELECT if(given = '', id, given) {rows_from(f"SELECT id {rows_from(GIVEN_IDS)}", "asked")}
LEFT JOIN (SELECT id AS linked, canonical_id AS given {rows_from(newest_links(GIVEN_IDS))}) AS link
ON asked.id = link.linked"""
_LINKED: Final = f"SELECT id {rows_in('identity_links', f'canonical_id IN ({GIVEN_IDS})')}"
# The hash is a column of the table's key. An id that has been linked to another person since is left out by `person`.
_OF_PERSONS: Final = f"""
cityHash64(distinct_id) IN (SELECT cityHash64(id) {rows_from(f"{GIVEN_IDS} UNION ALL {_LINKED}")})"""
_PLACE: Final = f"({TIME_MS}, toString(event), distinct_id, insert_id)"
_CURSOR: Final = "({cursor_ms:Int64}, {cursor_event:String}, {cursor_id:String}, {cursor_key:String})"
_NEWEST: Final = "time_ms DESC, name DESC, id DESC, key DESC"
_FOUND: Final = "positionCaseInsensitiveUTF8({text}, {{search:String}}) > 0"


async def activity(run: Run, wanted: Activity) -> Page:
    """One page. Raises StoreError."""
    found = await run.known()
    given = {"ids": json.dumps(list(wanted.ids))}
    persons = [row[0] for row in await run.rows(Statement(_PERSONS, given))] if found.links else list(wanted.ids)
    rows = await run.rows(_statement(wanted, found, persons))
    shown = rows[: wanted.limit]
    bytes_given, older = 0, len(rows) > len(shown)
    for number, row in enumerate(shown):
        bytes_given += int(row[0])
        if number and bytes_given > ACTIVITY_BYTES_MAX:
            shown, older = shown[:number], True
            break
    lines = [str(row[-1]) for row in reversed(shown)]
    if older:
        return Page(lines, Place(*shown[-1][1:5]))
    begin_ms, _ = _bounds_ms(wanted)
    return Page(lines, Place(begin_ms) if begin_ms > wanted.from_ms else None)


def _bounds_ms(wanted: Activity) -> tuple[int, int]:
    """The time of one page: the events of the last `window_days` before its cursor."""
    before_ms = wanted.before_ms
    if wanted.before is not None:  # a place without an event is the begin of the page after it
        before_ms = min(before_ms, wanted.before.time_ms + bool(wanted.before.event))
    if wanted.window_days is None:
        return wanted.from_ms, before_ms
    return max(wanted.from_ms, before_ms - wanted.window_days * DAY_MS), before_ms


def _events(wanted: Activity) -> Events:
    found = project_events(wanted.project_id).between(*_bounds_ms(wanted)).having(key=[_OF_PERSONS])
    if wanted.only:
        found = found.named(wanted.only)
    if wanted.without:
        found = found.having(key=["NOT has({without:Array(String)}, event)"], without=list(wanted.without))
    if wanted.before is not None:
        time_ms, event, id, key = wanted.before
        found = found.having(
            key=[f"{_PLACE} < {_CURSOR}"], cursor_ms=time_ms, cursor_event=event, cursor_id=id, cursor_key=key
        )
    return found


def _statement(wanted: Activity, known: Known, persons: Sequence[str]) -> Statement:
    """The rows are the bytes of the line, the event's place, and the line. An event beyond ACTIVITY_BYTES_MAX of a page
    has no line, because it will not be shown."""
    needs = Needs(person=True, document=bool(wanted.search))
    rows = rows_of(_events(wanted), known, deduplicated=True, needs=needs, columns=COLUMNS)
    parameters = rows.parameters | {"ids": json.dumps(list(persons)), "rows": wanted.limit + 1}
    conditions = [f"person IN ({GIVEN_IDS})"]
    if wanted.search:
        conditions.append(_search(wanted, parameters))
    place = f"{TIME_MS} AS time_ms, toString(event) AS name, distinct_id AS id, insert_id AS key"
    line = event_line(known, repeats_person=True)
    chosen = f"SELECT {place}, {line} AS line {rows.sql} WHERE {' AND '.join(conditions)}"
    chosen += f" ORDER BY {_NEWEST} LIMIT {{rows:UInt32}}"
    size = (
        f"SELECT *, sum(length(line)) OVER (ORDER BY {_NEWEST} ROWS UNBOUNDED PRECEDING) AS bytes {rows_from(chosen)}"
    )
    kept = f"if(bytes - length(line) > {ACTIVITY_BYTES_MAX}, '', line)"
    sql = f"SELECT length(line), time_ms, name, id, key, {kept} {rows_from(size)} ORDER BY {_NEWEST}{rows.settings}"
    return Statement(sql, parameters)


def _search(wanted: Activity, parameters: dict[str, Any]) -> str:
    parameters["search"] = wanted.search
    if not wanted.searched:
        values = "mapValues(JSONExtract(document, 'Map(String, String)'))"
        inside = f"arrayExists(value -> {_FOUND.format(text='value')}, {values})"
        return f"({_FOUND.format(text='toString(event)')} OR {inside})"
    document, found = JsonColumn("document"), []
    for number, name in enumerate(wanted.searched):
        parameters[f"searched_{number}"] = name
        raw = document.raw(f"{{searched_{number}:String}}")
        text = f"if({is_raw(raw, Kind.STRING)}, JSONExtractString({raw}), {raw})"
        found.append(_FOUND.format(text=text))
    return f"({' OR '.join(found)})"
