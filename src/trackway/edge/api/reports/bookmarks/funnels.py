"""A bookmark for funnels, as a question (docs/reports.md)."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.documents import Behavior, Bookmark, Exclusion, Measurement
from trackway.edge.api.reports.bookmarks.filters import Calendar, filters_expression, property_of
from trackway.edge.api.reports.bookmarks.insights import level_of, range_of
from trackway.edge.api.reports.bookmarks.metrics import selector_of
from trackway.edge.api.reports.bookmarks.sections import check_sections
from trackway.edge.api.reports.bookmarks.strict_json import not_built
from trackway.edge.api.reports.funnel_rules import (
    UNITS_MS,
    check_exclusions,
    check_held,
    check_steps,
    excluded_between,
    window_ms,
)
from trackway.edge.api.reports.parameters import buckets
from trackway.query.expressions import Expression
from trackway.query.reports.funnel import Count, Funnel, FunnelQuestion, Order, Reentry, Step
from trackway.query.reports.funnel import Exclusion as Excluded
from trackway.query.sql.days import Unit
from trackway.query.sql.selector import Selector

_PERSONS: Final = ("unique", "conversion_rate", "conversion_rate_unique", None)
_TRIES: Final = ("total", "general", "conversion_rate_total")
_OVER_TIME: Final = ("line", "funnel-trend")
_OVER_RANGE: Final = ("funnel-steps", "funnel-steps-metric", "table", "bar", "column")
_REENTRIES: Final = {None: Reentry.FIRST, "default": Reentry.FIRST, "optimized": Reentry.OPTIMIZED}
_UNITS: Final = (Unit.HOUR, Unit.DAY, Unit.WEEK, Unit.MONTH)


class FunnelAsked(NamedTuple):
    """What a bookmark asks for. `name` of its one series; `over_time`: a funnel for each bucket instead of one."""

    name: str
    question: FunnelQuestion
    over_time: bool
    headers: Sequence[str]


class BookmarkedFunnel(NamedTuple):
    """A funnel, the condition on the events of its steps, and its breakdown."""

    funnel: Funnel
    where: Expression | None
    on: Expression | None


def read_funnel_bookmark(bookmark: Bookmark, project_id: int, calendar: Calendar, limit: int) -> FunnelAsked:
    """The question of a bookmark. Raises RequestError 400, naming the field."""
    found, chart = bookmarked_funnel(bookmark, calendar), bookmark.displayOptions.chartType
    if chart not in (*_OVER_TIME, *_OVER_RANGE):
        raise not_built("displayOptions.chartType", chart)
    days, over_time = range_of(bookmark.sections.time, calendar), chart in _OVER_TIME
    unit = bookmark.sections.time[0].unit
    if over_time and unit not in _UNITS:
        raise not_built("sections.time.0.unit", unit)
    width = 1 if over_time else (days[1] - days[0]).days + 1
    axis = buckets(calendar.days, *days, Unit(unit) if over_time else Unit.DAY, width)
    steps, show = found.funnel.steps, bookmark.sections.show[0]
    name = show.name or f"{steps[0].label} through {steps[-1].label}"
    headers = ["$metric", *(str(each.propertyName or each.value) for each in bookmark.sections.group or ())]
    question = FunnelQuestion(project_id, found.funnel, axis, found.where, found.on, limit)
    return FunnelAsked(name, question, over_time, headers)


def bookmarked_funnel(bookmark: Bookmark, calendar: Calendar) -> BookmarkedFunnel:
    """The funnel of a bookmark, whatever its days. Raises RequestError 400, naming the field."""
    check_sections(bookmark)
    show, groups = bookmark.sections.show, bookmark.sections.group or []
    if len(show) != 1 or show[0].behavior is None:
        raise RequestError(400, "sections.show must be one metric of a funnel")
    if len(groups) > 1:
        raise RequestError(400, "sections.group must be one property at most")
    levels = [level_of(each, f"sections.group.{number}") for number, each in enumerate(groups)]
    if any(level.width is not None for level in levels):
        raise not_built("sections.group.0.customBucket", groups[0].customBucket)
    where = filters_expression(bookmark.sections.filter, "all", calendar, "sections.filter")
    counted = _count(show[0].measurement or Measurement(), "sections.show.0.measurement")
    funnel = _funnel(show[0].behavior, counted, calendar, "sections.show.0.behavior")
    return BookmarkedFunnel(funnel, where, levels[0].on if levels else None)


def _count(asked: Measurement, path: str) -> Count:
    for name in ("property", "perUserAggregation", "stepIndex", "actionMode", "dataGroupId"):
        if (value := getattr(asked, name)) is not None:
            raise not_built(f"{path}.{name}", value)
    if asked.math in _PERSONS:
        return Count.UNIQUE
    if asked.math in _TRIES:
        return Count.GENERAL
    raise not_built(f"{path}.math", asked.math)


def _funnel(behavior: Behavior, counted: Count, calendar: Calendar, path: str) -> Funnel:
    events = behavior.behaviors or []
    check_steps(len(events), f"{path}.behaviors")
    steps = []
    for number, each in enumerate(events):
        chosen = selector_of(each, calendar, f"{path}.behaviors.{number}")
        steps.append(Step(chosen, each.renamed or each.name))
    order = behavior.funnelOrder or Order.LOOSE
    if order not in tuple(Order):
        raise not_built(f"{path}.funnelOrder", order)
    if behavior.funnelReentryMode not in _REENTRIES:
        raise not_built(f"{path}.funnelReentryMode", behavior.funnelReentryMode)
    exclusions = _exclusions(behavior.exclusions or [], len(steps), f"{path}.exclusions")
    check_exclusions(len(exclusions), Order(order), f"{path}.exclusions")
    held = behavior.aggregateBy or []
    check_held(len(held), f"{path}.aggregateBy")
    properties = [
        property_of(each.value, each.resourceType, f"{path}.aggregateBy.{number}") for number, each in enumerate(held)
    ]
    reentry = _REENTRIES[behavior.funnelReentryMode]
    return Funnel(steps, _window_ms(behavior, path), counted, Order(order), reentry, exclusions, properties)


def _exclusions(asked: Sequence[Exclusion], steps: int, path: str) -> list[Excluded]:
    found = []
    for number, each in enumerate(asked):
        begin, end = (each.steps.from_, each.steps.to) if each.steps else (None, None)
        found.append(Excluded(Selector(each.event), *excluded_between(begin, end, steps, f"{path}.{number}")))
    return found


def _window_ms(behavior: Behavior, path: str) -> int:
    unit, length = behavior.conversionWindowUnit or "day", behavior.conversionWindowDuration
    if unit not in UNITS_MS:
        raise not_built(f"{path}.conversionWindowUnit", unit)
    return window_ms(14 if length is None else length, unit, f"{path}.conversionWindowDuration")
