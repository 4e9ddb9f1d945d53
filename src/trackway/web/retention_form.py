"""The form of retention: what a visitor chose, from the address of the page. Nothing is looked up here."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.date_range import Range, read_range
from trackway.web.limits import REPORT_FILTERS_MAX
from trackway.web.report_breakdown import Breakdown, read_breakdown
from trackway.web.report_event import EventForm, read_event
from trackway.web.report_fields import choice_of, text_of
from trackway.web.report_filter import Filter, read_filters

KINDS: Final = {"birth": "First time in the range", "compounded": "Every time"}
WINDOWS: Final = {"rolling": "24 hours each, from the event on", "calendar": "Days of the calendar"}
UNITS: Final = {"day": "Day", "week": "Week", "month": "Month"}
RETURNS: Final = {"in": "In that period", "from": "In that period or later"}


class RetentionForm(NamedTuple):
    """The fields of the form. An empty event of `returning` is any event. `periods` is a text; `by`
    is a breakdown of returning events; `filters` are those of both events."""

    born: EventForm
    returning: EventForm
    kind: str
    window: str
    unit: str
    periods: str
    returns: str
    by: Breakdown
    filters: Sequence[Filter]
    range: Range


def read_retention_form(query: QueryParams) -> RetentionForm:
    """The form that an address holds. Raises RequestError 400 for a word that is no choice, and for too many or too
    long fields."""
    filters = read_filters(query)
    if len(filters) > REPORT_FILTERS_MAX:
        raise RequestError(400, f"a report has at most {REPORT_FILTERS_MAX} filters")
    return RetentionForm(
        read_event(query, 1),
        read_event(query, 2),
        choice_of(query, "kind", KINDS, "birth"),
        choice_of(query, "window", WINDOWS, "rolling"),
        choice_of(query, "unit", UNITS, "day"),
        text_of(query, "periods") or "7",
        choice_of(query, "returns", RETURNS, "in"),
        read_breakdown(query),
        filters,
        read_range(query),
    )
