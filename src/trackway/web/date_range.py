"""The range picker of reports: the ranges there are, and the days that each means."""

from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.report_fields import choice_of, text_of

CUSTOM: Final = "custom"
RANGES: Final = {
    "today": "Today",
    "yesterday": "Yesterday",
    "7": "Last 7 days",
    "30": "Last 30 days",
    "90": "Last 90 days",
    "month": "This month",
    CUSTOM: "Custom",
}
"""Names in the address of a page, and what a reader sees."""
_WORDS: Final = {"yesterday": "yesterday", "month": "this month"}
"""Ranges that bookmarks have a word for."""


class Range(NamedTuple):
    """A range as a form has it. `first` and `last` are the texts of a custom one."""

    name: str
    first: str
    last: str

    def days(self, today: date) -> tuple[date, date]:
        """The first and the last day, both included. Raises RequestError 400."""
        return days_of_range(*self, today)


def read_range(query: QueryParams, default: str = "30") -> Range:
    """The range of an address. Raises RequestError 400 for a word that is no choice."""
    return Range(choice_of(query, "range", RANGES, default), text_of(query, "from"), text_of(query, "to"))


def days_of_range(name: str, from_text: str, to_text: str, today: date) -> tuple[date, date]:
    """The first and the last day of a range, both included. The texts are those of a custom range, as yyyy-mm-dd.

    Raises RequestError 400.
    """
    match name:
        case "today":
            return today, today
        case "yesterday":
            return today - timedelta(days=1), today - timedelta(days=1)
        case "month":
            return today.replace(day=1), today
        case "custom":
            return _custom(from_text, to_text, today)
    return today - timedelta(days=int(name) - 1), today


def range_clause(name: str, from_text: str, to_text: str, today: date) -> dict[str, Any]:
    """The range in the words of a bookmark, as it was chosen: what is saved as the last 7 days goes on with time.

    Raises RequestError 400.
    """
    first, last = days_of_range(name, from_text, to_text, today)
    if name == CUSTOM:
        return {"dateRangeType": "between", "value": [first.isoformat(), last.isoformat()]}
    if name in _WORDS:
        return {"dateRangeType": _WORDS[name]}
    return {"dateRangeType": "in the last", "window": {"unit": "day", "value": (last - first).days + 1}}


def range_of(word: str | None, value: object, days: int) -> Range:
    """The range that a bookmark's clause means, if it is one of RANGES. `days`: the last ones that it asks for, if it
    does."""
    names = {word: name for name, word in _WORDS.items()}
    if word in names:
        return Range(names[word], "", "")
    if isinstance(value, list) and len(value) == 2:
        return Range(CUSTOM, *map(str, value))
    return Range("today" if days == 1 else str(days) if str(days) in RANGES else "30", "", "")


def _custom(from_text: str, to_text: str, today: date) -> tuple[date, date]:
    try:
        first, last = date.fromisoformat(from_text), date.fromisoformat(to_text)
    except ValueError as error:
        raise RequestError(400, "a custom range needs a first and a last day, such as 2026-11-30") from error
    if first > last:
        raise RequestError(400, "the first day must not be after the last day")
    if last > today:
        raise RequestError(400, f"the last day must not be later than today, {today}")
    return first, last
