"""A form of retention as a bookmark: the JSON document in which the API takes the same question."""

from datetime import date
from typing import Any, Final

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.metrics import ALL_EVENTS
from trackway.web.date_range import range_clause
from trackway.web.limits import RETENTION_PERIODS_MAX, RETENTION_ROWS_MAX
from trackway.web.report_event import event_clause
from trackway.web.report_fields import number_of
from trackway.web.report_filter import filter_clause
from trackway.web.retention_form import RetentionForm

Bookmark = dict[str, Any]

ALIGNMENTS: Final = {"rolling": "birth", "calendar": "interval_start"}
_ROWS_PER_DAY: Final = {"day": 1.0, "week": 1 / 7, "month": 1 / 31}


def retention_bookmark(form: RetentionForm, today: date) -> Bookmark:
    """The bookmark of a form. Raises RequestError 400 for fields that do not fit together."""
    if not form.born.event.strip():
        raise RequestError(400, "choose the event that users begin with")
    first, last = form.range.days(today)
    if ((last - first).days + 1) * _ROWS_PER_DAY[form.unit] > RETENTION_ROWS_MAX:
        raise RequestError(
            400, f"this range has more than {RETENTION_ROWS_MAX} {form.unit}s: choose fewer days or a longer unit"
        )
    return {
        "sections": {
            "show": [_show(form)],
            "time": [{"unit": "day", **range_clause(*form.range, today)}],
            "filter": [filter_clause(each) for each in form.filters],
            "group": form.by.groups,
        },
        "displayOptions": {"chartType": "retention-curve"},
    }


def _show(form: RetentionForm) -> Bookmark:
    periods = number_of(form.periods, "the number of periods")
    if periods > RETENTION_PERIODS_MAX:
        raise RequestError(400, f"the number of periods must be at most {RETENTION_PERIODS_MAX}")
    born, returning = event_clause(form.born), event_clause(form.returning, ALL_EVENTS)
    behavior = {
        "type": "retention",
        "resourceType": "events",
        "behaviors": [born, born if form.kind == "compounded" else returning],
        "retentionType": form.kind,
        "retentionAlignmentType": ALIGNMENTS[form.window],
        "retentionUnit": form.unit,
        "retentionCustomBucketSizes": list(range(1, periods + 2)),
        "retentionUnbounded": form.returns == "from",
    }
    return {"type": "metric", "behavior": behavior, "measurement": {"math": "retention_rate"}}
