"""When properties of events were first and last seen, of all time.

Properties come in, each with two times at which it was seen; the first and the last time of each come out. To find a
property the store reads the text of events. So the search goes through windows of time, each wider than the one before:
from the oldest event on for the first time, from the newest back for the last one. Most properties are found in the
first window, and the known times bound the search for the others. If time runs out, the answer gives bounds.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from trackway.query.expressions import readable
from trackway.query.limits import (
    EVENT_NAMES_S_MAX,
    PROPERTY_NAMES_ASKED_BYTES_MAX,
    PROPERTY_NAMES_ASKED_MAX,
    PROPERTY_TIMES_S_MAX,
    SEARCHED_EVENTS_MAX,
    SEARCHED_EVENTS_MIN,
    SEARCHED_SLICES_MAX,
)
from trackway.query.sql.events import Events, project_events
from trackway.query.sql.tables import rows_from
from trackway.store.errors import TIME_EXCEEDED_CODES, StoreError
from trackway.store.reader import Reader

WIDER = 4
"""Each window holds so many times the events of the one before."""

_HOUR_MS = 3_600_000
_encode = msgspec.json.Encoder().encode
_QUESTION_S_MIN = 0.001
"""A query gets at least so many seconds, however little is left."""

# Hours, in slices of about as many events each, from which windows are made.
_HOURLY = "toStartOfHour(time) AS hour, count() AS hourly"
_BEFORE = """
SELECT hour, hourly, sum(hourly) OVER (ORDER BY hour) - hourly AS before, sum(hourly) OVER () AS total"""
_SLICES = """
SELECT toUnixTimestamp(min(hour)) * 1000, toUnixTimestamp(max(hour)) * 1000 + {hour_ms:UInt32}, toUInt64(sum(hourly))"""
_SLICED = "GROUP BY intDiv(before, greatest({slice_events:UInt64}, intDiv(total, {slices:UInt64}))) ORDER BY 1"
# A name in quotes may also be a value. This text search saves most of the parsing.
_HAS_TEXT = "multiSearchAny(properties, {texts:Array(String)})"
_DOCUMENT = f"time, {readable('properties')} AS document"
_NAMES = "arrayIntersect(mapKeys(JSONExtract(document, 'Map(String, String)')), {names:Array(String)})"
_SEEN = "SELECT name, toUnixTimestamp64Milli(min(time)), toUnixTimestamp64Milli(max(time))"


class Between(NamedTuple):
    """Bounds of a time in milliseconds since the epoch, both included. It is known if they are equal."""

    from_ms: int
    until_ms: int

    @property
    def is_known(self) -> bool:
        return self.from_ms >= self.until_ms


class PropertyTimes(NamedTuple):
    """When a property was first and last seen."""

    first: Between
    last: Between

    @property
    def is_known(self) -> bool:
        return self.first.is_known and self.last.is_known


class _Slice(NamedTuple):
    """Time from the first instant on and before the second, in milliseconds since the epoch, and about how many events
    it has."""

    from_ms: int
    before_ms: int
    events: int


async def property_times(
    reader: Reader,
    project_id: int,
    event: str,
    seen: Mapping[str, tuple[int, int]],
    *,
    time_s_max: float = PROPERTY_TIMES_S_MAX,
) -> dict[str, PropertyTimes]:
    """When properties of events, of one name if given, were first and last seen. `seen`: for each property the times of
    the first and the last event known to have it. The search for the first times ends after `time_s_max`, and so does
    the search for the last ones. Raises StoreError."""
    searched = _Searched(reader, project_id, event)
    slices = await searched.slices()
    if not seen or not slices:
        return {name: PropertyTimes(Between(first, first), Between(last, last)) for name, (first, last) in seen.items()}
    firsts = {name: Between(min(slices[0].from_ms, first), first) for name, (first, _) in seen.items()}
    lasts = {name: Between(last, max(slices[-1].before_ms - 1, last)) for name, (_, last) in seen.items()}
    await _find_lasts(searched, slices, lasts, time.monotonic() + time_s_max)
    await _find_firsts(searched, slices, firsts, time.monotonic() + time_s_max)
    return {name: PropertyTimes(firsts[name], lasts[name]) for name in seen}


class _Searched:
    """The events that are searched: those of a project, of one name if given."""

    def __init__(self, reader: Reader, project_id: int, event: str) -> None:
        self._reader = reader
        self._project_id = project_id
        events = project_events(project_id)
        self._events = events.named([event]) if event else events

    async def slices(self) -> list[_Slice]:
        """All time in which there are events, in slices of enough events to be worth a query each."""
        parameters = {
            **self._events.parameters,
            "slice_events": SEARCHED_EVENTS_MIN,
            "slices": SEARCHED_SLICES_MAX,
            "hour_ms": _HOUR_MS,
        }
        hours = f"{self._events.select(_HOURLY, deduplicated=False)} GROUP BY hour"
        sql = f"{_SLICES} {rows_from(f'{_BEFORE} {rows_from(hours)}')} {_SLICED}"
        found = await self._reader.rows(self._project_id, sql, parameters, time_s=EVENT_NAMES_S_MAX)
        return [_Slice(*row) for row in found]

    async def seen(self, window: _Slice, names: Iterable[str], end_s: float) -> dict[str, Between] | None:
        """When those of the properties that this window has were first and last seen in it. None if that takes until
        `end_s` of the monotonic clock."""
        found: dict[str, Between] = {}
        within = self._events.between(window.from_ms, window.before_ms)
        try:
            for some in _portions(names):
                if time.monotonic() >= end_s:
                    return None
                texts = [f"{_quoted(name)}:" for name in some]
                found |= await self._ask(within.having(properties=[_HAS_TEXT], names=some, texts=texts), end_s)
        except StoreError as error:
            if error.code not in TIME_EXCEEDED_CODES:
                raise
            return None
        return found

    async def _ask(self, events: Events, end_s: float) -> dict[str, Between]:
        """Nearly every window lacks the rare properties. The store caches that for a window only in a query that keeps
        copies of events, so that query comes first."""
        rows: list[tuple[Any, ...]] = []
        for deduplicated in (False, True):
            left_s = max(end_s - time.monotonic(), _QUESTION_S_MIN)
            documents = rows_from(events.select(_DOCUMENT, deduplicated=deduplicated))
            sql = f"{_SEEN} {documents} ARRAY JOIN {_NAMES} AS name GROUP BY name"
            rows = await self._reader.rows(self._project_id, sql, events.parameters, time_s=left_s)
            if not rows:
                break
        return {name: Between(first_ms, last_ms) for name, first_ms, last_ms in rows}


async def _find_firsts(searched: _Searched, slices: list[_Slice], found: dict[str, Between], end_s: float) -> None:
    """Narrow the bounds of when properties were first seen."""
    for window in _windows(slices):
        sought = [name for name, each in found.items() if not each.is_known]
        seen = await searched.seen(window, sought, end_s)
        if seen is None:
            return
        for name in sought:
            until_ms = found[name].until_ms
            if name in seen:
                until_ms = min(seen[name].from_ms, until_ms)
            found[name] = Between(until_ms if name in seen else min(window.before_ms, until_ms), until_ms)


async def _find_lasts(searched: _Searched, slices: list[_Slice], found: dict[str, Between], end_s: float) -> None:
    """Narrow the bounds of when properties were last seen."""
    for window in _windows(reversed(slices)):
        sought = [name for name, each in found.items() if not each.is_known]
        seen = await searched.seen(window, sought, end_s)
        if seen is None:
            return
        for name in sought:
            from_ms = found[name].from_ms
            if name in seen:
                from_ms = max(seen[name].until_ms, from_ms)
            found[name] = Between(from_ms, from_ms if name in seen else max(window.from_ms - 1, from_ms))


def _windows(slices: Iterable[_Slice]) -> Iterator[_Slice]:
    """Windows of consecutive slices, each wider than the one before."""
    wanted, window = SEARCHED_EVENTS_MIN, None
    for each in slices:
        window = each if window is None else _joined(window, each)
        if window.events >= wanted:
            yield window
            wanted, window = min(wanted * WIDER, SEARCHED_EVENTS_MAX), None
    if window is not None:
        yield window


def _joined(one: _Slice, other: _Slice) -> _Slice:
    return _Slice(min(one.from_ms, other.from_ms), max(one.before_ms, other.before_ms), one.events + other.events)


def _portions(names: Iterable[str]) -> Iterator[list[str]]:
    """The names in parts, one for each query: `multiSearchAny` takes a bounded number of texts."""
    portion: list[str] = []
    size = 0
    for name in names:
        size += len(_quoted(name).encode())
        if len(portion) == PROPERTY_NAMES_ASKED_MAX or (portion and size > PROPERTY_NAMES_ASKED_BYTES_MAX):
            yield portion
            portion, size = [], len(_quoted(name).encode())
        portion.append(name)
    if portion:
        yield portion


def _quoted(name: str) -> str:
    """A name as the properties of an event hold it: the same encoder wrote them."""
    return _encode(name).decode()
