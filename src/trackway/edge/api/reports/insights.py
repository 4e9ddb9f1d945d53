"""`insights`: a question that is a bookmark, and its answer (openapi/query insights-query).

Mixpanel's SDK sends the bookmark itself. Times of the answer are in ISO 8601 with the project's offset.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarked_funnel import funnel_series
from trackway.edge.api.reports.bookmarked_retention import retention_series
from trackway.edge.api.reports.bookmarks.documents import Bookmark
from trackway.edge.api.reports.bookmarks.filters import COHORTS, Calendar, Cohorts
from trackway.edge.api.reports.bookmarks.funnels import FunnelAsked, read_funnel_bookmark
from trackway.edge.api.reports.bookmarks.insights import Analysis, Measured, Question, Series, read_insights
from trackway.edge.api.reports.bookmarks.retention import RetentionQuestion, read_retention_bookmark
from trackway.edge.api.reports.bookmarks.saved import Named, bookmark_id_of, loading
from trackway.edge.api.reports.bookmarks.strict_json import strict_json
from trackway.edge.api.reports.parameters import days_of, today
from trackway.edge.api.reports.report import Report
from trackway.edge.limits import SEGMENTS_DEFAULT, SEGMENTS_MAX
from trackway.edge.wire.parameter_tables import INSIGHTS
from trackway.edge.wire.parameters import Parameters
from trackway.projects.project import Project
from trackway.query.reports.axis import Axis
from trackway.query.reports.insights import Path, Segments, accumulated, count_metric, nested, rolled
from trackway.query.reports.run import Run

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

Values = dict[str, float | None]


class _Limits(msgspec.Struct):
    limit: int = SEGMENTS_DEFAULT


Asked = Question | RetentionQuestion | FunnelAsked


def read(parameters: Parameters, project: Project) -> Asked | Named[Asked]:
    """Raises RequestError 400, naming the field."""
    limits = strict_json(parameters.get("queryLimits") or "{}", _Limits, "queryLimits")
    if limits.limit < 1:
        raise RequestError(400, f"queryLimits.limit must be a whole number from 1 to {SEGMENTS_MAX}")
    if limits.limit > SEGMENTS_MAX:
        raise RequestError(400, f"Query limit exceeds max limit of {SEGMENTS_MAX} ({limits.limit} was given)")
    bookmark_id, text = bookmark_id_of(parameters), parameters.get("bookmark", "")
    if bool(text) == (bookmark_id is not None):
        raise RequestError(400, "one of bookmark and bookmark_id is required: a JSON object, or a saved report's id")
    given = strict_json(text, Bookmark, "bookmark") if text else None
    if given is not None and not _names_cohorts(given):
        return _question(given, project, limits.limit)
    return Named(
        project, bookmark_id or 0, given, lambda found, cohorts: _question(found, project, limits.limit, cohorts)
    )


def _names_cohorts(bookmark: Bookmark) -> bool:
    filters, groups = bookmark.sections.filter or (), bookmark.sections.group or ()
    return any(each.value == COHORTS for each in filters) or any(each.cohorts for each in groups)


def _question(bookmark: Bookmark, project: Project, limit: int, cohorts: Cohorts | None = None) -> Asked:
    calendar = Calendar(days_of(project), today(project), time.time())
    first = bookmark.sections.show[0].behavior if bookmark.sections.show else None
    if first and first.type == "retention":
        return read_retention_bookmark(bookmark, project.project_id, calendar, limit)
    if first and first.type == "funnel":
        return read_funnel_bookmark(bookmark, project.project_id, calendar, limit)
    return read_insights(bookmark, project.project_id, calendar, limit, cohorts)


def load(wanted: Asked | Named[Asked]) -> Callable[["Saved"], Asked] | None:
    """What looks a saved report up, if one is asked for."""
    return loading(wanted) if isinstance(wanted, Named) else None


async def answer(run: Run, wanted: Asked | Named[Asked]) -> dict[str, Any]:
    assert not isinstance(wanted, Named), "it was looked up"
    if isinstance(wanted, RetentionQuestion):
        series, axis = await retention_series(run, wanted), Axis(wanted.retention.born.rows)
        return _envelope(axis, wanted.headers, series, queries=1, is_cut=False)
    if isinstance(wanted, FunnelAsked):
        series, axis = await funnel_series(run, wanted), Axis(wanted.question.buckets)
        return _envelope(axis, wanted.headers, series, queries=1, is_cut=False)
    found = await _insights(run, wanted)
    if wanted.earlier is None:
        return found
    before = await _insights(run, wanted._replace(insights=wanted.insights._replace(axis=wanted.earlier)))
    found["meta"]["sub_query_count"] += before["meta"]["sub_query_count"]
    return {**found, "time_comparison": {"date_range": before["date_range"], "series": before["series"]}}


async def _insights(run: Run, wanted: Question) -> dict[str, Any]:
    axis = wanted.insights.axis
    counted, is_cut = list[tuple[Segments, Axis]](), list[bool]()
    for each in wanted.metrics:
        read_axis = axis.preceded(each.window) if each.analysis is Analysis.ROLLING else axis
        found = await count_metric(run, wanted.insights._replace(axis=read_axis), each.metric)
        is_cut.append(found.is_cut)
        counted.append((found.segments, read_axis))
    # There may be many values, and the process has other clients.
    series = await asyncio.to_thread(_series, wanted, counted, is_cut)
    return _envelope(axis, wanted.headers, series, queries=len(wanted.metrics), is_cut=any(is_cut))


def _series(wanted: Question, found: Sequence[tuple[Segments, Axis]], is_cut: Sequence[bool]) -> dict[str, Any]:
    """The series of the answer, of each metric's segments, the axis that was read, and whether there are more."""
    axis, depth = wanted.insights.axis, len(wanted.insights.levels)
    keys = axis.keys()
    counted = [
        Counted(_made(each, *of, keys), None if cut else _made(each, {}, of[1], keys)[()])
        for each, of, cut in zip(wanted.metrics, found, is_cut, strict=True)
    ]
    instants = {key: axis.instant(key) for key in keys}
    series = {}
    for one in wanted.series:
        segments = _values(one, counted, keys)
        named = {path: {instants[key]: values[key] for key in keys} for path, values in segments.items()}
        series[one.name] = nested(named, depth)
    return series


def _envelope(
    axis: Axis, headers: Sequence[str], series: Mapping[str, Any], *, queries: int, is_cut: bool
) -> dict[str, Any]:
    meta = {
        "min_sampling_factor": 1.0,
        "is_segmentation_limit_hit": is_cut,
        "sub_query_count": queries,
        "is_cached": False,
    }
    return {
        "computed_at": datetime.now(UTC).isoformat(),
        "date_range": _date_range(axis),
        "headers": list(headers),
        "series": series,
        "meta": meta,
    }


def _made(measured: Measured, segments: Segments, read_axis: Axis, keys: list[str]) -> dict[Path, Values]:
    """A metric's values at every key, by segment."""
    nothing, segments = measured.metric.measure.nothing, segments or {(): {}}
    match measured.analysis:
        case Analysis.ROLLING:
            every = read_axis.keys()
            return {path: rolled(values, keys, every, measured.window) for path, values in segments.items()}
        case Analysis.CUMULATIVE:
            return {path: accumulated(values, keys) for path, values in segments.items()}
    return {path: {key: values.get(key, nothing) for key in keys} for path, values in segments.items()}


class Counted(NamedTuple):
    """A metric's values by segment. `nothing`: those of a segment without events; None where there are more segments
    than were read, so that one that is not here may have events."""

    segments: Mapping[Path, Values]
    nothing: Values | None


def _values(series: Series, counted: Sequence[Counted], keys: list[str]) -> Mapping[Path, Values]:
    """A series at every key, by segment. An operand that lacks a segment counts as its metric where nothing was; a
    segment that it may have is left out."""
    operands = [counted[number] for number in series.operands]
    if series.formula is None:
        return operands[0].segments
    formula, found, left_out = series.formula, dict[Path, Values](), set[Path]()
    for path in dict.fromkeys(path for each in operands for path in each.segments):
        values = [each.segments.get(path, each.nothing) for each in operands]
        known = [each for each in values if each is not None]
        if len(known) < len(values):
            left_out.add(path)
        else:
            found[path] = {key: formula.value([each[key] for each in known]) for key in keys}
    return {path: each for path, each in found.items() if left_out.isdisjoint(path[:at] for at in range(len(path)))}


def _date_range(axis: Axis) -> dict[str, str]:
    """The range's first instant, and its last millisecond."""
    zone = ZoneInfo(axis.buckets.days.zone)
    from_ms, before_ms = axis.buckets.bounds_ms
    begin, end = (datetime.fromtimestamp(each / 1000, zone).isoformat() for each in (from_ms, before_ms - 1))
    return {"from_date": begin, "to_date": end}


INSIGHTS_REPORT: Final = Report("insights", INSIGHTS, read, answer, load=load)
