"""A form of flows as a bookmark: the JSON document in which the API takes the same question."""

from datetime import date
from typing import Any, Final

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.funnel_rules import window_ms
from trackway.web.date_range import CUSTOM
from trackway.web.flow_form import FlowForm
from trackway.web.report_fields import number_of
from trackway.web.report_filter import Filter, filter_clause

Bookmark = dict[str, Any]

_SESSION: Final = "session"
_WINDOW: Final = "the time that a flow goes on"
_COMPARED: Final = {
    "equals": ("string", "=="),
    "does not equal": ("string", "!="),
    "contains": ("string", "in"),
    "is greater than": ("number", ">"),
    "is less than": ("number", "<"),
    "is between": ("number", "><"),
    "was since": ("datetime", "<"),
    "was before": ("datetime", ">"),
    "is set": ("string", "set"),
    "is not set": ("string", "not set"),
}
"""By a clause's operator the type and the operator of the older form that steps of flows have."""
_SOURCES: Final = {"events": "properties", "people": "user"}
"""By a clause's resource the word of the older form."""


def flow_bookmark(form: FlowForm, today: date, shown_max: int) -> Bookmark:
    """The bookmark of a form. `shown_max`: events of a column, or paths. Raises RequestError 400 for fields that do not
    fit together."""
    if not form.event.event.strip():
        raise RequestError(400, "choose the event that flows begin with")
    if form.after == form.before == "0":
        raise RequestError(400, "choose how many events to show after or before the event")
    step = {
        "event": form.event.event,
        "forward": int(form.after),
        "reverse": int(form.before),
        "property_filter_params_list": [_step_filter(each) for each in form.event.filters],
    }
    return {
        "steps": [step],
        "date_range": _days(form, today),
        "count_type": form.counted,
        "cardinality_threshold": shown_max,
        "conversion_window": _window(form),
        "collapse_repeated": form.repeats == "one",
        "hidden_events": list(form.hidden),
        "filter_by_event": {"operator": "and", "children": [filter_clause(each) for each in form.filters]},
    }


def _window(form: FlowForm) -> Bookmark:
    if form.window_unit == _SESSION:
        return {"unit": _SESSION, "value": 1}
    if form.counted == _SESSION:
        raise RequestError(400, "sessions are counted within one session: choose it as the time that a flow goes on")
    length = number_of(form.window, _WINDOW)
    window_ms(length, form.window_unit, _WINDOW)
    return {"unit": form.window_unit, "value": length}


def _days(form: FlowForm, today: date) -> Bookmark:
    """The range, as it was chosen where bookmarks of flows have a word for it."""
    first, last = form.range.days(today)
    if last == today and form.range.name not in (CUSTOM, "month"):
        return {"type": "in the last", "from_date": {"unit": "day", "value": (last - first).days + 1}}
    return {"type": "between", "from_date": first.isoformat(), "to_date": last.isoformat()}


def _step_filter(given: Filter) -> Bookmark:
    clause = filter_clause(given)
    kind, operator = _COMPARED[clause["filterOperator"]]
    compared = {"operator": operator, "operand": clause.get("filterValue", "")}
    property = {"name": clause["value"], "source": _SOURCES[clause["resourceType"]]}
    return {"property": property, "type": kind, "filter": compared}
