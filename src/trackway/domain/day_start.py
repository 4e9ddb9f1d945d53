"""When days begin and what clocks show, by the rules of a time zone.

A day lasts from the first instant at which the clocks of its zone show the date to the first instant of the next day.
So every instant belongs to one day, and a day has 23, 24 or 25 hours where the clocks change. A date that a zone left
out, as Samoa did, is a day without length. Where clocks are set back across midnight, they count here as set back at
the second midnight, so that no day begins twice. A zone is an IANA name; one that this machine does not know raises
ZoneInfoNotFoundError.
"""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

_EPOCH: Final = datetime(1970, 1, 1)
_DAY_S: Final = 86_400
_SCANNED_S: Final = 7 * _DAY_S
"""No zone has changed its offset twice within so many seconds since 1971."""


class Stretch(NamedTuple):
    """Time from `begin_s` on, in seconds since the epoch, in which the clocks keep one offset from UTC, in seconds."""

    begin_s: int
    offset_s: int


def local_time(zone: str, time_ms: int) -> datetime:
    """What the clocks show at an instant in milliseconds since the epoch, without a zone."""
    second = time_ms // 1000
    return _EPOCH + timedelta(milliseconds=time_ms, seconds=stretches(zone, second, second + 1)[0].offset_s)


def day_start_ms(zone: str, day: date) -> int:
    """The first instant of a day, in milliseconds since the epoch."""
    midnight_s = (datetime(day.year, day.month, day.day) - _EPOCH) // timedelta(seconds=1)
    near = stretches(zone, midnight_s - 2 * _DAY_S, midnight_s + 2 * _DAY_S)
    ends_s = [*(each.begin_s for each in near[1:]), midnight_s + 3 * _DAY_S]
    firsts = (max(each.begin_s, midnight_s - each.offset_s) for each in near)
    return 1000 * next(first for first, end_s in zip(firsts, ends_s, strict=True) if first < end_s)


def stretches(zone: str, from_s: int, before_s: int) -> list[Stretch]:
    """The stretches of one offset that hold the time between two instants, in order. The first begins at `from_s` or
    earlier."""
    years = range(_year(from_s) - 1, _year(before_s) + 1)
    every = [each for year in years for each in _stretches(zone, year)]
    found = [next(same) for _, same in groupby(every, attrgetter("offset_s"))]
    first = bisect_right(found, from_s, key=attrgetter("begin_s")) - 1
    return [each for each in found[first:] if each.begin_s < max(before_s, from_s + 1)]


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
