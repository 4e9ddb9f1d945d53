"""When properties of events were first and last seen, of all time.

In come properties, each with two times at which it was seen; out come the first and the last time of each. To find a
property takes to read the text of events, so they are searched in windows of time, each wider than the one before: from
the oldest event on for the first time, from the newest back for the last one. Most properties are found in the first
window, and what is known already bounds the search for the others. Where time runs out, the answer is as far as the
search came.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from trackway.limits import (
    EVENT_NAMES_S_MAX,
    PROPERTY_NAMES_ASKED_BYTES_MAX,
    PROPERTY_TIMES_S_MAX,
    SEARCHED_EVENTS_MAX,
    SEARCHED_EVENTS_MIN,
    SEARCHED_SLICES_MAX,
)
from trackway.query.event_filter import EventFilter, conditions_of
from trackway.query.expressions import readable
from trackway.store.client import TIME_EXCEEDED_CODES, Store, StoreError

WIDER = 4
"""How much wider the next window is."""

_HOUR_MS = 3_600_000
_encode = msgspec.json.Encoder().encode
_QUESTION_S_MIN = 0.001
"""A question has at least so many seconds, however little is left."""

# Hours, in slices of about as many events each, by which windows are cut.
_SLICES = """
SELECT toUnixTimestamp(min(hour)) * 1000, toUnixTimestamp(max(hour)) * 1000 + {hour_ms:UInt32}, toUInt64(sum(hourly))
FROM (
    SELECT hour, hourly, sum(hourly) OVER (ORDER BY hour) - hourly AS before, sum(hourly) OVER () AS total FROM (
        SELECT toStartOfHour(time) AS hour, count() AS hourly FROM events {where} GROUP BY hour
    )
) GROUP BY intDiv(before, greatest({events:UInt64}, intDiv(total, {slices:UInt64}))) ORDER BY 1"""
# A name in quotes may also stand in a value: looking for it as text only saves most of the parsing.
_SEEN = f"""
SELECT name, toUnixTimestamp64Milli(min(time)), toUnixTimestamp64Milli(max(time)) FROM (
    SELECT time, {readable("properties")} AS document FROM {{events}} {{where}}
    WHERE multiSearchAny(properties, {{texts:Array(String)}})
) ARRAY JOIN arrayIntersect(mapKeys(JSONExtract(document, 'Map(String, String)')), {{names:Array(String)}}) AS name
GROUP BY name"""  # noqa: S608  `events` and `where` are text of ours


class Between(NamedTuple):
    """A time in milliseconds since the epoch that lies between these two, both included: known where they are equal."""

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
    """Time from the first moment on and before the second, in milliseconds since the epoch, and its number of events,
    about."""

    from_ms: int
    before_ms: int
    events: int


def property_times(
    store: Store,
    project_id: int,
    event: str,
    seen: Mapping[str, tuple[int, int]],
    *,
    time_s_max: float = PROPERTY_TIMES_S_MAX,
) -> dict[str, PropertyTimes]:
    """The times of the properties of events, of those with one name if given. `seen`: of each property the times of two
    events that have it, for the first and the last one as far as is known. The search for the first times, and that for
    the last, end after `time_s_max`. Raises StoreError."""
    searched = _Searched(store, project_id, event)
    slices = searched.slices()
    if not seen or not slices:
        return {name: PropertyTimes(Between(first, first), Between(last, last)) for name, (first, last) in seen.items()}
    firsts = {name: Between(min(slices[0].from_ms, first), first) for name, (first, _) in seen.items()}
    lasts = {name: Between(last, max(slices[-1].before_ms - 1, last)) for name, (_, last) in seen.items()}
    _find_lasts(searched, slices, lasts, time.monotonic() + time_s_max)
    _find_firsts(searched, slices, firsts, time.monotonic() + time_s_max)
    return {name: PropertyTimes(firsts[name], lasts[name]) for name in seen}


class _Searched:
    """The events that are searched: those of a project, of one name if given."""

    def __init__(self, store: Store, project_id: int, event: str) -> None:
        self._store = store
        self._project_id = project_id
        self._event = event

    def slices(self) -> list[_Slice]:
        """All time in which there are events, in slices that are worth a look each."""
        parameters: dict[str, Any] = {
            "events": SEARCHED_EVENTS_MIN,
            "slices": SEARCHED_SLICES_MAX,
            "hour_ms": _HOUR_MS,
        }
        where = conditions_of(self._store, self._project_id, EventFilter(event=self._event), parameters).sql()
        sql = f"{_SLICES.replace('{where}', where)} SETTINGS max_execution_time = {EVENT_NAMES_S_MAX}"
        return [_Slice(*row) for row in self._store.query(sql, parameters)]

    def seen(self, window: _Slice, names: Iterable[str], end_s: float) -> dict[str, Between] | None:
        """The first and the last time in this window of those of the properties that it has; None where that takes
        longer than until `end_s` of the monotonic clock."""
        found: dict[str, Between] = {}
        wanted = EventFilter(event=self._event, from_ms=window.from_ms, before_ms=window.before_ms)
        try:
            for some in _portions(names):
                if time.monotonic() >= end_s:
                    return None
                parameters = {"names": some, "texts": [f"{_quoted(name)}:" for name in some]}
                where = conditions_of(self._store, self._project_id, wanted, parameters).sql()
                found |= self._ask(_SEEN.replace("{where}", where), parameters, end_s)
        except StoreError as error:
            if error.code not in TIME_EXCEEDED_CODES:
                raise
            return None
        return found

    def _ask(self, sql: str, parameters: dict[str, Any], end_s: float) -> dict[str, Between]:
        """Of rows that are one event one counts, but nearly every window has nothing of what is rare, and that the
        store remembers of a window only where it does not look for such rows."""
        rows: list[tuple[Any, ...]] = []
        for table in ("events", "events FINAL"):
            left_s = max(end_s - time.monotonic(), _QUESTION_S_MIN)
            asked = f"{sql.replace('{events}', table)} SETTINGS max_execution_time = {left_s:.3f}"
            rows = self._store.query(asked, parameters)
            if not rows:
                break
        return {name: Between(first_ms, last_ms) for name, first_ms, last_ms in rows}


def _find_firsts(searched: _Searched, slices: list[_Slice], found: dict[str, Between], end_s: float) -> None:
    """Narrow down when properties were first seen."""
    for window in _windows(slices):
        sought = [name for name, each in found.items() if not each.is_known]
        seen = searched.seen(window, sought, end_s)
        if seen is None:
            return
        for name in sought:
            until_ms = found[name].until_ms
            if name in seen:
                until_ms = min(seen[name].from_ms, until_ms)
            found[name] = Between(until_ms if name in seen else min(window.before_ms, until_ms), until_ms)


def _find_lasts(searched: _Searched, slices: list[_Slice], found: dict[str, Between], end_s: float) -> None:
    """Narrow down when properties were last seen."""
    for window in _windows(reversed(slices)):
        sought = [name for name, each in found.items() if not each.is_known]
        seen = searched.seen(window, sought, end_s)
        if seen is None:
            return
        for name in sought:
            from_ms = found[name].from_ms
            if name in seen:
                from_ms = max(seen[name].until_ms, from_ms)
            found[name] = Between(from_ms, from_ms if name in seen else max(window.from_ms - 1, from_ms))


def _windows(slices: Iterable[_Slice]) -> Iterator[_Slice]:
    """Slices that follow one another put together, to windows each of which is wider than the one before."""
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
    """The names in as many parts as questions are needed to name them."""
    portion: list[str] = []
    size = 0
    for name in names:
        size += len(_quoted(name).encode())
        if portion and size > PROPERTY_NAMES_ASKED_BYTES_MAX:
            yield portion
            portion, size = [], len(_quoted(name).encode())
        portion.append(name)
    if portion:
        yield portion


def _quoted(name: str) -> str:
    """As it stands in the properties of an event, which were written by the same encoder."""
    return _encode(name).decode()
