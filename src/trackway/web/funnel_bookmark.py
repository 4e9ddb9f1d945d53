"""A funnel's form as a bookmark: the JSON document in which the API takes the same question."""

from datetime import date
from typing import Any, Final

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.funnel_rules import check_exclusions, window_ms
from trackway.query.reports.funnel import Order
from trackway.web.date_range import range_clause
from trackway.web.funnel_form import FEWEST_STEPS, ExclusionForm, FunnelForm
from trackway.web.report_event import event_clause
from trackway.web.report_fields import number_of
from trackway.web.report_filter import filter_clause

Bookmark = dict[str, Any]

_EVENTS: Final = "events"
MATHS: Final = {"unique": "conversion_rate_unique", "general": "conversion_rate_total"}
_WINDOW: Final = "the time to convert"
REENTRIES: Final = {"first": "default", "optimized": "optimized"}


def funnel_bookmark(form: FunnelForm, today: date) -> Bookmark:
    """The bookmark of a form. Raises RequestError 400 for fields that do not fit together."""
    if len(form.steps) < FEWEST_STEPS:
        raise RequestError(400, "a funnel needs at least two steps")
    return {
        "sections": {
            "show": [_show(form)],
            "time": [{"unit": "day", **range_clause(*form.range, today)}],
            "filter": [filter_clause(each) for each in form.filters],
            "group": form.by.groups,
        },
        "displayOptions": {"chartType": "funnel-steps"},
    }


def _show(form: FunnelForm) -> Bookmark:
    steps = [event_clause(each) for each in form.steps]
    length = number_of(form.window, _WINDOW)
    window_ms(length, form.window_unit, _WINDOW)
    check_exclusions(len(form.exclusions), Order(form.order), "exclusions")
    behavior = {
        "type": "funnel",
        "resourceType": _EVENTS,
        "behaviors": steps,
        "conversionWindowDuration": length,
        "conversionWindowUnit": form.window_unit,
        "funnelOrder": form.order,
        "funnelReentryMode": REENTRIES[form.reentry],
        "exclusions": [_exclusion(each, len(steps)) for each in form.exclusions],
    }
    return {"type": "metric", "behavior": behavior, "measurement": {"math": MATHS[form.counted]}}


def _exclusion(given: ExclusionForm, steps: int) -> Bookmark:
    after = number_of(given.after, "the step that an exclusion is after") if given.after else 1
    before = number_of(given.before, "the step that an exclusion is before") if given.before else steps
    if not 1 <= after < before <= steps:
        raise RequestError(400, f"{given.event} must be excluded from one step to a later one, of 1 to {steps}")
    return {"event": given.event, "steps": {"from": after, "to": before}}
