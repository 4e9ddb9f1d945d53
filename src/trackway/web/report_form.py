"""The form of a report: what a visitor chose, from the address of the page.

Every choice is in the address, so a report can be bookmarked, shared and reloaded. Nothing is looked up here.
"""

from typing import Final, NamedTuple

from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.date_range import read_range
from trackway.web.limits import TREND_EVENTS_MAX, TREND_FILTERS_MAX
from trackway.web.report_fields import choice_of, text_of, texts_of
from trackway.web.report_filter import WHOSE, Filter, read_filters

MEASURES: Final = {
    "total": "Total",
    "unique": "Unique users",
    "per person": "Average per user",
    "sum": "Sum of a property",
    "sum per person": "Sum of a property per user",
    "average": "Average of a property",
    "median": "Median of a property",
}
OF_PROPERTY: Final = ("sum", "sum per person", "average", "median")
"""Measures that need a property."""
UNITS: Final = {"hour": "Hour", "day": "Day", "week": "Week", "month": "Month"}
CHARTS: Final = {"line": "Line", "bar": "Bar", "table": "Table", "number": "Single number"}
COMPARISONS: Final = {"": "Nothing", "before": "The period before"}


class ReportForm(NamedTuple):
    """The fields of a form. `first` and `last` are those of a custom range.

    `by` is the property of the breakdown, `by2` that of a second level; each is the event's or, by `by_whose` and
    `by2_whose`, the user's. `formula` combines the events, by letters in their order. `rolling` is how many values make
    a mean, as a text, "" for none. `compare` is one of COMPARISONS.
    """

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
    by_whose: str = "event"
    by2: str = ""
    by2_whose: str = "event"
    property_whose: str = "event"
    formula: str = ""
    rolling: str = ""
    compare: str = ""


def read_form(query: QueryParams) -> ReportForm:
    """The form that an address holds. Empty rows are left out. Names and values keep their blanks, as events do.

    Raises RequestError 400 for a word that is no choice, and for too many or too long fields.
    """
    events, filters = [name for name in texts_of(query, "event") if name.strip()], read_filters(query)
    if len(events) > TREND_EVENTS_MAX or len(filters) > TREND_FILTERS_MAX:
        raise RequestError(400, f"a report has at most {TREND_EVENTS_MAX} events and {TREND_FILTERS_MAX} filters")
    levels = [(text_of(query, name), choice_of(query, f"{name}_whose", WHOSE, "event")) for name in ("by", "by2")]
    levels = [each for each in levels if each[0].strip()]
    (by, by_whose), (by2, by2_whose) = [*levels, ("", "event"), ("", "event")][:2]
    return ReportForm(
        list(dict.fromkeys(events)),
        choice_of(query, "measure", MEASURES, "total"),
        text_of(query, "property"),
        by,
        filters,
        *read_range(query),
        choice_of(query, "unit", UNITS, "day"),
        choice_of(query, "chart", CHARTS, "line"),
        by_whose,
        by2,
        by2_whose,
        choice_of(query, "property_whose", WHOSE, "event"),
        text_of(query, "formula").strip(),
        text_of(query, "rolling").strip(),
        choice_of(query, "compare", COMPARISONS, ""),
    )
