"""What a metric of insights measures, and the SQL that counts it.

The rows that are counted have `place` (the key on the axis), `keys_0` and on (the levels of a breakdown), and, where
the measure needs them, `who`, `value` or `times`. The result has a row for each segment and place, with its `value`;
NULL where nothing was there to measure.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from trackway.query.expressions import Expression
from trackway.query.reports.axis import Axis
from trackway.query.reports.sessions import sessions_sql
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import Unit
from trackway.query.sql.projection import NOBODY, Projection
from trackway.query.sql.tables import rows_from


class Statistic(StrEnum):
    """What is made of many numbers. PERCENTILE lies between the two nearest of them, in proportion."""

    SUM = "sum"
    AVERAGE = "average"
    MIN = "min"
    MAX = "max"
    PERCENTILE = "percentile"
    DISTINCT = "distinct"


class Subject(StrEnum):
    """What is measured. EVENTS, PERSONS and SESSIONS with the events are counted. ACTIVE counts persons of the last
    days of each place. ARRIVED counts persons at the place where they come first. NUMBERS is a statistic of an
    expression's numbers, and TEXTS the number of its different values. PER_PERSON is a statistic of one number for each
    person."""

    EVENTS = "events"
    SESSIONS = "sessions"
    PERSONS = "persons"
    ACTIVE = "active"
    ARRIVED = "arrived"
    NUMBERS = "numbers"
    TEXTS = "texts"
    PER_PERSON = "per person"


_COUNTING: Final = (Subject.EVENTS, Subject.SESSIONS, Subject.PERSONS, Subject.ACTIVE, Subject.ARRIVED, Subject.TEXTS)
_SOMEBODY: Final = f"who != {NOBODY}"
_PERSONS: Final = f"uniqExactIf(who, {_SOMEBODY})"


class Measure(NamedTuple):
    """`days`: of ACTIVE. `of`: the expression of NUMBERS, TEXTS and, unless it counts events, PER_PERSON. `statistic`:
    of NUMBERS and PER_PERSON, with `percentile` from 0 to 100. `each`: the statistic that makes one number of a
    person's; None counts the person's events."""

    subject: Subject
    days: int = 1
    of: Expression | None = None
    statistic: Statistic = Statistic.SUM
    percentile: float = 50
    each: Statistic | None = None

    @property
    def nothing(self) -> float | None:
        """The value of a place where nothing was counted: there is no average of nothing."""
        if self.subject in _COUNTING or self.statistic is Statistic.SUM:
            return 0
        return None

    @property
    def may_spill(self) -> bool:
        """Whether sets of persons may be counted as groups, which can go to the disk."""
        return self.subject is Subject.PERSONS

    def read(self, axis: Axis) -> Axis:
        """The axis over the days that must be read."""
        if self.subject is not Subject.ACTIVE:
            return axis
        buckets = axis.buckets
        first = min(axis.last_days().values()).toordinal() - self.days + 1
        from_date = min(buckets.from_date, buckets.from_date.fromordinal(first))
        return Axis(Buckets(buckets.days, from_date, buckets.to_date))

    def bound(self, axis: Axis) -> dict[str, Any]:
        """The values that the counting binds."""
        if self.subject is not Subject.ACTIVE:
            return {"share": self.percentile / 100}
        last_days = axis.last_days()
        ends = [day.isoformat() for day in last_days.values()]
        return {"ends": ends, "end_keys": list(last_days), "active_days": self.days}

    def add_columns(self, projection: Projection, read: Axis) -> None:
        """Add the columns that are counted. `read` is the axis that `read` gave."""
        projection.add_bucket("place", read.buckets, read.form)
        if self.subject not in (Subject.EVENTS, Subject.NUMBERS, Subject.TEXTS):
            projection.add_who()
        if self.subject is Subject.SESSIONS:
            projection.add_time()
            projection.add("day", axis_days(read).sql(projection.parameters))
        if self.of is not None and (self.subject is Subject.TEXTS or self.each is Statistic.DISTINCT):
            projection.add_keys("texts", self.of)
        elif self.of is not None:
            projection.add_number("value", self.of)


def axis_days(axis: Axis) -> Buckets:
    """The days of an axis."""
    return axis.buckets._replace(unit=Unit.DAY, interval=1)


def persons_sql(rows: str) -> str:
    """The same of PERSONS without keys, from rows in which a person has one for each place."""
    return f"SELECT place, count() AS value {rows} GROUP BY place"


def counted_sql(measure: Measure, rows: str, keys: Sequence[str], *, spilling: bool) -> str:
    """A query's text that gives the keys, `place` and `value`. `rows`: FROM the rows; keys: `key_0` and on."""
    joined = "".join(f"arrayJoin({name.replace('key', 'keys')}) AS {name}, " for name in keys)
    names = "".join(f"{name}, " for name in keys)
    match measure.subject:
        case Subject.EVENTS:
            value = "sum(times)"
        case Subject.SESSIONS:
            return sessions_sql(rows, keys)
        case Subject.PERSONS if spilling:
            each = f"SELECT {joined}place, who {rows} WHERE {_SOMEBODY} GROUP BY {names}place, who"
            return f"SELECT {names}place, count() AS value {rows_from(each)} GROUP BY {names}place"
        case Subject.PERSONS:
            sets = f"SELECT {joined}place, {_PERSONS} AS value {rows} GROUP BY {names}place"
            return f"SELECT * {rows_from(sets)} WHERE value > 0"
        case Subject.ACTIVE:
            return _active(rows, joined, names)
        case Subject.ARRIVED:
            each = f"SELECT {joined}who, min(place) AS place {rows} WHERE {_SOMEBODY} GROUP BY {names}who"
            return f"SELECT {names}place, count() AS value {rows_from(each)} GROUP BY {names}place"
        case Subject.TEXTS:
            value = f"length({_TEXTS})"
        case Subject.NUMBERS:
            value = _statistic(measure.statistic)
        case Subject.PER_PERSON:
            number = "count()" if measure.each is None else _statistic(measure.each)
            each = f"SELECT {joined}place, who, {number} AS value {rows} WHERE {_SOMEBODY} GROUP BY {names}place, who"
            value = _statistic(measure.statistic)
            return f"SELECT {names}place, {value} AS value {rows_from(each)} GROUP BY {names}place"
    return f"SELECT {joined}place, {value} AS value {rows} GROUP BY {names}place"


_TEXTS: Final = "groupUniqArrayArray(arrayFilter(text -> text != 'undefined', texts))"
_SORTED: Final = "arraySort(groupArray(value))"


def _statistic(statistic: Statistic) -> str:
    """SQL of a statistic of the column `value`, NULL where it has no number. PERCENTILE is that of `share`."""
    match statistic:
        case Statistic.SUM:
            return "sumOrNull(value)"
        case Statistic.AVERAGE:
            return "avgOrNull(value)"
        case Statistic.MIN:
            return "minOrNull(value)"
        case Statistic.MAX:
            return "maxOrNull(value)"
        case Statistic.DISTINCT:
            return f"toFloat64(length({_TEXTS}))"
    # 1-based: the value at 1 + p (n - 1), between its neighbours.
    at = "(1 + {share:Float64} * (length(sorted) - 1))"
    below, above = f"sorted[toUInt64(floor({at}))]", f"sorted[toUInt64(ceil({at}))]"
    between = f"{below} + ({above} - {below}) * ({at} - floor({at}))"
    return f"arrayMap(sorted -> if(empty(sorted), NULL, {between}), [{_SORTED}])[1]"


def _active(rows: str, joined: str, names: str) -> str:
    """Persons of the last days of each place: a person's day counts at every place whose days it is among."""
    days = f"SELECT DISTINCT {joined}toDate(place) AS day, who {rows} WHERE {_SOMEBODY}"
    among = "arrayFilter((key, end) -> day <= toDate(end) AND day > toDate(end) - {active_days:UInt16}, "
    among += "{end_keys:Array(String)}, {ends:Array(String)})"
    spread = f"SELECT {names}arrayJoin({among}) AS place, who {rows_from(days)}"
    return f"SELECT {names}place, uniqExact(who) AS value {rows_from(spread)} GROUP BY {names}place"
