"""The rules for times: what a JSON time means, and which times an endpoint takes (protocol §4, §5).

A JSON value goes in; milliseconds since the epoch come out, or `Rejected`. Nothing here raises. `/track` and `/import`
differ in their bounds, which come with `Arrival`.
"""

import re
from typing import Any

from trackway.domain.data_age import in_days
from trackway.domain.endpoint import Endpoint
from trackway.ingest.arrival import Arrival
from trackway.ingest.limits import FUTURE_MS_MAX, SECONDS_BELOW, TIME_MS_MIN
from trackway.ingest.outcome import Rejected, invalid

_FIELD = "properties.time"
_NUMERIC = re.compile(r"-?\d{1,20}(\.\d{1,20})?")
_TIME_MS_MAX = 253_402_300_799_999  # 9999-12-31
_SECONDS_MIN = -SECONDS_BELOW


def event_time(value: Any, arrival: Arrival, required: bool) -> int | Rejected:
    """The time of an event; `value` is None when not given. Without one, it is the arrival unless it is required."""
    ms = time_ms(value)
    if type(ms) is int and arrival.oldest_ms <= ms <= arrival.now_ms:
        return ms
    if value is None:
        return invalid(_FIELD, "must not be missing") if required else arrival.now_ms
    return ms if isinstance(ms, Rejected) else _out_of_bounds(ms, arrival)


def _out_of_bounds(ms: int, arrival: Arrival) -> int | Rejected:
    """A time ahead is now, within bounds; every other one is rejected (protocol §4)."""
    if arrival.endpoint is Endpoint.TRACK:
        if ms < arrival.oldest_ms:
            return invalid(_FIELD, "must not be older than 5 days; send it to /import")
        if unit := finer_unit(ms):
            return invalid(_FIELD, unit)
    elif ms > arrival.now_ms + FUTURE_MS_MAX:
        return invalid(_FIELD, "must not be in the future")
    elif ms < arrival.oldest_ms:
        return invalid(_FIELD, "must not be before 1971-01-01")
    return arrival.now_ms


def too_old(days: int) -> Rejected:
    """The rejection of an event that is older than its project keeps events."""
    return invalid(_FIELD, f"must not be older than {in_days(days)}, which is how long the project keeps events")


def profile_time(value: Any, arrival: Arrival) -> int | Rejected:
    """`$time` of a profile update, else the arrival; a time ahead of now is now, as on `/track`."""
    if value is None:
        return arrival.now_ms
    ms = time_ms(value, "$time")
    if isinstance(ms, Rejected):
        return ms
    if ms < TIME_MS_MIN:
        return invalid("$time", "must not be before 1971-01-01")
    if unit := finer_unit(ms):
        return invalid("$time", unit)
    return min(ms, arrival.now_ms)


def time_ms(value: Any, field: str = _FIELD) -> int | Rejected:
    """Milliseconds since the epoch from a JSON time: number or numeric string, seconds or milliseconds.

    Below 1e11 is seconds (protocol §4). Fractions are kept to the millisecond.
    """
    if type(value) is not int and type(value) is not float:
        if type(value) is not str or not _NUMERIC.fullmatch(value):
            return invalid(field, "must be specified as seconds since epoch")
        value = float(value) if "." in value else int(value)
    ms = value * 1000 if _SECONDS_MIN < value < SECONDS_BELOW else value  # below that, a float could overflow
    return ms if type(ms) is int else int(ms)


def finer_unit(ms: int) -> str:
    """Why a time beyond the year 9999 is rejected: it has a unit finer than milliseconds; else ""."""
    if ms <= _TIME_MS_MAX:
        return ""
    unit = "microseconds" if ms <= 1000 * _TIME_MS_MAX else "nanoseconds"
    return f"must be specified as seconds or milliseconds since epoch, not {unit}"
