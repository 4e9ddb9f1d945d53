"""The metrics of a bookmark: from show clauses to what is counted, and the names of their series."""

from collections.abc import Sequence
from typing import Final

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.documents import Behavior, EventClause, MeasuredProperty, Measurement
from trackway.edge.api.reports.bookmarks.filters import Calendar, filters_expression, property_of
from trackway.edge.api.reports.bookmarks.strict_json import not_built
from trackway.edge.limits import BOOKMARK_EVENTS_MAX
from trackway.query.expressions import Expression
from trackway.query.expressions.tree import Junction
from trackway.query.reports.insights import Metric
from trackway.query.reports.measures import Measure, Statistic, Subject
from trackway.query.sql.selector import Selector

ALL_EVENTS: Final = "$all_events"
_ACTIVE_DAYS: Final = {"dau": 1, "wau": 7, "mau": 30}
_PERCENTILES: Final = {"median": 50, "p25": 25, "p75": 75, "p90": 90, "p99": 99}
_STATISTICS: Final = {"average": Statistic.AVERAGE, "min": Statistic.MIN, "max": Statistic.MAX}
_EACH: Final = {"total": Statistic.SUM, **_STATISTICS, "unique_values": Statistic.DISTINCT}
_LABELS: Final = {
    "total": "Total Events",
    "unique": "Unique Users",
    "sessions": "Total Sessions",
    "session": "Total Sessions",
    "cumulative_unique": "Cumulative Unique Users",
    "dau": "DAU",
    "wau": "WAU",
    "mau": "MAU",
}


def metric_of(behavior: Behavior, measurement: Measurement, calendar: Calendar, path: str) -> Metric:
    """What a clause counts. Raises RequestError 400, naming the field below `path`."""
    selectors = selectors_of(behavior, calendar, f"{path}.behavior")
    return Metric(selectors, _measure(measurement, f"{path}.measurement"))


def selectors_of(behavior: Behavior, calendar: Calendar, path: str) -> list[Selector]:
    """The events of an event, or of several that count together. Raises RequestError 400."""
    for name in ("raw_cohort", "dataGroupId"):
        if (value := getattr(behavior, name)) is not None:
            raise not_built(f"{path}.{name}", value)
    if behavior.type not in ("event", "simple", None):
        raise not_built(f"{path}.type", behavior.type)
    where = filters_expression(behavior.filters, behavior.filtersDeterminer, calendar, f"{path}.filters")
    if behavior.type == "simple":
        events = behavior.behaviors or []
        if not events or len(events) > BOOKMARK_EVENTS_MAX:
            raise RequestError(400, f"{path}.behaviors must be 1 to {BOOKMARK_EVENTS_MAX} events")
        return [selector_of(each, calendar, f"{path}.behaviors.{number}") for number, each in enumerate(events)]
    return [Selector(event_of(behavior.name, f"{path}.name"), where)]


def selector_of(clause: EventClause, calendar: Calendar, path: str) -> Selector:
    """The events of one event of a behavior. Raises RequestError 400."""
    if clause.type not in ("event", None):
        raise not_built(f"{path}.type", clause.type)
    where = filters_expression(clause.filters, clause.filtersDeterminer, calendar, f"{path}.filters")
    return Selector(event_of(clause.name, f"{path}.name"), where)


def with_filter(selector: Selector, where: Expression | None) -> Selector:
    """The same events, of those only the ones that meet a condition, too."""
    conditions = tuple(each for each in (selector.where, where) if each is not None)
    if len(conditions) < 2:
        return selector._replace(where=conditions[0] if conditions else None)
    return selector._replace(where=Junction(1, "and", conditions))


def event_of(name: str | None, path: str) -> str:
    """The event that a bookmark names; '' is every event. Raises RequestError 400, naming the field."""
    if not name:
        raise RequestError(400, f"Field required at {path}")
    if name.startswith("$custom_event:"):
        raise not_built(path, name)
    return "" if name == ALL_EVENTS else name


def measured(of: MeasuredProperty | None, path: str) -> Expression | None:
    """The property that is measured. Raises RequestError 400."""
    if of is None:
        return None
    for name in ("customPropertyId", "customProperty", "dataGroupId"):
        if (value := getattr(of, name)) is not None:
            raise not_built(f"{path}.{name}", value)
    return property_of(of.name or of.value, of.resourceType, path)


def _measure(asked: Measurement, path: str) -> Measure:
    math, of = asked.math or "total", measured(asked.property, f"{path}.property")
    if asked.segmentMethod not in (None, "all"):
        raise not_built(f"{path}.segmentMethod", asked.segmentMethod)
    if asked.multiAttribution is not None or asked.dataGroupId is not None:
        name = "multiAttribution" if asked.multiAttribution is not None else "dataGroupId"
        raise not_built(f"{path}.{name}", getattr(asked, name))
    if asked.perUserAggregation is not None:
        return _per_person(math, asked, of, path)
    match math:
        case "total" | "general" | "average" if of is None:  # an average of nothing is a count
            return Measure(Subject.EVENTS)
        case "unique":
            return Measure(Subject.PERSONS)
        case "sessions" | "session":
            return Measure(Subject.SESSIONS)
        case "cumulative_unique":
            return Measure(Subject.ARRIVED)
        case _ if math in _ACTIVE_DAYS:
            return Measure(Subject.ACTIVE, days=_ACTIVE_DAYS[math])
    statistic, percentile = _statistic(math, asked, path)
    if of is None:
        raise RequestError(400, f"{path}.property is required for math {math}")
    if statistic is Statistic.DISTINCT:
        return Measure(Subject.TEXTS, of=of)
    return Measure(Subject.NUMBERS, of=of, statistic=statistic, percentile=percentile)


def _per_person(math: str, asked: Measurement, of: Expression | None, path: str) -> Measure:
    """A statistic over persons, of one number of each: a statistic of its values, or how many events it has."""
    each = _EACH.get(asked.perUserAggregation or "")
    if each is None:
        raise not_built(f"{path}.perUserAggregation", asked.perUserAggregation)
    statistic, percentile = _statistic(math, asked, path)
    if statistic is Statistic.DISTINCT or (of is None and each is not Statistic.SUM):
        raise not_built(f"{path}.perUserAggregation {asked.perUserAggregation} with math", math)
    return Measure(
        Subject.PER_PERSON, of=of, statistic=statistic, percentile=percentile, each=None if of is None else each
    )


def _statistic(math: str, asked: Measurement, path: str) -> tuple[Statistic, float]:
    if math in _STATISTICS:
        return _STATISTICS[math], 0
    if math in _PERCENTILES:
        return Statistic.PERCENTILE, _PERCENTILES[math]
    match math:
        case "total" | "general":
            return Statistic.SUM, 0
        case "unique_values":
            return Statistic.DISTINCT, 0
        case "custom_percentile":
            if asked.percentile is None or not 0 <= asked.percentile <= 100:
                raise RequestError(400, f"{path}.percentile must be a number from 0 to 100")
            return Statistic.PERCENTILE, asked.percentile
    raise not_built(f"{path}.math", math)


def series_name(behavior: Behavior, measurement: Measurement) -> str:
    """What the series is called without a name of its own: `Sign up [Unique Users]`."""
    math, of = measurement.math or "total", measurement.property
    name = behavior.renamed or behavior.name or " or ".join(each.name for each in behavior.behaviors or ())
    name = "All Events" if name == ALL_EVENTS else name
    if measurement.perUserAggregation is not None:
        each = f"{_title(measurement.perUserAggregation)}{f' of {of.name}' if of else ''} per User"
        return f"{name} [{_title(math)} of {each}]"
    if of is not None and math not in _ACTIVE_DAYS and math not in ("unique", "cumulative_unique"):
        return f"{name} [{'Sum' if math == 'total' else _title(math, measurement.percentile)} of {of.name}]"
    return f"{name} [{_LABELS.get(math, _LABELS['total'])}]"


def _title(math: str, percentile: float | None = None) -> str:
    return f"P{percentile:g}" if math == "custom_percentile" else math.replace("_", " ").title()


def distinct_names(names: Sequence[str]) -> list[str]:
    """The names, with a number after those that came before, because a series has its name alone."""
    found: list[str] = []
    for name in names:
        number = 1
        while (numbered := name if number == 1 else f"{name} ({number})") in found:
            number += 1
        found.append(numbered)
    return found
