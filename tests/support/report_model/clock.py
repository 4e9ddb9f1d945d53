"""What the clocks of a project show, asked of `zoneinfo` one instant after the other."""

from bisect import bisect_left
from collections.abc import Iterator
from copy import copy
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


class Clock(NamedTuple):
    """The clocks of a time zone, an IANA name; `week_start` is `monday` or `sunday`."""

    zone: str = "UTC"
    week_start: str = "monday"

    def local(self, time_ms: int) -> datetime:
        """The date and time shown at an instant, in whole seconds, without a zone."""
        return datetime.fromtimestamp(time_ms // 1000, ZoneInfo(self.zone)).replace(tzinfo=None, fold=0)

    def day(self, time_ms: int) -> date:
        return self.local(time_ms).date()

    def start_ms(self, day: date) -> int:
        """The first instant at which the clocks show a day or a later one."""
        return 1000 * _first_second(self.zone, datetime.combine(day, time()))

    def instant_ms(self, local: datetime) -> int:
        """The first instant at which the clocks show a time; for one that they skip, the instant at which they do."""
        second = int(local.replace(tzinfo=ZoneInfo(self.zone)).timestamp())
        skipped = self.local(second * 1000) != local.replace(microsecond=0)
        return 1000 * _first_second(self.zone, local) if skipped else 1000 * second + local.microsecond // 1000

    def first_day(self, unit: str, day: date) -> date:
        """The first day of a week or month; for shorter units the day itself."""
        if unit == "week":
            return day - (day.weekday() if self.week_start == "monday" else day.isoweekday() % 7) * DAY
        return day.replace(day=1) if unit == "month" else day

    def after(self, unit: str, first_day: date, count: int) -> date:
        """The first day of the unit that begins `count` units after another."""
        if unit != "month":
            return first_day + count * (7 if unit == "week" else 1) * DAY
        months = first_day.year * 12 + first_day.month - 1 + count
        return date(months // 12, months % 12 + 1, 1)


class Buckets:
    """The buckets of some days, both ends included: their keys in order, and the key of an instant.

    `interval` is a number of days from `from_date` on, which takes the place of `unit`.
    """

    def __init__(
        self, clock: Clock, from_date: date, to_date: date, unit: str = "day", interval: int | None = None
    ) -> None:
        self._clock, self._unit, self._interval = clock, unit, interval
        self._from = from_date
        self.begin_ms, self.end_ms = clock.start_ms(from_date), clock.start_ms(to_date + DAY)
        if unit in ("minute", "hour"):
            keys: Iterator[str] = (self._key(second * 1000) for second in self._each_minute())
        else:
            days = (from_date + number * DAY for number in range((to_date - from_date).days + 1))
            keys = map(self._key_of_day, days)
        self.keys = sorted(set(keys))

    def key(self, time_ms: int) -> str | None:
        """The key of the bucket that an instant is in, if it is in one."""
        key = self._key(time_ms) if self.begin_ms <= time_ms < self.end_ms else ""
        return key if key in self.keys else None

    def last(self, count: int, now_ms: int) -> "Buckets":
        """The same, but only the last ones up to that of an instant."""
        latest = copy(self)
        latest.keys = [key for key in self.keys if key <= self._key(now_ms)][-count:]
        return latest

    def spans(self) -> dict[str, tuple[int, int]]:
        """By key, the first instant of a bucket of days, and the first instant after it."""
        begins = {key: max(self.begin_ms, self._clock.start_ms(date.fromisoformat(key))) for key in self.keys}
        return {
            key: (begins[key], end) for key, end in zip(self.keys, [*begins.values(), self.end_ms][1:], strict=True)
        }

    def _each_minute(self) -> range:
        return range(self.begin_ms // 1000, self.end_ms // 1000, 60)

    def _key(self, time_ms: int) -> str:
        local = self._clock.local(time_ms)
        if self._unit in ("minute", "hour"):
            return local.replace(second=0, minute=local.minute if self._unit == "minute" else 0).isoformat(" ")
        return self._key_of_day(local.date())

    def _key_of_day(self, day: date) -> str:
        if self._interval is not None:
            return (day - (day - self._from).days % self._interval * DAY).isoformat()
        return self._clock.first_day(self._unit, day).isoformat()


@lru_cache(maxsize=4096)
def _first_second(zone: str, local: datetime) -> int:
    """The first second since the epoch at which the clocks show a time that they skip or show once, or a later one."""
    rules = ZoneInfo(zone)
    middle = int(local.replace(tzinfo=UTC).timestamp())
    near = range(middle - 26 * 3600, middle + 26 * 3600)
    shown = lambda second: datetime.fromtimestamp(second, rules).replace(tzinfo=None)  # noqa: E731
    return near[bisect_left(near, local, key=shown)]
