"""Facts by value: the hours in which events of one name have a value of one property.

A property with many values has too many counts by hour, and still far fewer values than events. So each value stands
once, with the hours of all its events (`store/migrations/0024_facts_hours.sql`).
"""

from collections.abc import Sequence
from typing import Any, Final

from trackway.query.sql.events import Events
from trackway.query.sql.segments import HOURS, HOURS_PERIOD_DAYS, Facts
from trackway.query.sql.tables import rows_from, rows_in

_PERIOD_HOURS: Final = HOURS_PERIOD_DAYS * 24
_TIME: Final = "fromUnixTimestamp64Milli(toInt64(hour) * 3600000, 'UTC')"
_OF_LATE_DAY: Final = "has({late_numbers:Array(UInt32)}, intDiv(hour, 24))"


def value_hours(events: Events, facts: Facts, rollups: Sequence[int], slot: int, bound: dict[str, Any]) -> str:
    """A query's text that gives `event`, `time`, `day`, `times` and `raw_0` of the events of some rollups, which have
    HOURS of a slot, without those of days whose facts may have newer copies. Each event has a row, and `time` is the
    begin of its hour. What it binds goes to `bound`. For events with `is_by_hour`."""
    rows, within = _read(events, facts, rollups, slot, bound)
    hours = f"arrayFilter(hour -> {within}, hours)" if within else "hours"
    each = f"SELECT event, raw, arrayJoin({hours}) AS hour {rows}"
    return f"SELECT event, {_TIME} AS time, toDate(time) AS day, 1 AS times, raw AS raw_0 {rows_from(each)}"


def value_totals(events: Events, facts: Facts, rollups: Sequence[int], slot: int, bound: dict[str, Any]) -> str:
    """The same with one row for several events of one name and value. `time` is the begin of any hour of them."""
    rows, within = _read(events, facts, rollups, slot, bound)
    times = f"arrayCount(hour -> {within}, hours)" if within else "length(hours)"
    each = f"SELECT event, raw, hours[1] AS hour, {times} AS times {rows}"
    each = f"SELECT event, {_TIME} AS time, toDate(time) AS day, times, raw AS raw_0 {rows_from(each)}"
    return f"{each} WHERE times != 0"


def _read(events: Events, facts: Facts, rollups: Sequence[int], slot: int, bound: dict[str, Any]) -> tuple[str, str]:
    """FROM the rows, and a condition on an `hour` of theirs, '' for none."""
    bound["by_value"] = list(rollups)
    conditions = ["segment IN {by_value:Array(UInt64)}", f"slot = {slot}", *events.names]
    within = []
    from_hour, before_hour = events.hours
    if from_hour is not None:
        bound["from_hour"] = from_hour
        conditions.append(f"period >= {from_hour // _PERIOD_HOURS}")
        within.append("hour >= {from_hour:UInt32}")
    if before_hour is not None:
        bound["before_hour"] = before_hour
        conditions.append(f"period <= {(before_hour - 1) // _PERIOD_HOURS}")
        within.append("hour < {before_hour:UInt32}")
    if facts.late_days:
        bound["late_numbers"] = facts.late_numbers
        within.append(f"NOT {_OF_LATE_DAY}")
    return rows_in(HOURS, *conditions), " AND ".join(within)
