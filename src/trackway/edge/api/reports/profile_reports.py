"""`engage/properties`, `engage/stats` and `engage/revenue`: what profiles have and sum up to. No document of Mixpanel's
has them; their forms are those that its clients read."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.cohorts import CohortAsked, condition_of, read_filter
from trackway.edge.api.reports.cohort_segments import Segment, read_segments
from trackway.edge.api.reports.parameters import breakdown, buckets, choice, dates, days_of, expression, limit, required
from trackway.edge.api.reports.report import Report
from trackway.edge.limits import SERIES_MAX
from trackway.edge.wire.parameter_tables import PROFILE_PROPERTIES, PROFILE_REVENUE, PROFILE_STATS
from trackway.edge.wire.parameters import Parameters, switch
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.query.expressions import Expression
from trackway.query.profile_query import ProfileQuery
from trackway.query.reports.profile_stats import (
    Revenue,
    Statistic,
    in_cohort,
    property_counts,
    revenue,
    statistics,
)
from trackway.query.reports.run import Run
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.cohort import Condition, Junction
from trackway.query.sql.days import Unit

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

_LIMIT_DEFAULT: Final = 255
_ACTION: Final = re.compile(r"\s*(count|extremes|percentile|numeric_summary)\s*\((.*)\)\s*", re.DOTALL)
_ACTIONS: Final = (
    'action must be count(), extremes(properties["p"]), percentile(properties["p"], 90) '
    'or numeric_summary(properties["p"])'
)
_UNITS: Final = (Unit.DAY, Unit.WEEK, Unit.MONTH)


class Properties(NamedTuple):
    """The profiles whose properties are counted. `limit`: properties at most."""

    query: ProfileQuery
    limit: int


class Stats(NamedTuple):
    """The statistic of some profiles, and instead by `segments_asked`, cohorts by their name in the answer. `cohort` is
    what members of the asked cohort meet, and `segments` what those of the segments do, once they were loaded."""

    query: ProfileQuery
    statistic: Statistic
    of: Expression | None
    percentile: float
    cohort_asked: CohortAsked | None
    segments_asked: Mapping[str, Segment]
    cohort: Condition | None = None
    segments: Mapping[str, Condition] = MappingProxyType({})


class Paid(NamedTuple):
    """The profiles whose transactions are summed up, by bucket."""

    query: ProfileQuery
    buckets: Buckets


def _profiles(parameters: Parameters, project: Project, where: str = "where") -> ProfileQuery:
    return ProfileQuery(
        project.project_id, parameters.get("data_group_id", ""), where=expression(parameters, where, project)
    )


def read_properties(parameters: Parameters, project: Project) -> Properties:
    """Raises RequestError 400, naming the parameter."""
    return Properties(_profiles(parameters, project), limit(parameters, _LIMIT_DEFAULT, SERIES_MAX))


def read_stats(parameters: Parameters, project: Project) -> Stats:
    """Raises RequestError 400, naming the parameter."""
    asked, lists_all = read_filter(parameters, project), switch(parameters, "include_all_users", default=True)
    query = _profiles(parameters, project, "selector")._replace(lists_all=lists_all)
    segments = read_segments(parameters, project)
    for name, given in (("filter_by_cohort", asked), ("segment_by_cohorts", segments)):
        if given and query.group_key:
            raise RequestError(400, f"{name} is not supported with data_group_id: a cohort is of users")
    return Stats(query, *read_action(parameters.get("action", "") or "count()", project), asked, segments)


def read_action(text: str, project: Project) -> tuple[Statistic, Expression | None, float]:
    """The statistic, the expression whose numbers it is made of, and the percentile. Raises RequestError 400."""
    match = _ACTION.fullmatch(text)
    if match is None:
        raise RequestError(400, f"{_ACTIONS}, not '{text[:80]}'")
    statistic, inner, percentile = Statistic(match[1]), match[2].strip(), 50.0
    if statistic is Statistic.COUNT:
        if inner:
            raise RequestError(400, f"{_ACTIONS}, not '{text[:80]}'")
        return statistic, None, percentile
    if statistic is Statistic.PERCENTILE:
        inner, _, number = inner.rpartition(",")
        if not re.fullmatch(r"\s*[0-9]{1,3}(\.[0-9]{1,9})?\s*", number, re.ASCII) or float(number) > 100:
            raise RequestError(400, "action: the second value of percentile must be a number from 0 to 100")
        percentile = float(number)
    return statistic, required(breakdown({"action": inner}, project, "action"), "action"), percentile


def read_revenue(parameters: Parameters, project: Project) -> Paid:
    """Raises RequestError 400, naming the parameter."""
    unit = choice(parameters, "unit", _UNITS, Unit.DAY)
    period = buckets(days_of(project), *dates(parameters, project), unit)
    return Paid(_profiles(parameters, project), period)


def load_stats(wanted: Stats) -> Callable[["Saved"], Stats] | None:
    """Completes a question that names cohorts."""
    asked, segments = wanted.cohort_asked, wanted.segments_asked
    if asked is None and not segments:
        return None
    return lambda saved: wanted._replace(
        cohort=None if asked is None else condition_of(saved, asked),
        segments={name: each.condition(saved) for name, each in segments.items()},
    )


async def answer_properties(run: Run, wanted: Properties) -> dict[str, Any]:
    query = wanted.query._replace(lookups=await run.lookups())
    found = await property_counts(run, query, wanted.limit)
    return {"results": {each.name: {"count": each.profiles, "type": each.type} for each in found}, "status": "ok"}


async def answer_stats(run: Run, wanted: Stats) -> dict[str, Any]:
    if wanted.segments:
        results: Any = {
            name: await _statistic(run, wanted, _both(wanted.cohort, each)) for name, each in wanted.segments.items()
        }
    else:
        results = await _statistic(run, wanted, wanted.cohort)
    return {"results": results, "status": "ok", "computed_at": datetime.now(UTC).isoformat()}


def _both(one: Condition | None, other: Condition) -> Condition:
    return other if one is None else Junction("and", (one, other))


async def _statistic(run: Run, wanted: Stats, cohort: Condition | None) -> Any:
    """The statistic of the profiles that belong to a cohort, in its published form."""
    query = await in_cohort(run, wanted.query._replace(lookups=await run.lookups()), cohort)
    found = await statistics(run, query, wanted.statistic, wanted.of, wanted.percentile)
    match wanted.statistic:
        case Statistic.EXTREMES:
            return {"max": found[1], "min": found[0]}
        case Statistic.PERCENTILE:
            return {"percentile": wanted.percentile, "result": found[0]}
        case Statistic.SUMMARY:
            count, mean, variance, squares = found
            return {"count": count or 0, "mean": mean, "var": variance, "sum_of_squares": squares}
    return found[0]


async def answer_revenue(run: Run, wanted: Paid) -> dict[str, Any]:
    query = wanted.query._replace(lookups=await run.lookups())
    overall, days = await revenue(run, query, wanted.buckets)
    keys = wanted.buckets.keys()
    results = {key: _paid(days.get(key, Revenue(0, 0, 0))) for key in keys}
    return {"results": {"$overall": _paid(overall), **results}, "status": "ok"}


def _paid(each: Revenue) -> dict[str, float]:
    return {"amount": each.amount, "count": each.transactions, "paid_count": each.persons}


PROFILE_PROPERTIES_REPORT: Final = Report(
    "engage/properties", PROFILE_PROPERTIES, read_properties, answer_properties, right=Right.PROFILES
)
PROFILE_STATS_REPORT: Final = Report(
    "engage/stats", PROFILE_STATS, read_stats, answer_stats, load=load_stats, right=Right.PROFILES
)
PROFILE_REVENUE_REPORT: Final = Report(
    "engage/revenue", PROFILE_REVENUE, read_revenue, answer_revenue, right=Right.PROFILES
)
