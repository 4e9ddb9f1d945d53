"""A report's form as a bookmark: the JSON document in which the API takes the same question.

The page asks by it, and shows it as a request to the API. So both give the same numbers.
"""

from datetime import date
from typing import Any, Final

from trackway.domain.errors import RequestError
from trackway.web.date_range import days_of_range, range_clause
from trackway.web.limits import TREND_BUCKETS_MAX
from trackway.web.report_filter import filter_clause
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
    "average": {"math": "average"},
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
    return {
        "sections": {
            "show": [_show(form, event) for event in form.events],
            "time": [{"unit": form.unit, **range_clause(form.range, form.first, form.last, today)}],
            "filter": [filter_clause(each) for each in form.filters],
            "group": [{"value": form.by, "resourceType": _EVENTS}] if form.by else [],
        },
        "displayOptions": {"analysis": "linear", **DISPLAYED[form.chart]},
    }


def _show(form: ReportForm, event: str) -> Bookmark:
    measurement = dict(MEASUREMENTS[form.measure])
    if form.measure in OF_PROPERTY:
        measurement["property"] = {"name": form.property, "resourceType": _EVENTS}
    # The series has the name of its event alone: the page names the measure above all of them.
    behavior = {"type": "event", "name": event, "resourceType": _EVENTS}
    return {"type": "metric", "name": event, "behavior": behavior, "measurement": measurement}
