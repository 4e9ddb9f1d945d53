"""The buckets of a report: the parts of its range for which it counts separately.

Buckets are minutes, hours, days, weeks or months of the project's time zone, or a number of days each, which are
counted from the first day of the range. The first week or month of a range may begin before it, and is then counted in
part.
"""

from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from trackway.query.sql.days import Days, Unit

_CLOCK_UNITS: Final = {Unit.MINUTE: timedelta(minutes=1), Unit.HOUR: timedelta(hours=1)}
_DAY: Final = timedelta(days=1)


class Buckets(NamedTuple):
    """The buckets of some days, both ends included.

    `interval`: days in a bucket; above 1 only where `unit` is DAY. `clock`: of these days only the time from what the
    clocks show first on, and before what they show then; for minutes and hours.
    """

    days: Days
    from_date: date
    to_date: date
    unit: Unit = Unit.DAY
    interval: int = 1
    clock: tuple[datetime, datetime] | None = None

    @property
    def bounds_ms(self) -> tuple[int, int]:
        """The first instant of the range, and the first instant after it, in milliseconds since the epoch."""
        if self.clock is not None:
            begin, end = self.clock
            return self.days.instants_ms(begin)[0], self.days.instants_ms(end)[0]
        return self.days.bounds_ms(self.from_date, self.to_date)

    @property
    def is_by_hour(self) -> bool:
        """Whether all times of one hour of UTC are of one bucket."""
        return self.unit is not Unit.MINUTE and self.days.change_on_hours(self.from_date, self.to_date)

    def keys(self) -> list[str]:
        """The keys of all buckets, in order (`Days.buckets` has their form)."""
        if self.interval == 1:
            keys = self.days.buckets(self.unit, self.from_date, self.to_date)
            if self.clock is None:
                return keys
            begin, end = (each.isoformat(" ") for each in self.clock)
            return [key for key in keys if begin <= key < end]
        starts = range(0, (self.to_date - self.from_date).days + 1, self.interval)
        return [(self.from_date + timedelta(days=start)).isoformat() for start in starts]

    def starts_ms(self) -> list[int]:
        """The first instants of all buckets, and the first instant after the range."""
        begin_ms, before_ms = self.bounds_ms
        return [*(max(begin_ms, self._start_ms(key)) for key in self.keys()), before_ms]

    def _start_ms(self, key: str) -> int:
        if self.unit in _CLOCK_UNITS:
            return self.days.instants_ms(datetime.fromisoformat(key))[0]
        return self.days.start_ms(date.fromisoformat(key))

    def sql(self, parameters: dict[str, Any], time: str = "time") -> str:
        """SQL of the bucket of a time within the range: a Date or DateTime that is written as its key. What it binds
        goes to `parameters`."""
        bucket = self.days.bucket_sql(self.unit, self.from_date, self.to_date, parameters, time)
        return self._joined(bucket, parameters)

    def sql_of_ms(self, parameters: dict[str, Any], ms: str) -> str:
        """The same of days, weeks and months for a time in milliseconds since the epoch."""
        bucket = self.days.bucket_of_ms_sql(self.unit, self.from_date, self.to_date, parameters, ms)
        return self._joined(bucket, parameters)

    def _joined(self, bucket: str, parameters: dict[str, Any]) -> str:
        """SQL of the bucket of so many days that a day lies in."""
        if self.interval == 1:
            return bucket
        parameters |= {"first_day": self.from_date.isoformat(), "interval": self.interval}
        first = "toDate({first_day:String})"
        return f"({first} + intDiv({bucket} - {first}, {{interval:Int32}}) * {{interval:Int32}})"


def latest(days: Days, unit: Unit, count: int, now_ms: int) -> Buckets:
    """So many buckets, of which the last one is that of an instant in milliseconds since the epoch."""
    now = days.local(now_ms)
    today = now.date()
    first = days.first_day(unit, today)
    match unit:
        case Unit.WEEK:
            first -= (count - 1) * timedelta(weeks=1)
        case Unit.MONTH:
            year, month = divmod(first.year * 12 + first.month - count, 12)
            first = date(year, month + 1, 1)
        case Unit.DAY:
            first -= (count - 1) * _DAY
        case _:
            return _latest_of_clock(days, unit, count, now)
    return Buckets(days, first, today, unit)


def _latest_of_clock(days: Days, unit: Unit, count: int, now: datetime) -> Buckets:
    width = _CLOCK_UNITS[unit]
    # A day more, because clocks may have been set forward.
    every = Buckets(days, (now - count * width).date() - _DAY, now.date(), unit)
    keys = every.keys()
    shown = [key for key in keys if key <= now.isoformat(" ")]
    begin, last = (datetime.fromisoformat(key) for key in (shown[-count], shown[-1]))
    return every._replace(from_date=begin.date(), clock=(begin, last + width))
