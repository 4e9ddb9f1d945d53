"""A report's form as a bookmark: the JSON document in which the API takes the same question.

The page asks by it, and shows it as a request to the API. So both give the same numbers.
"""

from datetime import date
from typing import Any, Final

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.sections import PREVIOUS_PERIOD
from trackway.edge.limits import BOOKMARK_ROLLING_MAX
from trackway.query.reports.formula import Formula, FormulaError
from trackway.web.date_range import days_of_range, range_clause
from trackway.web.limits import TREND_BUCKETS_MAX
from trackway.web.report_filter import RESOURCES, filter_clause
from trackway.web.report_form import OF_PROPERTY, ReportForm

Bookmark = dict[str, Any]

_EVENTS: Final = "events"
TABLE_STYLE: Final = "table"
"""`plotStyle` of a table by time. It changes no number, so the API passes over it."""
DISPLAYED: Final[dict[str, Bookmark]] = {
    "line": {"chartType": "line"},
    "bar": {"chartType": "column"},
    "table": {"chartType": "line", "plotStyle": TABLE_STYLE},
    "number": {"chartType": "insights-metric"},
}
MEASUREMENTS: Final[dict[str, Bookmark]] = {
    "total": {"math": "total"},
    "unique": {"math": "unique"},
    "per person": {"math": "average", "perUserAggregation": "total"},
    "sum": {"math": "total"},
    "sum per person": {"math": "average", "perUserAggregation": "total"},
    "average": {"math": "average"},
    "median": {"math": "median"},
}
_PER_DAY: Final = {"hour": 24.0, "day": 1, "week": 1 / 7, "month": 1 / 28}


def bookmark_of(form: ReportForm, today: date) -> Bookmark:
    """The bookmark of a form with at least one event. Raises RequestError 400 for fields that do not fit together."""
    if form.measure in OF_PROPERTY and not form.property:
        raise RequestError(400, f"the {form.measure} needs a property: name one whose values are numbers")
    first, last = days_of_range(form.range, form.first, form.last, today)
    if form.chart != "number" and ((last - first).days + 1) * _PER_DAY[form.unit] > TREND_BUCKETS_MAX:
        raise RequestError(
            400, f"this range has more than {TREND_BUCKETS_MAX} {form.unit}s: choose fewer days or a longer unit"
        )
    levels = [(form.by, form.by_whose), (form.by2, form.by2_whose)]
    return {
        "sections": {
            "show": [*(_show(form, event) for event in form.events), *_formula(form)],
            "time": [{"unit": form.unit, **range_clause(form.range, form.first, form.last, today)}],
            "filter": [filter_clause(each) for each in form.filters],
            "group": [{"value": name, "resourceType": RESOURCES[whose]} for name, whose in levels if name],
        },
        "displayOptions": {**_analysis(form), **DISPLAYED[form.chart], **_comparison(form)},
    }


def _analysis(form: ReportForm) -> Bookmark:
    if not form.rolling:
        return {"analysis": "linear"}
    text = form.rolling
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 2 <= int(text) <= BOOKMARK_ROLLING_MAX):
        raise RequestError(
            400, f"a rolling average is made of 2 to {BOOKMARK_ROLLING_MAX} values, not of {text[:40]!r}"
        )
    return {"analysis": "rolling", "rollingWindowSize": int(text)}


def _comparison(form: ReportForm) -> Bookmark:
    return {"timeComparison": PREVIOUS_PERIOD} if form.compare else {}


def _formula(form: ReportForm) -> list[Bookmark]:
    """The formula of the events. It is shown instead of them."""
    if not form.formula:
        return []
    try:
        needed = Formula(form.formula).operands
    except FormulaError as error:
        raise RequestError(400, f"the formula {error}") from error
    if needed > len(form.events):
        raise RequestError(400, f"the formula needs {needed} events, by letters in their order")
    return [{"type": "formula", "name": form.formula, "definition": form.formula}]


def _show(form: ReportForm, event: str) -> Bookmark:
    measurement = dict(MEASUREMENTS[form.measure])
    if form.measure in OF_PROPERTY:
        measurement["property"] = {"name": form.property, "resourceType": RESOURCES[form.property_whose]}
    # The series has the name of its event alone: the page names the measure above all of them.
    behavior = {"type": "event", "name": event, "resourceType": _EVENTS}
    shown = {"type": "metric", "name": event, "behavior": behavior, "measurement": measurement}
    return {**shown, "isHidden": True} if form.formula else shown
