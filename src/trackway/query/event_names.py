"""A project's event names with their volume a day, and the shape of its events' properties.

Names are counted exactly, over all days asked for. Properties come from a sample, the newest events, because the query
would otherwise read all text of all events. A page says how many events the sample had (`query.property_times` finds,
of all time, when a property was there). Each value stays the text it came as, so that an example shows what a client
sent.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

import msgspec

from trackway.domain.limits import EVENT_NAMES_SHOWN_MAX
from trackway.query.event_feed import sample
from trackway.query.limits import (
    EVENT_NAMES_S_MAX,
    EXAMPLE_CHARACTERS_MAX,
    EXAMPLES_SHOWN,
    PROPERTIES_SHOWN_MAX,
    SAMPLE_EVENTS_MAX,
    SHOWN_PROPERTIES_BYTES_MAX,
)
from trackway.query.sql.days import UTC_DAYS, Days, Unit
from trackway.query.sql.event_filter import EventFilter
from trackway.query.sql.events import project_events
from trackway.query.sql.tables import rows_from
from trackway.store.reader import Reader

_TIMES = "event, toUnixTimestamp64Milli(min(time)), toUnixTimestamp64Milli(max(time))"
_TYPES = {'"': "string", "{": "object", "[": "list", "t": "boolean", "f": "boolean", "n": "null"}
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class NameVolume(NamedTuple):
    """An event's name, its number of events by day, and when it was first and last seen, of all time, in milliseconds
    since the epoch."""

    name: str
    total: int
    by_day: dict[date, int]
    first_ms: int
    last_ms: int


class PropertyShape(NamedTuple):
    """The shape of a property in a sample: the number of events that have it, its types and example values.
    Examples are cut. `first_ms`, `last_ms`: the times of the first and the last event of the sample that has it."""

    name: str
    events: int
    types: dict[str, int]
    examples: list[str]
    first_ms: int
    last_ms: int


class Sample(NamedTuple):
    """The most frequent `properties` of `events` events, the newest ones of usual size; PROPERTIES_SHOWN_MAX at
    most."""

    events: int
    properties: list[PropertyShape]


async def volumes(
    reader: Reader,
    project_id: int,
    from_date: date,
    to_date: date,
    *,
    days: Days = UTC_DAYS,
    search: str = "",
    names: Sequence[str] = (),
) -> list[NameVolume]:
    """Names by falling volume within these days, both included: those given, those that contain `search` in either
    case, else all; EVENT_NAMES_SHOWN_MAX at most. Raises StoreError."""
    events = project_events(project_id).within(days, from_date, to_date)
    if names:
        events = events.named(names)
    if search:
        containing = "positionCaseInsensitiveUTF8(toString(event), {search:String}) > 0"
        events = events.having(key=[containing], search=search)
    parameters = {**events.parameters, "rows": EVENT_NAMES_SHOWN_MAX}
    day = days.bucket_sql(Unit.DAY, from_date, to_date, parameters)
    by_day = f"{events.select(f'event, {day} AS day, count() AS events', deduplicated=True)} GROUP BY event, day"
    sql = f"SELECT event, sum(events) AS total, groupArray((day, events)) {rows_from(by_day)}"
    sql += " GROUP BY event ORDER BY total DESC, event LIMIT {rows:UInt32}"
    rows = await reader.rows(project_id, sql, parameters, time_s=EVENT_NAMES_S_MAX)
    seen = await _seen(reader, project_id, [str(row[0]) for row in rows])
    return [NameVolume(name, total, dict(map(_day, by_day)), *seen[name]) for name, total, by_day in rows]


async def _seen(reader: Reader, project_id: int, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """When events of each name were first and last seen."""
    events = project_events(project_id).named(names)
    sql = f"{events.select(_TIMES, deduplicated=False)} GROUP BY event"
    rows = await reader.rows(project_id, sql, events.parameters, time_s=EVENT_NAMES_S_MAX)
    return {name: (first_ms, last_ms) for name, first_ms, last_ms in rows}


def _day(pair: tuple[str, int]) -> tuple[date, int]:
    day, events = pair
    return date.fromisoformat(day), events


async def shapes(reader: Reader, project_id: int, event: str = "") -> Sample:
    """The properties of the newest events, of one name if given, by falling number of events. Raises StoreError."""
    newest = (await sample(reader, project_id, EventFilter(event=event), SAMPLE_EVENTS_MAX)).events
    events = newest.having(
        properties=["length(properties) <= {bytes_max:UInt64}"], bytes_max=SHOWN_PROPERTIES_BYTES_MAX
    )
    columns = events.select("properties, toUnixTimestamp64Milli(time)", deduplicated=False)
    sql, parameters = f"{columns} ORDER BY loaded DESC LIMIT {{rows:UInt32}}", {**events.parameters}
    parameters["rows"] = SAMPLE_EVENTS_MAX
    return shapes_of(await reader.rows(project_id, sql, parameters, time_s=EVENT_NAMES_S_MAX))


def shapes_of(events: Iterable[tuple[Any, ...]]) -> Sample:
    """The shape of the properties of events, each given as JSON text and its time in milliseconds."""
    found: dict[str, _Seen] = {}
    number = 0
    for properties, time_ms in events:
        number += 1
        for name, raw in _members.decode(properties).items():
            found.setdefault(name, _Seen()).add(bytes(raw).decode(), time_ms)
    ordered = sorted(found.items(), key=lambda each: (-each[1].types.total(), each[0]))
    return Sample(number, [seen.shape(name) for name, seen in ordered[:PROPERTIES_SHOWN_MAX]])


class _Seen:
    """What a sample shows of one property."""

    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self._examples: dict[str, None] = {}
        self._times_ms: list[int] = []

    def add(self, raw: str, time_ms: int) -> None:
        self.types[_TYPES.get(raw[0], "number")] += 1
        if len(self._examples) < EXAMPLES_SHOWN:
            text = msgspec.json.decode(raw) if raw[0] == '"' else raw
            self._examples.setdefault(text[:EXAMPLE_CHARACTERS_MAX])
        self._times_ms = [min((time_ms, *self._times_ms)), max((time_ms, *self._times_ms))]

    def shape(self, name: str) -> PropertyShape:
        types = dict(self.types.most_common())
        return PropertyShape(name, self.types.total(), types, [*self._examples], *self._times_ms)
