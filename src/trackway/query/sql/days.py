"""Days, weeks and months of a project: their bounds as instants, and the SQL that sorts times into buckets.

A project's day lasts from the first instant at which its clocks show the date to the first instant of the next day. So
every instant belongs to one day, and a day has 23, 24 or 25 hours where the clocks change. A date that a zone left out,
as Samoa did, is a day without length. Where clocks are set back across midnight, they count here as set back at the
second midnight, so that no day begins twice.

The rules of time zones come from Python alone. The store gets the offsets from UTC as bound parameters and adds them to
a time, which costs it about as much as its own functions with a zone. Those know other rules wherever the store's time
zone database is another, and give wrong hours on days of change where clocks move by half an hour or change at a
quarter to (findings/start-of-hour-in-half-hour-zones.sh).
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from trackway.domain.time_zone import WeekStart, zone_of

MONDAY: Final = 1
SUNDAY: Final = 7
"""Week starts, as ISO 8601 numbers weekdays."""

_WEEK_STARTS: Final[dict[WeekStart, int]] = {"monday": MONDAY, "sunday": SUNDAY}
_EPOCH: Final = datetime(1970, 1, 1)
_DAY: Final = timedelta(days=1)
_DAY_S: Final = 86_400
_SCANNED_S: Final = 7 * _DAY_S
"""No zone has changed its offset twice within so many seconds since 1971."""


class Unit(StrEnum):
    """The width of a bucket."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_WIDTHS_S: Final = {Unit.MINUTE: 60, Unit.HOUR: 3600}
_BUCKETS: Final = {
    Unit.MINUTE: "toStartOfMinute({local})",
    Unit.HOUR: "toStartOfHour({local})",
    Unit.DAY: "toDate({local})",
    Unit.WEEK: "toStartOfWeek({local}, {mode})",
    Unit.MONTH: "toStartOfMonth({local})",
}


class Stretch(NamedTuple):
    """Time from `begin_s` on, in seconds since the epoch, in which the clocks keep one offset from UTC, in seconds."""

    begin_s: int
    offset_s: int


class Days(NamedTuple):
    """The days of a time zone, an IANA name. `week_start` is MONDAY or SUNDAY.

    A zone that this machine does not know raises ZoneInfoNotFoundError when days are computed.
    """

    zone: str = "UTC"
    week_start: int = MONDAY

    @classmethod
    def of(cls, time_zone: str, week_start: WeekStart) -> "Days":
        """The days of a project with these settings. A zone that this version does not know counts as UTC."""
        return cls(zone_of(time_zone).key, _WEEK_STARTS[week_start])

    def local(self, time_ms: int) -> datetime:
        """What the clocks show at an instant in milliseconds since the epoch, without a zone."""
        second = time_ms // 1000
        return _EPOCH + timedelta(milliseconds=time_ms, seconds=self.stretches(second, second + 1)[0].offset_s)

    def day_of(self, time_ms: int) -> date:
        """The day that an instant in milliseconds since the epoch belongs to."""
        return self.local(time_ms).date()

    def instants_ms(self, local: datetime) -> tuple[int, int]:
        """The first and the last instant at which the clocks show a time, in milliseconds since the epoch.

        They differ in an hour that the clocks show twice. For a time that the clocks skip, both are the instant of the
        change.
        """
        local_ms = (local - _EPOCH) // timedelta(milliseconds=1)
        near = self.stretches(local_ms // 1000 - 2 * _DAY_S, local_ms // 1000 + 2 * _DAY_S)
        ends_ms = [*(1000 * each.begin_s for each in near[1:]), local_ms + 3000 * _DAY_S]
        shown = [
            local_ms - 1000 * each.offset_s
            for each, end_ms in zip(near, ends_ms, strict=True)
            if 1000 * each.begin_s <= local_ms - 1000 * each.offset_s < end_ms
        ]
        # Skipped: the change after which the clocks show a later time.
        changes = (1000 * each.begin_s for each in near if local_ms < 1000 * (each.begin_s + each.offset_s))
        return (shown[0], shown[-1]) if shown else (next(changes),) * 2

    def start_ms(self, day: date) -> int:
        """The first instant of a day, in milliseconds since the epoch."""
        midnight_s = (datetime(day.year, day.month, day.day) - _EPOCH) // timedelta(seconds=1)
        near = self.stretches(midnight_s - 2 * _DAY_S, midnight_s + 2 * _DAY_S)
        ends_s = [*(each.begin_s for each in near[1:]), midnight_s + 3 * _DAY_S]
        firsts = (max(each.begin_s, midnight_s - each.offset_s) for each in near)
        return 1000 * next(first for first, end_s in zip(firsts, ends_s, strict=True) if first < end_s)

    def bounds_ms(self, from_date: date, to_date: date) -> tuple[int, int]:
        """The first instant of some days, both ends included, and the first instant after them, in milliseconds."""
        return self.start_ms(from_date), self.start_ms(to_date + _DAY)

    def first_day(self, unit: Unit, day: date) -> date:
        """The first day of the week or month that a day lies in; for shorter units the day itself."""
        match unit:
            case Unit.WEEK:
                return day - (day.isoweekday() - self.week_start) % 7 * _DAY
            case Unit.MONTH:
                return day.replace(day=1)
        return day

    def buckets(self, unit: Unit, from_date: date, to_date: date) -> list[str]:
        """The keys of all buckets of some days, both ends included, in order.

        A key is the bucket's first day, `2026-11-23`, which for a week or month may lie before `from_date`. For minutes
        and hours it is what the clocks show, `2026-11-23 13:00:00`. An hour that the clocks show twice is one bucket.
        """
        if unit in _WIDTHS_S:
            return sorted(set(self._clock_keys(_WIDTHS_S[unit], from_date, to_date)))
        days = (from_date + number * _DAY for number in range((to_date - from_date).days + 1))
        return list(dict.fromkeys(self.first_day(unit, day).isoformat() for day in days))

    def bucket_sql(
        self, unit: Unit, from_date: date, to_date: date, parameters: dict[str, Any], time: str = "time"
    ) -> str:
        """SQL of the bucket of a time in these days, both ends included: a Date or DateTime that is written as its key.

        `time` is SQL of a DateTime or DateTime64; the result holds for no time outside of these days. What it binds
        goes to `parameters`.
        """
        local = self.local_sql(from_date, to_date, parameters, time)
        return _BUCKETS[unit].format(local=local, mode=1 if self.week_start == MONDAY else 0)

    def local_sql(self, from_date: date, to_date: date, parameters: dict[str, Any], time: str = "time") -> str:
        """SQL of what the clocks show at a time, in the store's type of UTC; otherwise as `bucket_sql`."""
        begin_ms, before_ms = self.bounds_ms(from_date, to_date)
        stretches = self.stretches(begin_ms // 1000, before_ms // 1000)
        if [each.offset_s for each in stretches] == [0]:
            return time
        offset = "{zone_offset:Int32}"
        parameters["zone_offset"] = stretches[0].offset_s
        if len(stretches) > 1:
            parameters["zone_begins"] = [each.begin_s for each in stretches]
            parameters["zone_offsets"] = [each.offset_s for each in stretches]
            begin = f"roundDown(toInt64(toUnixTimestamp({time})), {{zone_begins:Array(Int64)}})"
            offset = f"transform({begin}, {{zone_begins:Array(Int64)}}, {{zone_offsets:Array(Int32)}}, {offset})"
        return f"({time} + toIntervalSecond({offset}))"

    def change_on_hours(self, from_date: date, to_date: date) -> bool:
        """Whether the clocks show full hours at all full hours of UTC of some days, and change nothing in between."""
        begin_ms, before_ms = self.bounds_ms(from_date, to_date)
        first, *rest = self.stretches(begin_ms // 1000, before_ms // 1000)
        return not any(each % 3600 for each in (first.offset_s, *(part for stretch in rest for part in stretch)))

    def stretches(self, from_s: int, before_s: int) -> list[Stretch]:
        """The stretches of one offset that hold the time between two instants, in order. The first begins at `from_s`
        or earlier."""
        years = range(_year(from_s) - 1, _year(before_s) + 1)
        every = [each for year in years for each in _stretches(self.zone, year)]
        found = [next(same) for _, same in groupby(every, attrgetter("offset_s"))]
        first = bisect_right(found, from_s, key=attrgetter("begin_s")) - 1
        return [each for each in found[first:] if each.begin_s < max(before_s, from_s + 1)]

    def _clock_keys(self, width_s: int, from_date: date, to_date: date) -> Iterator[str]:
        begin_ms, before_ms = self.bounds_ms(from_date, to_date)
        stretches = self.stretches(begin_ms // 1000, before_ms // 1000)
        ends_s = [*(each.begin_s for each in stretches[1:]), before_ms // 1000]
        for (begin_s, offset_s), end_s in zip(stretches, ends_s, strict=True):
            first_s = max(begin_s, begin_ms // 1000) + offset_s
            for local_s in range(first_s // width_s * width_s, end_s + offset_s, width_s):
                yield (_EPOCH + timedelta(seconds=local_s)).isoformat(" ")


UTC_DAYS: Final = Days()
"""The days of raw exports."""


def _year(second: int) -> int:
    return (_EPOCH + timedelta(seconds=second)).year


@lru_cache(maxsize=4096)
def _stretches(zone: str, year: int) -> list[Stretch]:
    """The stretches that begin in a year of UTC; the first one is what goes on from the year before."""
    begin_s, end_s = (int(datetime(each, 1, 1, tzinfo=UTC).timestamp()) for each in (year, year + 1))
    rules = ZoneInfo(zone)
    found = [Stretch(begin_s, _offset_s(rules, begin_s))]
    for second in (*range(begin_s + _SCANNED_S, end_s, _SCANNED_S), end_s):
        if (offset_s := _offset_s(rules, second)) != found[-1].offset_s:
            changed_s = _change_s(rules, second - _SCANNED_S, second)
            found.append(Stretch(_counted_s(changed_s, found[-1].offset_s, offset_s), offset_s))
    return found


def _offset_s(rules: ZoneInfo, second: int) -> int:
    return (datetime.fromtimestamp(second, rules).utcoffset() or timedelta()) // timedelta(seconds=1)


def _change_s(rules: ZoneInfo, before_s: int, after_s: int) -> int:
    """The second at which the offset changes between two that have different ones."""
    before = _offset_s(rules, before_s)
    while after_s - before_s > 1:
        middle_s = (before_s + after_s) // 2
        if _offset_s(rules, middle_s) == before:
            before_s = middle_s
        else:
            after_s = middle_s
    return after_s


def _counted_s(changed_s: int, before_s: int, after_s: int) -> int:
    """When a change of offset counts: at once, or at the second midnight where the clocks are set back across it."""
    last_shown, next_midnight = changed_s - 1 + before_s, -(-(changed_s + after_s) // _DAY_S) * _DAY_S
    return next_midnight - after_s if next_midnight <= last_shown else changed_s
