"""A project's events in the order they came, newest first: a page of them, one of them, and what has come since.

The order is that in which they were loaded, not the time they tell: a new event is always the first, also one that is
imported from years ago, so that pages stay as they are while events come in. The table is sorted otherwise. It is
searched in windows of loading time, each wider than the one before, until a page is full; an index leaves out what was
loaded outside of a window. A search that takes too long ends with what it found and the place where to search on.
"""

import json
import re
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from trackway.limits import EVENTS_SEARCH_S_MAX, SHOWN_PROPERTIES_BYTES_MAX
from trackway.query.event_filter import Conditions, EventFilter, conditions_of
from trackway.query.identity import people_of
from trackway.store.client import TIME_EXCEEDED_CODES, Store, StoreError

WINDOW_S = 60
WIDER = 8
WIDEST_S = 365 * 86_400
"""Width of the first window that is searched, how much wider the next one is, and the widest but for all the rest."""

_TIE = "cityHash64(event, time, distinct_id, insert_id)"
_SHOWN = f"""
SELECT toUnixTimestamp64Milli(loaded), toUnixTimestamp64Micro(received), toUnixTimestamp64Milli(time), tie,
    event, distinct_id, insert_id, user_id, endpoint, length(properties),
    if(length(properties) > {{bytes_max:UInt64}}, '', properties), toString(toDate(time))
FROM (
    SELECT *, {_TIE} AS tie FROM events {{where}}
    ORDER BY loaded DESC, received DESC, time DESC, tie DESC LIMIT {{rows:UInt32}}
)"""  # noqa: S608  `where` is text of ours
_COUNTS = f"""
SELECT toUnixTimestamp64Milli(loaded), count() FROM events {{where}}
GROUP BY loaded ORDER BY loaded DESC LIMIT 10000
SETTINGS max_execution_time = {EVENTS_SEARCH_S_MAX}"""  # noqa: S608
LATELY_S = 5
"""What is loaded but cannot be seen yet was loaded within this time."""
_LATELY = f"loaded >= now64(3, 'UTC') - INTERVAL {LATELY_S} SECOND"
_NOW = "SELECT toUnixTimestamp64Milli(now64(3))"
_LOADED_FROM = "loaded >= fromUnixTimestamp64Milli({low:Int64}, 'UTC')"
_LOADED_BEFORE = "loaded < fromUnixTimestamp64Milli({high:Int64}, 'UTC')"
_BEFORE = f"""loaded <= fromUnixTimestamp64Milli({{loaded:Int64}}, 'UTC')
    AND (toUnixTimestamp64Milli(loaded), toUnixTimestamp64Micro(received), toUnixTimestamp64Milli(time), {_TIE})
        < ({{loaded:Int64}}, {{received:Int64}}, {{time:Int64}}, {{tie:UInt64}})"""
_AT = f"""project_id = {{project:UInt32}} AND loaded = fromUnixTimestamp64Milli({{loaded:Int64}}, 'UTC')
    AND received = fromUnixTimestamp64Micro({{received:Int64}}, 'UTC')
    AND time = fromUnixTimestamp64Milli({{time:Int64}}, 'UTC') AND {_TIE} = {{tie:UInt64}}"""
# The table's key up to the time; rows that are one event are equal in all of it.
_COPIES = f"""
SELECT {_TIE}, max((toUnixTimestamp64Micro(received), toUnixTimestamp64Milli(loaded))) FROM events
WHERE project_id = {{project:UInt32}} AND (toDate(time), event, cityHash64(distinct_id), insert_id) IN (
    SELECT toDate(key.1), key.2, cityHash64(key.3), key.4 FROM (
        SELECT arrayJoin(JSONExtract({{keys:String}}, 'Array(Tuple(String, String, String, String))')) AS key
    )
) GROUP BY 1"""  # noqa: S608
_QUESTION_S_MIN = 1.0
"""A question has at least so many seconds, however little is left for the search."""
_CURSOR = re.compile(r"([0-9]{1,15})\.([0-9]{1,18})\.([0-9]{1,15})\.([0-9]{1,20})")


class Cursor(NamedTuple):
    """An event's place in the order: when it was loaded and received, its own time, and a hash of what makes it one
    event."""

    loaded_ms: int
    received_us: int
    time_ms: int
    tie: int

    def __str__(self) -> str:
        return f"{self.loaded_ms}.{self.received_us}.{self.time_ms}.{self.tie}"


class ShownEvent(NamedTuple):
    """An event as it is shown. `person` is whose it is now; `distinct_id` is as it was sent. `properties` is JSON text,
    empty where its `properties_bytes` are more than wanted."""

    cursor: Cursor
    event: str
    distinct_id: str
    person: str
    insert_id: str
    is_import: bool
    properties_bytes: int
    properties: str


class Found(NamedTuple):
    """Events, newest first. `rest` is where the search is to go on, None at its end; `is_cut`: it ran out of time."""

    events: list[ShownEvent]
    rest: Cursor | None
    is_cut: bool = False


class Fresh(NamedTuple):
    """What has been loaded: how many events in which millisecond, and the newest of them."""

    counts: dict[int, int]
    events: list[ShownEvent]


def read_cursor(text: str) -> Cursor | None:
    """The cursor of a text, None for one that is none."""
    match = _CURSOR.fullmatch(text)
    cursor = Cursor(*map(int, match.groups())) if match else None
    return cursor if cursor is not None and cursor.tie < 1 << 64 else None


def newest(store: Store, project_id: int, wanted: EventFilter, before: Cursor | None, rows: int) -> Found:
    """A page of at most `rows` events, those after `before` in the order. Raises StoreError, ExpressionError."""
    parameters: dict[str, Any] = {"bytes_max": SHOWN_PROPERTIES_BYTES_MAX}
    where = conditions_of(store, project_id, wanted, parameters)
    if before is not None:
        where = where._replace(first=f"{where.first} AND {_BEFORE}")
        parameters |= _bound(before)
    found, rest, is_cut = _search(store, where, parameters, before, rows)
    events = _present(store, project_id, found[:rows])
    if len(found) > rows:
        rest = Cursor(*found[rows - 1][:4])
    return Found(events, rest, is_cut and len(found) <= rows)


def event_at(store: Store, project_id: int, at: Cursor) -> ShownEvent | None:
    """The event of that place with all its properties, None where there is none. Raises StoreError."""
    rows = _ask(
        store,
        f"PREWHERE {_AT}",
        _bound(at) | {"project": project_id, "bytes_max": 1 << 62, "rows": 1},
        EVENTS_SEARCH_S_MAX,
    )
    found = _shown(store, project_id, rows)
    return found[0] if found else None


def fresh(store: Store, project_id: int, wanted: EventFilter, since_ms: int, rows: int) -> Fresh:
    """What was loaded at `since_ms` or later, and the `rows` newest of it. Raises StoreError, ExpressionError.

    The events of an insert have one moment of loading, but may come to be seen in several parts: who asks again from
    the last moment known misses none.
    """
    parameters: dict[str, Any] = {"bytes_max": SHOWN_PROPERTIES_BYTES_MAX, "low": since_ms}
    where = conditions_of(store, project_id, wanted, parameters).sql(_LOADED_FROM)
    counts = dict(store.query(_COUNTS.replace("{where}", where), parameters))
    found = _ask(store, where, parameters | {"rows": rows}, EVENTS_SEARCH_S_MAX) if counts else []
    return Fresh(counts, _shown(store, project_id, found))


def last_loaded(store: Store, project_id: int, wanted: EventFilter) -> tuple[int, int]:
    """The last millisecond, by the store's clock, in which events were loaded lately, and how many; else the present
    one. What is loaded later is what `fresh` gives from there on. Raises StoreError, ExpressionError."""
    parameters: dict[str, Any] = {}
    where = conditions_of(store, project_id, wanted, parameters).sql(_LATELY)
    for loaded_ms, count in store.query(_COUNTS.replace("{where}", where), parameters):
        return int(loaded_ms), int(count)
    ((now_ms,),) = store.query(_NOW)
    return int(now_ms) - LATELY_S * 1000, 0


def sample_where(store: Store, project_id: int, wanted: EventFilter, rows: int, parameters: dict[str, Any]) -> str:
    """What follows FROM to choose the newest events, `rows` of them or a few times more, so that not all need be read;
    what it binds goes to `parameters`. Raises StoreError, ExpressionError."""
    where = conditions_of(store, project_id, wanted, parameters)
    now_ms, width_s = time.time_ns() // 1_000_000, WINDOW_S
    while width_s <= WIDEST_S:
        bounded, low = where.sql(_LOADED_FROM), {"low": now_ms - width_s * 1000}
        sql = f"SELECT count() FROM (SELECT 1 FROM events {bounded} LIMIT {rows:d})"  # noqa: S608  texts of ours
        if store.query(f"{sql} SETTINGS max_execution_time = {EVENTS_SEARCH_S_MAX}", parameters | low) == [(rows,)]:
            parameters |= low
            return bounded
        width_s *= WIDER
    return where.sql()


_Row = tuple[Any, ...]
"""What _SHOWN gives."""


def _bound(cursor: Cursor) -> dict[str, Any]:
    return {
        "loaded": cursor.loaded_ms,
        "received": cursor.received_us,
        "time": cursor.time_ms,
        "tie": cursor.tie,
    }


def _search(
    store: Store, where: Conditions, parameters: dict[str, Any], before: Cursor | None, rows: int
) -> tuple[list[_Row], Cursor | None, bool]:
    """Rows of window after window until there is one more than wanted; where to go on, and whether time ran out."""
    found: list[_Row] = []
    now_ms = time.time_ns() // 1_000_000
    high_ms, edge_ms, width_s = None, before.loaded_ms if before else now_ms, WINDOW_S
    if before is not None and not before.received_us:  # a search that goes on: there was little in what lies behind it
        width_s = max(WINDOW_S, (now_ms - edge_ms) // 1000)
    end_s = time.monotonic() + EVENTS_SEARCH_S_MAX
    while (left_s := end_s - time.monotonic()) > 0 or high_ms is None:
        low_ms = edge_ms - width_s * 1000 if width_s <= WIDEST_S else None
        try:
            found += _window(store, where, parameters, high_ms, low_ms, rows + 1 - len(found), left_s / 2)
        except StoreError as error:
            if error.code not in TIME_EXCEEDED_CODES or width_s <= 1:
                raise
            width_s = min(width_s, WIDEST_S) // WIDER + 1
            continue
        if len(found) > rows or low_ms is None:
            return found, None, False
        high_ms = edge_ms = low_ms
        width_s *= WIDER
    return found, Cursor(high_ms, 0, 0, 0), True


def _window(
    store: Store,
    where: Conditions,
    parameters: dict[str, Any],
    high_ms: int | None,
    low_ms: int | None,
    rows: int,
    time_s: float,
) -> list[_Row]:
    """The newest rows that were loaded before `high_ms` and not before `low_ms`, where these bound it."""
    bounds, parameters = [], parameters | {"rows": rows}
    if high_ms is not None:
        bounds.append(_LOADED_BEFORE)
        parameters["high"] = high_ms
    if low_ms is not None:
        bounds.append(_LOADED_FROM)
        parameters["low"] = low_ms
    return _ask(store, where.sql(*bounds), parameters, time_s)


def _ask(store: Store, where: str, parameters: dict[str, Any], time_s: float) -> list[_Row]:
    """`where` is what follows FROM."""
    sql = _SHOWN.replace("{where}", where)
    return store.query(f"{sql} SETTINGS max_execution_time = {max(time_s, _QUESTION_S_MIN):.1f}", parameters)


def _present(store: Store, project_id: int, rows: Sequence[_Row]) -> list[ShownEvent]:
    """The events of rows without those that another row of the same event, received later, stands for (protocol §4)."""
    if not rows:
        return []
    keys = json.dumps([(row[11], row[4], row[5], row[6]) for row in rows])
    last = dict(store.query(_COPIES, {"project": project_id, "keys": keys}))
    return _shown(store, project_id, [row for row in rows if last.get(row[3], (row[1], row[0])) == (row[1], row[0])])


def _shown(store: Store, project_id: int, rows: Sequence[_Row]) -> list[ShownEvent]:
    people = people_of(store, project_id, {row[5] for row in rows if not row[7]})
    return [
        ShownEvent(
            Cursor(*row[:4]), row[4], row[5], row[7] or people.get(row[5]) or row[5], row[6], row[8] == 2, *row[9:11]
        )
        for row in rows
    ]
