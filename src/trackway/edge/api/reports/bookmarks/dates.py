"""The days that a bookmark asks for, as days of the project.

A client names the last day by its own clock, which may be ahead of the project's: a day that has not begun is today.
"""

import re
from datetime import date, timedelta
from typing import Final

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.parameters import check_year
from trackway.edge.wire.parameters import spelled_day

_DATE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ].*)?")
_DAYS: Final = {"hour": 0, "day": 1, "week": 7}
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_LAST_MAX: Final = 3660
"""Days, weeks or months of a range that ends today."""


def bookmark_day(value: object, path: str) -> date:
    """A day as yyyy-mm-dd; a time after it does not count. Raises RequestError 400."""
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    day = spelled_day(match[1]) if match else None
    if day is None:
        raise RequestError(400, f"{path} must be a date as yyyy-mm-dd, not {str(value)[:40]!r}")
    check_year(day.year, path)
    return day


def between(from_date: date, to_date: date, today: date, path: str) -> tuple[date, date]:
    """Both days, the last one not after today. Raises RequestError 400 where the first is after the last."""
    to_date = min(to_date, today)
    if from_date > to_date:
        raise RequestError(400, f"{path} must begin before it ends, and not after today")
    return from_date, to_date


def last(unit: str, count: object, today: date, path: str) -> tuple[date, date]:
    """The last days, weeks or months, today included: the last 30 days begin 29 days ago. Raises RequestError 400."""
    if unit not in (*_DAYS, *_MONTHS):
        raise RequestError(400, f"{path}.unit must be one of {', '.join((*_DAYS, *_MONTHS))}, not {unit[:40]!r}")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= _LAST_MAX:
        raise RequestError(400, f"{path}.value must be a whole number from 1 to {_LAST_MAX}")
    if unit == "hour":
        return today - timedelta(days=-(-count // 24)), today
    if unit in _DAYS:
        return today - timedelta(days=_DAYS[unit] * count - 1), today
    month = today.year * 12 + today.month - 1 - _MONTHS[unit] * count
    check_year(month // 12, path)
    first = date(month // 12, month % 12 + 1, 1)
    day = min(today.day, ((first + timedelta(days=31)).replace(day=1) - timedelta(days=1)).day)
    return first.replace(day=day) + timedelta(days=1), today
