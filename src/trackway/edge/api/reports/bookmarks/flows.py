"""A bookmark for flows, as a question (docs/reports.md)."""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.dates import between, bookmark_day, last
from trackway.edge.api.reports.bookmarks.filters import Calendar, Cohorts, filters_expression
from trackway.edge.api.reports.bookmarks.flow_documents import FlowBookmark, FlowCohort, FlowDays, FlowStep
from trackway.edge.api.reports.bookmarks.flow_filters import clause_of
from trackway.edge.api.reports.bookmarks.metrics import event_of
from trackway.edge.api.reports.bookmarks.strict_json import not_built
from trackway.edge.api.reports.funnel_rules import UNITS_MS, window_ms
from trackway.edge.api.reports.parameters import buckets
from trackway.edge.limits import FLOW_CARDINALITY_MAX, FLOW_COLUMNS_MAX, FLOW_EVENTS_NAMED_MAX, FLOW_STEPS_MAX
from trackway.query.reports.flow import Anchor, Count, FlowQuestion
from trackway.query.reports.insights import InCohort
from trackway.query.sql.days import Unit
from trackway.query.sql.selector import Selector

_SESSION: Final = "session"
_COUNTS: Final = tuple(str(each) for each in Count)


class FlowAsked(NamedTuple):
    """What a bookmark asks for. `shown_max`: of how many events of a column, branches of a tree or paths the numbers
    are given."""

    question: FlowQuestion
    shown_max: int


def read_flows(bookmark: FlowBookmark, project_id: int, calendar: Calendar, cohorts: Cohorts | None) -> FlowAsked:
    """The question of a bookmark, which needs `cohorts` if it names one. Raises RequestError 400, naming the field."""
    for name in ("segments", "group_by", "aggregate_by", "data_group_id"):
        if value := getattr(bookmark, name):
            raise not_built(name, value)
    if not 1 <= len(bookmark.steps) <= FLOW_STEPS_MAX:
        raise RequestError(400, f"steps must have from 1 to {FLOW_STEPS_MAX} events")
    if not 1 <= bookmark.cardinality_threshold <= FLOW_CARDINALITY_MAX:
        raise RequestError(400, f"cardinality_threshold must be from 1 to {FLOW_CARDINALITY_MAX}")
    if bookmark.count_type not in _COUNTS:
        raise RequestError(400, f"count_type must be one of {', '.join(_COUNTS)}, not {bookmark.count_type[:40]!r}")
    anchors = [_anchor(each, calendar, f"steps.{number}") for number, each in enumerate(bookmark.steps)]
    days = buckets(calendar.days, *_range(bookmark.date_range, calendar.today), Unit.DAY)
    counted, asked = Count(bookmark.count_type), bookmark.filter_by_event
    question = FlowQuestion(
        project_id,
        anchors,
        days,
        _window_ms(bookmark, counted),
        counted,
        filters_expression(asked.children, asked.operator, calendar, "filter_by_event.children") if asked else None,
        _cohort(bookmark.filter_by_cohort, cohorts),
        _names(bookmark.hidden_events, "hidden_events"),
        _names(bookmark.exclusions or [], "exclusions"),
        bookmark.collapse_repeated,
    )
    return FlowAsked(question, bookmark.cardinality_threshold)


def _anchor(step: FlowStep, calendar: Calendar, path: str) -> Anchor:
    for name in ("custom_event", "session_event"):
        if (value := getattr(step, name)) is not None:
            raise not_built(f"{path}.{name}", value)
    for name, count in (("forward", step.forward), ("reverse", step.reverse)):
        if not 0 <= count <= FLOW_COLUMNS_MAX:
            raise RequestError(400, f"{path}.{name} must be from 0 to {FLOW_COLUMNS_MAX}")
    event = event_of(step.event, f"{path}.event")
    clauses = [
        clause_of(each, f"{path}.property_filter_params_list.{number}")
        for number, each in enumerate(step.property_filter_params_list)
    ]
    where = filters_expression(clauses, step.bool_op, calendar, f"{path}.property_filter_params_list")
    return Anchor(Selector(event, where), step.step_label or step.event or "", step.forward, step.reverse)


def _window_ms(bookmark: FlowBookmark, counted: Count) -> int | None:
    """None is a session."""
    unit, value = bookmark.conversion_window.unit, bookmark.conversion_window.value
    if (unit == _SESSION) < (counted is Count.SESSION):
        raise RequestError(400, "count_type session needs a conversion_window of unit session")
    if unit == _SESSION:
        if value != 1:
            raise RequestError(400, "conversion_window.value must be 1 for unit session")
        return None
    if unit not in UNITS_MS:
        units = ", ".join((*UNITS_MS, _SESSION))
        raise RequestError(400, f"conversion_window.unit must be one of {units}, not {unit[:40]!r}")
    return window_ms(value, unit, "conversion_window")


def _range(asked: FlowDays, today: date) -> tuple[date, date]:
    path = "date_range"
    match asked.type:
        case "between":
            first = bookmark_day(asked.from_date, f"{path}.from_date")
            return between(first, bookmark_day(asked.to_date, f"{path}.to_date"), today, path)
        case "since":
            return between(bookmark_day(asked.from_date, f"{path}.from_date"), today, today, path)
        case "in the last":
            units = asked.from_date if isinstance(asked.from_date, dict) else {}
            return last(str(units.get("unit") or "day"), units.get("value"), today, f"{path}.from_date")
    raise not_built(f"{path}.type", asked.type)


def _cohort(asked: FlowCohort | None, cohorts: Cohorts | None) -> InCohort | None:
    if asked is None:
        return None
    assert cohorts is not None, "what is saved was looked up"
    return InCohort(cohorts({"id": asked.id, "raw_cohort": asked.raw_cohort}), asked.negated)


def _names(names: Sequence[str], path: str) -> frozenset[str]:
    if len(names) > FLOW_EVENTS_NAMED_MAX:
        raise RequestError(400, f"{path} must be {FLOW_EVENTS_NAMED_MAX} events at most")
    return frozenset(names)
