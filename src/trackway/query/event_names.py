"""A project's event names with their volume a day, and what the properties of its events are like.

Names are counted exactly, over all days asked for. Properties are looked at in a sample, the newest events, since all
their text would have to be read: what a page says of them is said of so many events (`query.property_times` tells, of
all time, when they were there). Each value stays the text it came as, so that an example shows what a client sent.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec

from trackway.limits import (
    EVENT_NAMES_S_MAX,
    EVENT_NAMES_SHOWN_MAX,
    EXAMPLE_CHARACTERS_MAX,
    EXAMPLES_SHOWN,
    PROPERTIES_SHOWN_MAX,
    SAMPLE_EVENTS_MAX,
    SHOWN_PROPERTIES_BYTES_MAX,
)
from trackway.query.arrivals import sample_where
from trackway.query.event_filter import EventFilter
from trackway.query.events import within
from trackway.store.client import Store

_TIME = f" SETTINGS max_execution_time = {EVENT_NAMES_S_MAX}"
_BY_DAY = """
SELECT event, sum(events) AS total, groupArray((day, events)) FROM (
    SELECT event, toDate(time) AS day, count() AS events FROM events FINAL WHERE {where} GROUP BY event, day
) GROUP BY event ORDER BY total DESC, event LIMIT {rows:UInt32}"""
_SEEN = """
SELECT event, toUnixTimestamp64Milli(min(time)), toUnixTimestamp64Milli(max(time)) FROM events
WHERE project_id = {project:UInt32} AND has({names:Array(String)}, event) GROUP BY event"""
_SAMPLE = """
SELECT properties, toUnixTimestamp64Milli(time) FROM events {where}
ORDER BY loaded DESC LIMIT {rows:UInt32}"""
_TYPES = {'"': "string", "{": "object", "[": "list", "t": "boolean", "f": "boolean", "n": "null"}
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class NameVolume(NamedTuple):
    """An event's name, how many events of it each day had, and when it was first and last seen, of all time, in
    milliseconds since the epoch."""

    name: str
    total: int
    by_day: dict[date, int]
    first_ms: int
    last_ms: int


class PropertyShape(NamedTuple):
    """What a property is like in a sample: in how many events it is, of which types, with which values for example.
    Examples are cut. `first_ms`, `last_ms`: the times of the first and the last event of the sample that has it."""

    name: str
    events: int
    types: dict[str, int]
    examples: list[str]
    first_ms: int
    last_ms: int


class Sample(NamedTuple):
    """`properties` of `events` events, the newest that match and are of usual size: those that most of these have,
    PROPERTIES_SHOWN_MAX at most."""

    events: int
    properties: list[PropertyShape]


def volumes(
    store: Store, project_id: int, from_date: date, to_date: date, *, search: str = "", names: Sequence[str] = ()
) -> list[NameVolume]:
    """Names by falling volume within these days, in UTC, both included: those given, those that contain `search` in
    either case, else all; EVENT_NAMES_SHOWN_MAX at most. Raises StoreError."""
    parameters: dict[str, Any] = {"rows": EVENT_NAMES_SHOWN_MAX}
    where = within(project_id, from_date, to_date, parameters)
    if names:
        where, parameters["names"] = f"{where} AND has({{names:Array(String)}}, event)", list(names)
    if search:
        where += " AND positionCaseInsensitiveUTF8(toString(event), {search:String}) > 0"
        parameters["search"] = search
    rows = store.query(_BY_DAY.replace("{where}", where) + _TIME, parameters)
    found = [str(row[0]) for row in rows]
    seen = {
        name: (first_ms, last_ms)
        for name, first_ms, last_ms in store.query(_SEEN + _TIME, {"project": project_id, "names": found})
    }
    return [NameVolume(name, total, dict(map(_day, days)), *seen[name]) for name, total, days in rows]


def _day(pair: tuple[date | datetime, int]) -> tuple[date, int]:
    day, events = pair
    return (day.date() if isinstance(day, datetime) else day), events


def shapes(store: Store, project_id: int, event: str = "") -> Sample:
    """The properties of the newest events, of one name if given, by falling number of events. Raises StoreError."""
    parameters: dict[str, Any] = {"bytes_max": SHOWN_PROPERTIES_BYTES_MAX, "rows": SAMPLE_EVENTS_MAX}
    where = sample_where(store, project_id, EventFilter(event=event), SAMPLE_EVENTS_MAX, parameters)
    where += " WHERE length(properties) <= {bytes_max:UInt64}"
    return shapes_of(store.query(_SAMPLE.replace("{where}", where) + _TIME, parameters))


def shapes_of(events: Iterable[tuple[str, int]]) -> Sample:
    """What the properties of events are like, each given as JSON text and its time in milliseconds."""
    found: dict[str, _Seen] = {}
    number = 0
    for properties, time_ms in events:
        number += 1
        for name, raw in _members.decode(properties).items():
            found.setdefault(name, _Seen()).add(bytes(raw).decode(), time_ms)
    ordered = sorted(found.items(), key=lambda each: (-each[1].types.total(), each[0]))
    return Sample(number, [seen.shape(name) for name, seen in ordered[:PROPERTIES_SHOWN_MAX]])


class _Seen:
    """What has been seen of one property."""

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
