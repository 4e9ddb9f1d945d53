"""A bookmark for insights, as a question: metrics and formulas of them, by time and by properties."""

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.dates import between, bookmark_day, last
from trackway.edge.api.reports.bookmarks.documents import Bookmark, GroupClause, Measurement, ShowClause, TimeClause
from trackway.edge.api.reports.bookmarks.filters import (
    COHORTS,
    Calendar,
    Cohorts,
    cohort_filters,
    filters_expression,
    property_of,
)
from trackway.edge.api.reports.bookmarks.metrics import distinct_names, metric_of, series_name
from trackway.edge.api.reports.bookmarks.sections import check_sections
from trackway.edge.api.reports.bookmarks.strict_json import not_built
from trackway.edge.api.reports.parameters import buckets, check_year
from trackway.edge.limits import (
    BOOKMARK_COHORTS_MAX,
    BOOKMARK_GROUPS_MAX,
    BOOKMARK_METRICS_MAX,
    BOOKMARK_ROLLING_MAX,
    INSIGHTS_VALUES_MAX,
)
from trackway.query.reports.axis import Axis, Joined
from trackway.query.reports.formula import Formula, FormulaError
from trackway.query.reports.insights import CohortLevel, InCohort, Insights, Level, Metric
from trackway.query.reports.measures import Subject
from trackway.query.sql.days import Unit

_OVER_TIME: Final = ("line", "stacked-line", "column", "stacked-column")
_OVER_RANGE: Final = ("bar", "bar-stacked", "pie", "table", "insights-metric", "metric")
_JOINED: Final = {"quarter": Joined.QUARTER, "year": Joined.YEAR}


class Analysis(StrEnum):
    """What is made of a metric's values in time: nothing, means of the last ones, sums from the begin on."""

    LINEAR = "linear"
    ROLLING = "rolling"
    CUMULATIVE = "cumulative"


class Measured(NamedTuple):
    """A metric, and what is made of its values; `window`: how many values make a mean."""

    metric: Metric
    analysis: Analysis
    window: int = 1


class Series(NamedTuple):
    """A series of the answer: a metric, or a formula of some. `operands` are indices of metrics."""

    name: str
    operands: Sequence[int]
    formula: Formula | None = None


class Question(NamedTuple):
    """What a bookmark asks for. `earlier` is the axis that the answer is compared with."""

    insights: Insights
    metrics: Sequence[Measured]
    series: Sequence[Series]
    headers: Sequence[str]
    earlier: Axis | None = None


def read_insights(
    bookmark: Bookmark, project_id: int, calendar: Calendar, limit: int, cohorts: Cohorts | None = None
) -> Question:
    """The question of a bookmark. Raises RequestError 400, naming the field."""
    check_sections(bookmark, compares=True)
    sections, display = bookmark.sections, bookmark.displayOptions
    groups = sections.group or []
    if len(groups) > BOOKMARK_GROUPS_MAX:
        raise RequestError(400, f"sections.group must be {BOOKMARK_GROUPS_MAX} properties at most")
    names = [_header(each) for each in groups]
    axis = _axis(sections.time, display.chartType, calendar)
    belonging = cohort_filters(sections.filter, cohorts, "sections.filter")
    others = [each for each in sections.filter or () if each.value != COHORTS]
    where = filters_expression(others, "all", calendar, "sections.filter")
    levels = [_level(each, cohorts, f"sections.group.{number}") for number, each in enumerate(groups)]
    metrics, series = _shown(bookmark, calendar)
    earlier = _period_before(axis) if display.timeComparison else None
    answers = 1 if earlier is None else 2
    room = INSIGHTS_VALUES_MAX // (len(axis.keys()) * len(metrics) * max(len(levels), 1) * answers)
    insights = Insights(project_id, axis, where, levels, max(min(limit, room), 1), belonging)
    return Question(insights, metrics, series, ["$metric", *names], earlier)


def _period_before(axis: Axis) -> Axis:
    """As many days, up to the day before the first one. Raises RequestError 400."""
    buckets = axis.buckets
    days = (buckets.to_date - buckets.from_date).days + 1
    if buckets.from_date.toordinal() <= days:
        raise RequestError(400, "sections.time.0.value has no period before it")
    first, last = buckets.from_date - timedelta(days=days), buckets.from_date - timedelta(days=1)
    check_year(first.year, "sections.time.0.value")
    return axis._replace(buckets=buckets._replace(from_date=first, to_date=last))


def _shown(bookmark: Bookmark, calendar: Calendar) -> tuple[list[Measured], list[Series]]:
    show = bookmark.sections.show
    clauses = [(f"sections.show.{number}", each) for number, each in enumerate(show)]
    named = [(path, each) for path, each in clauses if not _is_formula(each)]
    formulas = [(path, each) for path, each in clauses if _is_formula(each)]
    metrics = [_measured(bookmark, each, calendar, path) for path, each in named]
    series = [Series(_name(each), [at]) for at, (_, each) in enumerate(named) if not each.isHidden]
    shared = len(metrics)
    for path, each in formulas:
        own = each.referencedMetrics or []
        first, count = (len(metrics), len(own)) if own else (0, shared)
        metrics += [_measured(bookmark, one, calendar, f"{path}.referencedMetrics.{at}") for at, one in enumerate(own)]
        if not each.isHidden:
            series.append(_formula(each, range(first, first + count), path))
    if not series or not 1 <= len(metrics) <= BOOKMARK_METRICS_MAX:
        raise RequestError(400, f"sections.show must be 1 to {BOOKMARK_METRICS_MAX} metrics, not all of them hidden")
    unlike = distinct_names([each.name for each in series])
    return metrics, [each._replace(name=name) for each, name in zip(series, unlike, strict=True)]


def _is_formula(clause: ShowClause) -> bool:
    return clause.type == "formula" or clause.definition is not None


def _name(clause: ShowClause) -> str:
    assert clause.behavior is not None, "a metric was read from it"
    return clause.name or series_name(clause.behavior, clause.measurement or Measurement())


def _formula(clause: ShowClause, operands: range, path: str) -> Series:
    text = clause.definition or ""
    try:
        formula = Formula(text)
    except FormulaError as error:
        raise RequestError(400, f"{path}.definition {error}") from error
    if formula.operands > len(operands):
        raise RequestError(400, f"{path}.definition needs {formula.operands} metrics, and there are {len(operands)}")
    return Series(clause.name or text, operands, formula)


def _measured(bookmark: Bookmark, clause: ShowClause, calendar: Calendar, path: str) -> Measured:
    if clause.behavior is None:
        if clause.id is not None:
            raise not_built(f"{path}.id", clause.id)
        raise RequestError(400, f"Field required at {path}.behavior")
    asked = clause.measurement or Measurement()
    metric = metric_of(clause.behavior, asked, calendar, path)
    analysis, window = _analysis(bookmark, asked, path)
    if metric.measure.subject is Subject.ARRIVED:
        return Measured(metric, Analysis.CUMULATIVE)
    if analysis is Analysis.CUMULATIVE:
        if metric.measure.nothing is None:
            raise not_built(f"{path}.measurement.math {asked.math} with analysis", analysis)
        if metric.measure.subject is Subject.PERSONS:  # who came twice is one person
            metric = metric._replace(measure=metric.measure._replace(subject=Subject.ARRIVED))
    return Measured(metric, analysis, window)


def _analysis(bookmark: Bookmark, asked: Measurement, path: str) -> tuple[Analysis, int]:
    display = bookmark.displayOptions
    if display.chartType not in _OVER_TIME:
        return Analysis.LINEAR, 1
    window = display.rollingWindowSize if display.analysis == Analysis.ROLLING else None
    if asked.rolling is not None:
        window = asked.rolling.rollingWindowSize
    if window is not None:
        if not 1 <= window <= BOOKMARK_ROLLING_MAX:
            raise RequestError(400, f"{path}: a rolling window must be 1 to {BOOKMARK_ROLLING_MAX} values")
        return Analysis.ROLLING, window
    if asked.cumulative or display.analysis == Analysis.CUMULATIVE:
        return Analysis.CUMULATIVE, 1
    if display.analysis not in (Analysis.LINEAR, None, "logarithmic"):
        raise not_built("displayOptions.analysis", display.analysis)
    return Analysis.LINEAR, 1


def _axis(clauses: Sequence[TimeClause], chart: str, calendar: Calendar) -> Axis:
    if chart not in (*_OVER_TIME, *_OVER_RANGE):
        raise not_built("displayOptions.chartType", chart)
    days, asked = range_of(clauses, calendar), clauses[0]
    if chart in _OVER_RANGE:
        return Axis(buckets(calendar.days, *days, Unit.DAY), Joined.ALL)
    if asked.unit in _JOINED:
        return Axis(buckets(calendar.days, *days, Unit.MONTH), _JOINED[asked.unit])
    if asked.unit not in tuple(Unit):
        raise not_built("sections.time.0.unit", asked.unit)
    return Axis(buckets(calendar.days, *days, Unit(asked.unit)))


def range_of(clauses: Sequence[TimeClause], calendar: Calendar) -> tuple[date, date]:
    """The first and the last day. Raises RequestError 400."""
    if len(clauses) != 1:
        raise RequestError(400, "sections.time must be one range")
    [asked] = clauses
    path, value, today = "sections.time.0", asked.value, calendar.today
    match asked.dateRangeType:
        case "between" if isinstance(value, list) and len(value) == 2:
            first, final = (bookmark_day(each, f"{path}.value.{number}") for number, each in enumerate(value))
            return between(first, final, today, f"{path}.value")
        case "since":
            return between(bookmark_day(value, f"{path}.value"), today, today, f"{path}.value")
        case "on":
            day = bookmark_day(value, f"{path}.value")
            return between(day, day, today, f"{path}.value")
        case "yesterday":
            return today - timedelta(days=1), today - timedelta(days=1)
        case "this month":
            return today.replace(day=1), today
        case "in the last" | "relative_after" if asked.window is not None:
            return last(asked.window.unit, asked.window.value, today, f"{path}.window")
        case "in the last" | None:
            return last(asked.unit, value, today, path)
        case "between":
            raise RequestError(400, f"{path}.value must be two dates")
    raise not_built(f"{path}.dateRangeType", asked.dateRangeType)


def _header(clause: GroupClause) -> str:
    if clause.cohorts:
        return ", ".join(str(each.get("name") or "") for each in clause.cohorts[:1])
    return str(clause.propertyName or clause.value)


def _level(clause: GroupClause, cohorts: Cohorts | None, path: str) -> Level | CohortLevel:
    if not clause.cohorts or cohorts is None:
        return level_of(clause, path)
    labels = clause.value if isinstance(clause.value, list) else []
    if len(labels) != len(clause.cohorts) or len(labels) > BOOKMARK_COHORTS_MAX:
        raise RequestError(400, f"{path}.value must name each of at most {BOOKMARK_COHORTS_MAX} cohorts")
    parts = [InCohort(cohorts(each), bool(each.get("negated"))) for each in clause.cohorts]
    return CohortLevel([(str(label), part) for label, part in zip(labels, parts, strict=True)])


def level_of(clause: GroupClause, path: str) -> Level:
    """A level of a breakdown. Raises RequestError 400."""
    for name in (
        "customPropertyId", "customProperty", "listItemGroup", "behavior", "cohorts", "dataGroupId", "typeCast", "unit",
    ):  # fmt: skip
        if (value := getattr(clause, name)) is not None:
            raise not_built(f"{path}.{name}", value)
    on = property_of(clause.propertyName or clause.value, clause.resourceType, path)
    bucket = clause.customBucket
    if bucket is None or bucket.disabled or bucket.bucketSize is None:
        return Level(on)
    for name in ("groups", "offset", "unit"):
        if (value := getattr(bucket, name)) is not None:
            raise not_built(f"{path}.customBucket.{name}", value)
    if not 0 < bucket.bucketSize < float("inf"):
        raise RequestError(400, f"{path}.customBucket.bucketSize must be a number above 0")
    return Level(on, bucket.bucketSize, bucket.min, bucket.max)
