"""The time after a birth in which retention counts who comes back.

A place is one number for an event's time, by which units after a birth are a difference. In rolling windows it is the
time in milliseconds since the epoch. In calendar windows the number of the day, week or month stands before the time.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import Days, Unit
from trackway.query.sql.scope import TIME_MS

UNIT_DAYS: Final = {Unit.DAY: 1, Unit.WEEK: 7, Unit.MONTH: 30}
"""Days of 24 hours in a unit of rolling windows."""
DAY_MS: Final = 24 * 3600 * 1000

_NUMBERED: Final = 2**43
"""What a unit's number is multiplied with; every time in milliseconds is less."""
_NUMBERS: Final = {
    Unit.DAY: "toInt64(toInt32({day}))",
    Unit.WEEK: "intDiv(toInt64(toInt32({day})), 7)",
    Unit.MONTH: "(toInt64(toYear({day})) * 12 + toMonth({day}))",
}


class Windows(NamedTuple):
    """The buckets after a birth. `unit` is DAY, WEEK or MONTH.

    `rolling`: units count from the birth, UNIT_DAYS each; otherwise they are those of the project's calendar. `ends`:
    how many units after the birth each bucket ends, in rising order. `unbounded`: a person who comes back in a bucket
    counts in all buckets before it, too.
    """

    unit: Unit
    rolling: bool
    ends: Sequence[int]
    unbounded: bool

    @property
    def begins(self) -> list[int]:
        """How many units after the birth each bucket begins."""
        return [0, *self.ends[:-1]]

    @property
    def unit_places(self) -> int:
        """How many places a unit has."""
        return UNIT_DAYS[self.unit] * DAY_MS if self.rolling else _NUMBERED

    def begun(self, days: Days, row: date, now_ms: int) -> int:
        """How many buckets of a row have begun, of those who began at its first instant. `row`: its first day."""
        if self.rolling:
            units = (now_ms - days.start_ms(row)) // self.unit_places
            return bisect_right(self.begins, units)
        return bisect_right(self.begins, days.day_of(now_ms), key=lambda begin: _later(self.unit, row, begin))

    def place_sql(self, read: Buckets, parameters: dict[str, Any], ms: str = TIME_MS) -> str:
        """SQL of an event's place, an Int64; `read` holds the event's day. `ms`: SQL of its time in milliseconds, where
        there is no column `time`."""
        if self.rolling:
            return ms
        time = "time" if ms == TIME_MS else f"fromUnixTimestamp64Milli({ms}, 'UTC')"
        day = read._replace(unit=self.unit, interval=1).sql(parameters, time)
        return f"{_NUMBERS[self.unit].format(day=day)} * {_NUMBERED} + {ms}"

    def units_sql(self, place: str) -> str:
        """SQL of how many whole units a place is after the place `birth`."""
        if self.rolling:
            return f"intDiv({place} - birth, {self.unit_places})"
        return f"(intDiv({place}, {_NUMBERED}) - intDiv(birth, {_NUMBERED}))"

    @property
    def until_sql(self) -> str:
        """SQL of the first place behind all buckets after the place `birth`."""
        if self.rolling:
            return f"birth + {self.ends[-1] * self.unit_places}"
        return f"(intDiv(birth, {_NUMBERED}) + {self.ends[-1]}) * {_NUMBERED}"

    def bucket_sql(self, units: str, parameters: dict[str, Any]) -> str:
        """SQL of the bucket that so many whole units, less than the last end, lie in, a whole number."""
        width = self.ends[0]
        if list(self.ends) == [width * number for number in range(1, len(self.ends) + 1)]:
            return units if width == 1 else f"intDiv({units}, {width})"
        bounds = enumerate(zip(self.begins, self.ends, strict=True))
        parameters["buckets"] = [bucket for bucket, (begin, end) in bounds for _ in range(begin, end)]
        return f"{{buckets:Array(UInt16)}}[{units} + 1]"


def _later(unit: Unit, day: date, units: int) -> date:
    """The day some units after the first day of a unit."""
    if unit is Unit.MONTH:
        months = day.year * 12 + day.month - 1 + units
        return date(months // 12, months % 12 + 1, 1)
    return day + timedelta(days=UNIT_DAYS[unit] * units)


def time_sql(place: str) -> str:
    """SQL of the time of a place."""
    return f"fromUnixTimestamp64Milli({place} % {_NUMBERED}, 'UTC')"
