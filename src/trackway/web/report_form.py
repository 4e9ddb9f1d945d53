"""The form of a report: what a visitor chose, from the address of the page.

Every choice is in the address, so a report can be bookmarked, shared and reloaded. Nothing is looked up here.
"""

from collections.abc import Collection
from typing import Final, NamedTuple

from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.date_range import RANGES
from trackway.web.limits import FILTER_CHARACTERS_MAX, TREND_EVENTS_MAX, TREND_FILTERS_MAX

MEASURES: Final = {
    "total": "Total",
    "unique": "Unique users",
    "per person": "Average per user",
    "sum": "Sum of a property",
    "average": "Average of a property",
}
OF_PROPERTY: Final = ("sum", "average")
"""Measures that need a property."""
OPERATORS: Final = {
    "is": "is",
    "is not": "is not",
    "contains": "contains",
    "above": "is greater than",
    "below": "is less than",
    "set": "is set",
    "not set": "is not set",
}
WITHOUT_VALUE: Final = ("set", "not set")
UNITS: Final = {"hour": "Hour", "day": "Day", "week": "Week", "month": "Month"}
CHARTS: Final = {"line": "Line", "bar": "Bar", "table": "Table", "number": "Single number"}


class Filter(NamedTuple):
    """A condition on a property of the event. `operator` is one of OPERATORS."""

    name: str
    operator: str
    value: str


class ReportForm(NamedTuple):
    """The fields of a form. `by` is the property of the breakdown. `first` and `last` are those of a custom range."""

    events: list[str]
    measure: str
    property: str
    by: str
    filters: list[Filter]
    range: str
    first: str
    last: str
    unit: str
    chart: str


def read_form(query: QueryParams) -> ReportForm:
    """The form that an address holds. Empty rows are left out. Names and values keep their blanks, as events do.

    Raises RequestError 400 for a word that is no choice, and for too many or too long fields.
    """
    events = [name for name in _texts(query, "event") if name.strip()]
    columns = zip(_texts(query, "where"), _texts(query, "is"), _texts(query, "value"), strict=False)
    filters = [Filter(name, operator, value) for name, operator, value in columns if name.strip()]
    if len(events) > TREND_EVENTS_MAX or len(filters) > TREND_FILTERS_MAX:
        raise RequestError(400, f"a report has at most {TREND_EVENTS_MAX} events and {TREND_FILTERS_MAX} filters")
    for each in filters:
        _one_of("is", each.operator, OPERATORS)
    return ReportForm(
        list(dict.fromkeys(events)),
        _one_of("measure", query.get("measure", "total"), MEASURES),
        _text(query, "property"),
        _text(query, "by"),
        filters,
        _one_of("range", query.get("range", "30"), RANGES),
        _text(query, "from"),
        _text(query, "to"),
        _one_of("unit", query.get("unit", "day"), UNITS),
        _one_of("chart", query.get("chart", "line"), CHARTS),
    )


def _one_of(name: str, text: str, choices: Collection[str]) -> str:
    if text not in choices:
        raise RequestError(400, f"{name} must be one of {', '.join(choices)}")
    return text


def _text(query: QueryParams, name: str) -> str:
    return _bounded(name, query.get(name, ""))


def _texts(query: QueryParams, name: str) -> list[str]:
    return [_bounded(name, each) for each in query.getlist(name)]


def _bounded(name: str, text: str) -> str:
    if len(text) > FILTER_CHARACTERS_MAX:
        raise RequestError(400, f"{name} must have at most {FILTER_CHARACTERS_MAX} characters")
    return text
