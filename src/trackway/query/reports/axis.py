"""The parts of a range for which an insights report gives a value: buckets, quarters, years, or the whole range."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import Unit

ALL: Final = "all"
"""The key of the whole range."""


class Joined(StrEnum):
    """What the buckets of an axis are joined to. Quarters and years consist of buckets of a MONTH."""

    NOTHING = ""
    QUARTER = "quarter"
    YEAR = "year"
    ALL = "all"


_MONTHS: Final = {Joined.QUARTER: 3, Joined.YEAR: 12}
_START: Final = {
    Joined.NOTHING: "{bucket}",
    Joined.QUARTER: "toStartOfQuarter({bucket})",
    Joined.YEAR: "toStartOfYear({bucket})",
    Joined.ALL: f"'{ALL}'",
}


class Axis(NamedTuple):
    """The values' places in time. A key is that of its first bucket (`Buckets.keys`), or ALL."""

    buckets: Buckets
    joined: Joined = Joined.NOTHING

    def keys(self) -> list[str]:
        """The keys of all values, in order."""
        if self.joined is Joined.ALL:
            return [ALL]
        return list(dict.fromkeys(map(self._key, self.buckets.keys())))

    @property
    def form(self) -> str:
        """SQL of the place of a `{bucket}`."""
        return _START[self.joined]

    def last_days(self) -> dict[str, date]:
        """The last day of each value, by key, in order. That of the range ends the last one."""
        keys, last = self.keys(), self.buckets.to_date
        if self.joined is Joined.ALL:
            return {ALL: last}
        begins = [date.fromisoformat(key[:10]) for key in keys]
        if self.buckets.unit in (Unit.MINUTE, Unit.HOUR):
            return dict(zip(keys, begins, strict=True))
        return dict(zip(keys, [*(each - timedelta(days=1) for each in begins[1:]), last], strict=True))

    def preceded(self, count: int) -> "Axis":
        """The same axis with more values before it, so that `count` of them end with its first. The first one of them
        is whole."""
        first = date.fromisoformat(self.keys()[0][:10])
        unit = self.buckets.unit
        if self.joined in _MONTHS or unit is Unit.MONTH:
            month = first.year * 12 + first.month - 1 - _MONTHS.get(self.joined, 1) * (count - 1)
            first = date(month // 12, month % 12 + 1, 1)
        elif unit in (Unit.MINUTE, Unit.HOUR):
            first -= timedelta(days=-(-(count - 1) // (1440 if unit is Unit.MINUTE else 24)))
        else:
            first -= timedelta(days=(7 if unit is Unit.WEEK else 1) * (count - 1))
        return self._replace(buckets=self.buckets._replace(from_date=first))

    def instant(self, key: str) -> str:
        """When a value begins, in ISO 8601 with the project's offset at that time; ALL as it is."""
        if key == ALL:
            return key
        return datetime.fromisoformat(key).replace(tzinfo=ZoneInfo(self.buckets.days.zone)).isoformat()

    def _key(self, bucket: str) -> str:
        if self.joined not in _MONTHS:
            return bucket
        first, months = date.fromisoformat(bucket), _MONTHS[self.joined]
        return first.replace(month=(first.month - 1) // months * months + 1).isoformat()
