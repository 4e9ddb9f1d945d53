"""The form of a funnel: what a visitor chose, from the address of the page. Nothing is looked up here."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.date_range import Range, read_range
from trackway.web.limits import (
    FUNNEL_FORM_EXCLUSIONS_MAX,
    FUNNEL_FORM_STEPS_MAX,
    REPORT_FILTERS_MAX,
)
from trackway.web.report_breakdown import Breakdown, read_breakdown
from trackway.web.report_event import EventForm, read_event
from trackway.web.report_fields import choice_of, text_of, texts_of
from trackway.web.report_filter import Filter, read_filters

FEWEST_STEPS: Final = 2
WINDOW_UNITS: Final = {"minute": "Minutes", "hour": "Hours", "day": "Days", "week": "Weeks", "month": "Months"}
COUNTS: Final = {"unique": "Users, each once", "general": "Totals, every try"}
ORDERS: Final = {"loose": "In this order", "any": "After the first in any order"}
REENTRIES: Final = {"first": "Only after a try has ended", "optimized": "At every first step"}


class ExclusionForm(NamedTuple):
    """An event that ends a try between two steps, `after` and `before`, as texts. An empty one is the first or the
    last step."""

    event: str
    after: str
    before: str


class FunnelForm(NamedTuple):
    """The fields of the form. `filters` are those of all steps."""

    steps: Sequence[EventForm]
    window: str
    window_unit: str
    counted: str
    order: str
    reentry: str
    exclusions: Sequence[ExclusionForm]
    by: Breakdown
    filters: Sequence[Filter]
    range: Range


def read_funnel(query: QueryParams) -> FunnelForm:
    """The form that an address holds. Empty steps are left out; steps after them move up.

    Raises RequestError 400 for a word that is no choice, and for too many or too long fields.
    """
    columns = (texts_of(query, name) for name in ("exclude", "after", "before"))
    exclusions = [ExclusionForm(*row) for row in zip(*columns, strict=False) if row[0].strip()]
    filters = read_filters(query)
    if len(exclusions) > FUNNEL_FORM_EXCLUSIONS_MAX or len(filters) > REPORT_FILTERS_MAX:
        raise RequestError(
            400, f"a funnel has at most {FUNNEL_FORM_EXCLUSIONS_MAX} exclusions and {REPORT_FILTERS_MAX} filters"
        )
    steps = (read_event(query, number) for number in range(1, FUNNEL_FORM_STEPS_MAX + 1))
    return FunnelForm(
        [each for each in steps if each.event.strip()],
        text_of(query, "window") or "14",
        choice_of(query, "window_unit", WINDOW_UNITS, "day"),
        choice_of(query, "counted", COUNTS, "unique"),
        choice_of(query, "order", ORDERS, "loose"),
        choice_of(query, "reentry", REENTRIES, "first"),
        exclusions,
        read_breakdown(query),
        filters,
        read_range(query),
    )
