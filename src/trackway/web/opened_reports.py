"""Saved bookmarks of funnels, retention and flows as the addresses of the pages that give them.

As for trends (`bookmark_form`), an address is given only if its own bookmark is the same document, apart from fields
that change no number.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec
from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.documents import (
    Behavior,
    Bookmark,
    EventClause,
    FilterClause,
    GroupClause,
    Measurement,
    TimeClause,
)
from trackway.edge.api.reports.bookmarks.flow_documents import FlowBookmark, FlowDays
from trackway.edge.api.reports.bookmarks.flow_filters import clause_of
from trackway.edge.api.reports.bookmarks.metrics import ALL_EVENTS
from trackway.edge.api.reports.bookmarks.strict_json import converted, strict_json
from trackway.web.bookmark_form import NotExpressible, difference
from trackway.web.date_range import Range, range_of
from trackway.web.flow_bookmark import flow_bookmark
from trackway.web.flow_form import read_flow
from trackway.web.funnel_bookmark import MATHS, REENTRIES, funnel_bookmark
from trackway.web.funnel_form import read_funnel
from trackway.web.limits import FLOW_EVENTS_DRAWN_MAX
from trackway.web.report_filter import filter_of, whose_of
from trackway.web.retention_bookmark import ALIGNMENTS, retention_bookmark
from trackway.web.retention_form import read_retention_form

Document = TypeVar("Document", bound=msgspec.Struct)
Pairs = list[tuple[str, str]]
_NO_TIME: Final = TimeClause()


def funnel_query(params: str, today: date) -> str:
    """The query string of a funnel, given as JSON text. Raises NotExpressible."""
    return _opened(params, Bookmark, _funnel_pairs, lambda query: funnel_bookmark(read_funnel(query), today))


def retention_query(params: str, today: date) -> str:
    """The same of retention."""

    def given(query: QueryParams) -> Mapping[str, Any]:
        return retention_bookmark(read_retention_form(query), today)

    return _opened(params, Bookmark, _retention_pairs, given)


def flow_query(params: str, today: date) -> str:
    """The same of flows."""

    def given(query: QueryParams) -> Mapping[str, Any]:
        return flow_bookmark(read_flow(query), today, FLOW_EVENTS_DRAWN_MAX)

    return _opened(params, FlowBookmark, _flow_pairs, given)


def _opened(
    params: str,
    shape: type[Document],
    pairs_of: Callable[[Document], Pairs],
    bookmark_of: Callable[[QueryParams], Mapping[str, Any]],
) -> str:
    try:
        document = strict_json(params, shape, "the definition")
        pairs = [(name, value) for name, value in pairs_of(document) if value or name.startswith(("value", "is"))]
        expected = converted(bookmark_of(QueryParams(pairs)), shape, "bookmark")
    except RequestError as error:
        raise NotExpressible(error.message) from error
    if path := difference(document, expected):
        raise NotExpressible(f"the form has no field for {path}")
    return urlencode(pairs)


def _funnel_pairs(document: Bookmark) -> Pairs:
    behavior, measurement = _behavior(document)
    pairs = _event_pairs(behavior.behaviors or ())
    pairs += [
        ("window", str(behavior.conversionWindowDuration or "")),
        ("window_unit", behavior.conversionWindowUnit or ""),
        ("counted", _word(MATHS, measurement.math)),
        ("order", behavior.funnelOrder or ""),
        ("reentry", _word(REENTRIES, behavior.funnelReentryMode)),
    ]
    for each in behavior.exclusions or ():
        begin, end = (each.steps.from_, each.steps.to) if each.steps else (None, None)
        pairs += [("exclude", each.event), ("after", str(begin or 1)), ("before", str(end or 0))]
    return pairs + _common_pairs(document)


def _retention_pairs(document: Bookmark) -> Pairs:
    behavior, _ = _behavior(document)
    events = list(behavior.behaviors or ())
    if behavior.retentionType == "compounded":
        events = events[:1]
    return [
        *_event_pairs(events),
        ("kind", behavior.retentionType or ""),
        ("window", _word(ALIGNMENTS, behavior.retentionAlignmentType)),
        ("unit", behavior.retentionUnit or ""),
        ("periods", str(len(behavior.retentionCustomBucketSizes or ()) - 1)),
        ("returns", "from" if behavior.retentionUnbounded else "in"),
        *_common_pairs(document),
    ]


def _flow_pairs(document: FlowBookmark) -> Pairs:
    if len(document.steps) != 1:
        raise NotExpressible("the form has a field for one event")
    [step] = document.steps
    clauses = [clause_of(each, "steps.0") for each in step.property_filter_params_list]
    window = document.conversion_window
    return [
        ("event1", step.event or ""),
        *_filter_pairs(clauses, "1"),
        ("after", str(step.forward)),
        ("before", str(step.reverse)),
        ("counted", document.count_type),
        ("window", str(window.value)),
        ("window_unit", window.unit),
        ("repeats", "one" if document.collapse_repeated else "each"),
        *(("hide", name) for name in document.hidden_events),
        *_filter_pairs(document.filter_by_event.children if document.filter_by_event else ()),
        *_range_pairs(_flow_range(document.date_range)),
    ]


def _flow_range(asked: FlowDays) -> Range:
    if not isinstance(asked.from_date, dict):
        return range_of(asked.type, [asked.from_date, asked.to_date], 0)
    days = asked.from_date.get("value")
    return range_of(asked.type, None, days if isinstance(days, int) else 0)


def _behavior(document: Bookmark) -> tuple[Behavior, Measurement]:
    show = document.sections.show
    if len(show) != 1 or show[0].behavior is None:
        raise NotExpressible("the form has fields for one metric")
    return show[0].behavior, show[0].measurement or Measurement()


def _event_pairs(events: Sequence[EventClause]) -> Pairs:
    pairs: Pairs = []
    for number, each in enumerate(events, 1):
        pairs.append((f"event{number}", "" if each.name == ALL_EVENTS else each.name))
        pairs += _filter_pairs(each.filters or (), str(number))
    return pairs


def _common_pairs(document: Bookmark) -> Pairs:
    """Filters of the whole report, its breakdown and its range."""
    time = next(iter(document.sections.time), _NO_TIME)
    chosen = range_of(time.dateRangeType, time.value, time.window.value if time.window else 0)
    groups = document.sections.group or ()
    return [*_filter_pairs(document.sections.filter or ()), *_group_pairs(groups), *_range_pairs(chosen)]


def _group_pairs(groups: Sequence[GroupClause]) -> Pairs:
    return [
        pair for each in groups[:1] for pair in (("by", str(each.value)), ("by_whose", whose_of(each.resourceType)))
    ]


def _range_pairs(chosen: Range) -> Pairs:
    return [("range", chosen.name), ("from", chosen.first), ("to", chosen.last)]


def _filter_pairs(clauses: Iterable[FilterClause], of: str = "") -> Pairs:
    pairs: Pairs = []
    for each in clauses:
        found = filter_of(each.value, each.filterOperator, each.filterValue, each.resourceType)
        names = (f"where{of}", f"is{of}", f"value{of}", f"whose{of}")
        pairs += zip(names, found, strict=True)
    return pairs


def _word(words: Mapping[str, str], given: str | None) -> str:
    """The word of a form that a bookmark's stands for, "" where there is none."""
    return next((word for word, meant in words.items() if meant == given), "")
