"""A project's events in the order in which they were loaded, newest first: a page of them, one of them, and new ones.

The order is by loading time, not by the events' own time. A new event is always the first, also one that is imported
from years ago, so that pages stay as they are while events come in. The table has another order. So the search goes
through windows of loading time, each wider than the one before, until a page is full; an index skips what was loaded
outside of a window. A search that takes too long returns what it found and a cursor to continue from.
"""

import json
import re
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from trackway.query.filtered_events import FilteredEvents, find
from trackway.query.identity_lookup import people_of
from trackway.query.limits import EVENTS_SEARCH_S_MAX, SHOWN_PROPERTIES_BYTES_MAX
from trackway.query.sql.event_filter import EventFilter
from trackway.query.sql.events import project_events
from trackway.query.sql.person import Known
from trackway.query.sql.scope import Rows, copies_of
from trackway.query.sql.tables import rows_from, rows_in
from trackway.store.errors import TIME_EXCEEDED_CODES, StoreError
from trackway.store.reader import Reader

WINDOW_S = 60
WIDER = 8
WIDEST_S = 365 * 86_400
"""Width of the first window that is searched, how much wider the next one is, and the widest but for all the rest."""

_TIE = "cityHash64(event, time, distinct_id, insert_id)"
_FIELDS = """
SELECT toUnixTimestamp64Milli(loaded), toUnixTimestamp64Micro(received), toUnixTimestamp64Milli(time), tie,
    event, distinct_id, insert_id, user_id, endpoint, length(properties),
    if(length(properties) > {bytes_max:UInt64}, '', properties), toString(toDate(time))"""
_NEWEST_FIRST = "ORDER BY loaded DESC, received DESC, time DESC, tie DESC LIMIT {rows:UInt32}"
LATELY_S = 5
"""Events become visible within this time after they were loaded."""
_LATELY = f"loaded >= now64(3, 'UTC') - INTERVAL {LATELY_S} SECOND"
_NOW = "SELECT toUnixTimestamp64Milli(now64(3))"
_LOADED_FROM = "loaded >= fromUnixTimestamp64Milli({low:Int64}, 'UTC')"
_LOADED_BEFORE = "loaded < fromUnixTimestamp64Milli({high:Int64}, 'UTC')"
_BEFORE = f"""loaded <= fromUnixTimestamp64Milli({{loaded:Int64}}, 'UTC')
    AND (toUnixTimestamp64Milli(loaded), toUnixTimestamp64Micro(received), toUnixTimestamp64Milli(time), {_TIE})
        < ({{loaded:Int64}}, {{received:Int64}}, {{time:Int64}}, {{tie:UInt64}})"""
_AT = f"""loaded = fromUnixTimestamp64Milli({{loaded:Int64}}, 'UTC')
    AND received = fromUnixTimestamp64Micro({{received:Int64}}, 'UTC')
    AND time = fromUnixTimestamp64Milli({{time:Int64}}, 'UTC') AND {_TIE} = {{tie:UInt64}}"""
# The table's key up to the insert_id; all copies of an event are equal in it.
_GIVEN_KEYS = "SELECT arrayJoin(JSONExtract({keys:String}, 'Array(Tuple(String, String, String, String))')) AS key"
_GIVEN = f"SELECT toDate(key.1), key.2, cityHash64(key.3), key.4 {rows_from(_GIVEN_KEYS)}"
_COPIES = f"""
SELECT {_TIE}, max((toUnixTimestamp64Micro(received), toUnixTimestamp64Milli(loaded)))
{rows_in("events", f"(toDate(time), event, cityHash64(distinct_id), insert_id) IN ({_GIVEN})")} GROUP BY 1"""
_QUESTION_S_MIN = 1.0
"""A query gets at least so many seconds, however little is left for the search."""
_CURSOR = re.compile(r"([0-9]{1,15})\.([0-9]{1,18})\.([0-9]{1,15})\.([0-9]{1,20})")


class Cursor(NamedTuple):
    """An event's position in the order: when it was loaded and received, its own time, and a hash of its key."""

    loaded_ms: int
    received_us: int
    time_ms: int
    tie: int

    def __str__(self) -> str:
        return f"{self.loaded_ms}.{self.received_us}.{self.time_ms}.{self.tie}"


class ShownEvent(NamedTuple):
    """An event as a page shows it. `person` is the person it belongs to now; `distinct_id` is the stored id.
    `properties` is JSON text, empty if its `properties_bytes` are too many."""

    cursor: Cursor
    event: str
    distinct_id: str
    person: str
    insert_id: str
    is_import: bool
    properties_bytes: int
    properties: str


class Found(NamedTuple):
    """Events, newest first. `rest` is where the search continues, None at its end; `is_cut`: it ran out of time."""

    events: list[ShownEvent]
    rest: Cursor | None
    is_cut: bool = False


class Fresh(NamedTuple):
    """Events loaded since some moment: their number by millisecond of loading, and the newest of those counted."""

    counts: dict[int, int]
    events: list[ShownEvent]


def read_cursor(text: str) -> Cursor | None:
    """The cursor that a text spells, or None."""
    match = _CURSOR.fullmatch(text)
    cursor = Cursor(*map(int, match.groups())) if match else None
    return cursor if cursor is not None and cursor.tie < 1 << 64 else None


async def newest(reader: Reader, project_id: int, wanted: EventFilter, before: Cursor | None, rows: int) -> Found:
    """A page of at most `rows` events, those after `before` in the order. Raises StoreError, ExpressionError."""
    chosen = await find(reader, project_id, wanted)
    if before is not None:
        chosen = chosen.having(_BEFORE, **_bound(before))
    found, rest, is_cut = await _search(reader, project_id, chosen, before, rows)
    events = await _without_old_copies(reader, project_id, found[:rows])
    if len(found) > rows:
        rest = Cursor(*found[rows - 1][:4])
    return Found(events, rest, is_cut and len(found) <= rows)


async def event_at(reader: Reader, project_id: int, at: Cursor) -> ShownEvent | None:
    """The event at a position with all its properties, or None. Raises StoreError."""
    rows = copies_of(project_events(project_id).having(row=[_AT], **_bound(at)), Known(links=False), None)
    found = await _shown(reader, project_id, await _ask(reader, project_id, rows, 1, bytes_max=1 << 62))
    return found[0] if found else None


async def fresh(reader: Reader, project_id: int, wanted: EventFilter, since_ms: int, rows: int) -> Fresh:
    """The events loaded at `since_ms` or later, and the `rows` newest of them. Raises StoreError, ExpressionError.

    The events of an insert have one moment of loading, but may become visible in several parts. A caller that asks
    again from the last moment it knows misses none.
    """
    chosen = (await find(reader, project_id, wanted)).having(_LOADED_FROM, low=since_ms).rows()
    counts = dict(await _counts(reader, project_id, chosen))
    if not counts:
        return Fresh({}, [])
    counted = _within(counts, await _ask(reader, project_id, chosen, rows))
    return Fresh(counts, await _shown(reader, project_id, counted))


async def last_loaded(reader: Reader, project_id: int, wanted: EventFilter) -> tuple[int, int]:
    """The last millisecond, by the store's clock, in which events were loaded lately, and how many; else the present
    one. `fresh` gives what is loaded from then on. Raises StoreError, ExpressionError."""
    chosen = (await find(reader, project_id, wanted)).having(_LATELY).rows()
    for loaded_ms, count in await _counts(reader, project_id, chosen):
        return int(loaded_ms), int(count)
    ((now_ms,),) = await reader.rows(project_id, _NOW)
    return int(now_ms) - LATELY_S * 1000, 0


async def sample(reader: Reader, project_id: int, wanted: EventFilter, rows: int) -> FilteredEvents:
    """The newest events, `rows` of them or a few times more, so that a query need not read all. Raises StoreError,
    ExpressionError."""
    chosen = await find(reader, project_id, wanted)
    now_ms, width_s = time.time_ns() // 1_000_000, WINDOW_S
    while width_s <= WIDEST_S:
        bounded = chosen.having(_LOADED_FROM, low=now_ms - width_s * 1000)
        found = bounded.rows()
        sql = f"SELECT count() {rows_from(f'SELECT 1 {found.sql} LIMIT {rows:d}')}{found.settings}"
        if await reader.rows(project_id, sql, found.parameters, time_s=EVENTS_SEARCH_S_MAX) == [(rows,)]:
            return bounded
        width_s *= WIDER
    return chosen


_Row = tuple[Any, ...]
"""A row of _FIELDS."""


def _bound(cursor: Cursor) -> dict[str, Any]:
    return {
        "loaded": cursor.loaded_ms,
        "received": cursor.received_us,
        "time": cursor.time_ms,
        "tie": cursor.tie,
    }


async def _search(
    reader: Reader, project_id: int, chosen: FilteredEvents, before: Cursor | None, rows: int
) -> tuple[list[_Row], Cursor | None, bool]:
    """Rows of window after window until there is one more than wanted; where to continue, and whether time ran out."""
    found: list[_Row] = []
    now_ms = time.time_ns() // 1_000_000
    high_ms, edge_ms, width_s = None, before.loaded_ms if before else now_ms, WINDOW_S
    if before is not None and not before.received_us:  # a continued search: it found little in the windows before
        width_s = max(WINDOW_S, (now_ms - edge_ms) // 1000)
    end_s = time.monotonic() + EVENTS_SEARCH_S_MAX
    while (left_s := end_s - time.monotonic()) > 0 or high_ms is None:
        low_ms = edge_ms - width_s * 1000 if width_s <= WIDEST_S else None
        try:
            window = _window(chosen, high_ms, low_ms).rows()
            found += await _ask(reader, project_id, window, rows + 1 - len(found), time_s=left_s / 2)
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


def _window(chosen: FilteredEvents, high_ms: int | None, low_ms: int | None) -> FilteredEvents:
    """Those that were loaded before `high_ms` and not before `low_ms`; None sets no bound."""
    if high_ms is not None:
        chosen = chosen.having(_LOADED_BEFORE, high=high_ms)
    if low_ms is not None:
        chosen = chosen.having(_LOADED_FROM, low=low_ms)
    return chosen


async def _ask(
    reader: Reader,
    project_id: int,
    chosen: Rows,
    rows: int,
    *,
    bytes_max: int = SHOWN_PROPERTIES_BYTES_MAX,
    time_s: float = EVENTS_SEARCH_S_MAX,
) -> list[_Row]:
    """The newest `rows` of some rows."""
    newest = f"SELECT *, {_TIE} AS tie {chosen.sql} {_NEWEST_FIRST}"
    sql = f"{_FIELDS} {rows_from(newest)}{chosen.settings}"
    parameters = chosen.parameters | {"rows": rows, "bytes_max": bytes_max}
    return await reader.rows(project_id, sql, parameters, time_s=max(time_s, _QUESTION_S_MIN))


async def _counts(reader: Reader, project_id: int, chosen: Rows) -> list[tuple[int, int]]:
    """Milliseconds of loading, the last ones first, and how many events were loaded in each."""
    groups = "GROUP BY loaded ORDER BY loaded DESC LIMIT 10000"
    sql = f"SELECT toUnixTimestamp64Milli(loaded), count() {chosen.sql} {groups}{chosen.settings}"
    found = await reader.rows(project_id, sql, chosen.parameters, time_s=EVENTS_SEARCH_S_MAX)
    return [(int(loaded_ms), int(count)) for loaded_ms, count in found]


def _within(counts: dict[int, int], rows: Sequence[_Row]) -> list[_Row]:
    """At most as many rows of a millisecond as were counted: the store may hold more by the time they are read."""
    left = dict(counts)
    kept = []
    for row in rows:
        if left.get(row[0], 0):
            left[row[0]] -= 1
            kept.append(row)
    return kept


async def _without_old_copies(reader: Reader, project_id: int, rows: Sequence[_Row]) -> list[ShownEvent]:
    """The events of rows, without rows that a copy received later replaces (protocol §4)."""
    if not rows:
        return []
    keys = json.dumps([(row[11], row[4], row[5], row[6]) for row in rows])
    last = {tie: tuple(newest) for tie, newest in await reader.rows(project_id, _COPIES, {"keys": keys})}
    kept = [row for row in rows if last.get(row[3], (row[1], row[0])) == (row[1], row[0])]
    return await _shown(reader, project_id, kept)


async def _shown(reader: Reader, project_id: int, rows: Sequence[_Row]) -> list[ShownEvent]:
    people = await people_of(reader, project_id, {row[5] for row in rows if not row[7]})
    return [
        ShownEvent(
            Cursor(*row[:4]), row[4], row[5], row[7] or people.get(row[5]) or row[5], row[6], row[8] == 2, *row[9:11]
        )
        for row in rows
    ]
