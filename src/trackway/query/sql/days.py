"""Days, weeks and months of a project: their bounds as instants, and the SQL that sorts times into buckets.

`domain.day_start` says when a day begins. The rules of time zones come from Python alone. The store gets the offsets
from UTC as bound parameters and adds them to a time, which costs it about as much as its own functions with a zone.
Those know other rules wherever the store's time zone database is another, and give wrong hours on days of change where
clocks move by half an hour or change at a quarter to (findings/start-of-hour-in-half-hour-zones.sh).
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from trackway.domain.day_start import Stretch, day_start_ms, local_time, stretches
from trackway.domain.time_zone import WeekStart, zone_of

MONDAY: Final = 1
SUNDAY: Final = 7
"""Week starts, as ISO 8601 numbers weekdays."""

_WEEK_STARTS: Final[dict[WeekStart, int]] = {"monday": MONDAY, "sunday": SUNDAY}
_EPOCH: Final = datetime(1970, 1, 1)
_DAY: Final = timedelta(days=1)
_DAY_S: Final = 86_400


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
        return local_time(self.zone, time_ms)

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
        return day_start_ms(self.zone, day)

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
        return _BUCKETS[unit].format(local=local, mode=self._week_mode)

    def bucket_of_ms_sql(self, unit: Unit, from_date: date, to_date: date, parameters: dict[str, Any], ms: str) -> str:
        """The same of a day, week or month for a time in milliseconds since the epoch, an Int64. Where no clock
        changes, a day is found by one division."""
        begin_ms, before_ms = self.bounds_ms(from_date, to_date)
        first, *rest = self.stretches(begin_ms // 1000, before_ms // 1000)
        if rest:
            time = f"fromUnixTimestamp64Milli({ms}, 'UTC')"
            return self.bucket_sql(unit, from_date, to_date, parameters, time)
        local = ms
        if first.offset_s:
            parameters["zone_offset"] = first.offset_s
            local = f"({ms} + {{zone_offset:Int32}} * 1000)"
        day = f"toDate(toUInt16(intDiv({local}, {1000 * _DAY_S})))"
        return day if unit is Unit.DAY else _BUCKETS[unit].format(local=day, mode=self._week_mode)

    @property
    def _week_mode(self) -> int:
        return 1 if self.week_start == MONDAY else 0

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
        return stretches(self.zone, from_s, before_s)

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
