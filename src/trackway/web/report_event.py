"""An event of a report with the conditions on it: a step of a funnel, an event of retention or of flows."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.limits import STEP_FILTERS_MAX
from trackway.web.report_fields import text_of
from trackway.web.report_filter import NO_FILTER, Filter, filter_clause, read_filters


class EventForm(NamedTuple):
    """An event, and the conditions on it."""

    event: str
    filters: Sequence[Filter] = ()

    @property
    def filter_rows(self) -> Sequence[Filter]:
        """The filters, and one empty row more as long as there may be more."""
        return [*self.filters, NO_FILTER][:STEP_FILTERS_MAX]


def read_event(query: QueryParams, number: int) -> EventForm:
    """The event in the fields whose names end in a number. Raises RequestError 400."""
    filters = read_filters(query, str(number))
    if len(filters) > STEP_FILTERS_MAX:
        raise RequestError(400, f"an event has at most {STEP_FILTERS_MAX} filters of its own")
    return EventForm(text_of(query, f"event{number}"), filters)


def event_clause(given: EventForm, name: str = "") -> dict[str, Any]:
    """The event as a part of a bookmark's behavior, `name` where it is empty. Raises RequestError 400."""
    filters = [filter_clause(each) for each in given.filters]
    return {"type": "event", "name": given.event or name, "filters": filters, "filtersDeterminer": "all"}
