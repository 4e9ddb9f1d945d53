"""The form of flows: what a visitor chose, from the address of the page. Nothing is looked up here."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.edge.limits import FLOW_COLUMNS_MAX
from trackway.web.date_range import Range, read_range
from trackway.web.limits import FLOW_FORM_HIDDEN_MAX, REPORT_FILTERS_MAX
from trackway.web.report_event import EventForm, read_event
from trackway.web.report_fields import choice_of, text_of, texts_of
from trackway.web.report_filter import Filter, read_filters

COLUMNS: Final = {str(number): str(number) for number in range(FLOW_COLUMNS_MAX + 1)}
COUNTS: Final = {"unique": "Users, by their first flow", "total": "Totals, every flow", "session": "Sessions"}
WINDOW_UNITS: Final = {"minute": "Minutes", "hour": "Hours", "day": "Days", "week": "Weeks", "session": "One session"}
REPEATS: Final = {"one": "Are one", "each": "Are shown each"}


class FlowForm(NamedTuple):
    """The fields of the form. `after` and `before` are the numbers of events beside the event, as texts. `hidden` are
    names of events that are passed over; `filters` are those of all events."""

    event: EventForm
    after: str
    before: str
    counted: str
    window: str
    window_unit: str
    repeats: str
    hidden: Sequence[str]
    filters: Sequence[Filter]
    range: Range


def read_flow(query: QueryParams) -> FlowForm:
    """The form that an address holds. Raises RequestError 400 for a word that is no choice, and for too many or too
    long fields."""
    hidden, filters = [name for name in texts_of(query, "hide") if name.strip()], read_filters(query)
    if len(hidden) > FLOW_FORM_HIDDEN_MAX or len(filters) > REPORT_FILTERS_MAX:
        raise RequestError(
            400, f"flows have at most {FLOW_FORM_HIDDEN_MAX} hidden events and {REPORT_FILTERS_MAX} filters"
        )
    return FlowForm(
        read_event(query, 1),
        choice_of(query, "after", COLUMNS, "3"),
        choice_of(query, "before", COLUMNS, "0"),
        choice_of(query, "counted", COUNTS, "unique"),
        text_of(query, "window") or "7",
        choice_of(query, "window_unit", WINDOW_UNITS, "day"),
        choice_of(query, "repeats", REPEATS, "one"),
        hidden,
        filters,
        read_range(query),
    )
