"""`events` and its siblings: which events there are, how often, and with which properties."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from tests.support.report_model.clock import DAY, Buckets
from tests.support.report_model.measures import counted, first, grouped, measured, points_by_key, series
from tests.support.report_model.project_events import Event, ProjectEvents, property_of

RECENT_DAYS = 31
"""`events/names` and its like look back so many days, today included."""


def events(project: ProjectEvents, *, event: Sequence[str], type: str, unit: str, **days: Any) -> dict[str, Any]:
    """Each name is a key, also one that did not happen."""
    buckets = _buckets(project, unit, **days)
    found = {name: counted(project.named(name), buckets, type) for name in event}
    return series(points_by_key(found, buckets, type), buckets)


def properties(
    project: ProjectEvents,
    *,
    event: str,
    name: str,
    type: str,
    unit: str,
    values: Sequence[str] | None = None,
    limit: int = 255,
    **days: Any,
) -> dict[str, Any]:
    """The values of a property; those of `values` alone if there are any."""
    buckets = _buckets(project, unit, **days)
    found = counted(project.named(event), buckets, type)
    groups = grouped(found, lambda each: project.keys(each, property_of(name)))
    if values is None:
        return series(first(points_by_key(groups, buckets, type), limit), buckets)
    return series(points_by_key({value: groups.get(value, []) for value in values}, buckets, type), buckets)


def _buckets(
    project: ProjectEvents,
    unit: str,
    from_date: date | None = None,
    to_date: date | None = None,
    interval: int | None = None,
) -> Buckets:
    """Of the days asked for, or the last `interval` units up to the present one."""
    if from_date is not None and to_date is not None:
        return Buckets(project.clock, from_date, to_date, unit)
    assert interval is not None, "either dates or an interval"
    enough = project.clock.first_day(unit, project.today) - interval * (31 if unit == "month" else 7) * DAY
    return Buckets(project.clock, enough, project.today, unit).last(interval, project.now_ms)


def top_events(project: ProjectEvents, *, type: str, limit: int = 100) -> dict[str, Any]:
    """`events/top`: the events of today. `percent_change` compares with as much of yesterday as there is of today."""
    clock, today = project.clock, project.today
    begin_ms = clock.start_ms(today)
    elapsed = (project.now_ms - begin_ms) / (clock.start_ms(today + DAY) - begin_ms)
    amounts = {name: measured(found, type) for name, found in _by_name(project, today, type).items()}
    yesterday = _by_name(project, today - DAY, type)

    def change(name: str) -> float:
        before = measured(yesterday.get(name, []), type) * elapsed
        return amounts[name] / before - 1 if before else 1.0

    names = sorted(amounts, key=lambda name: (-amounts[name], name))[:limit]
    rows = [{"amount": amounts[name], "event": name, "percent_change": change(name)} for name in names]
    return {"events": rows, "type": type}


def names(project: ProjectEvents, *, type: str, limit: int = 255) -> list[str]:
    """The commonest events."""
    found = grouped(_recent(project, project.named("")), lambda each: [each.name])
    return _ranked(found, type)[:limit]


def top_properties(project: ProjectEvents, *, event: str = "", limit: int = 10) -> dict[str, Any]:
    """How many events have each property, of those that clients sent."""
    found = grouped(_recent(project, project.named(event)), lambda each: each.properties)
    return {name: {"count": len(found[name])} for name in _ranked(found, "general")[:limit]}


def property_values(project: ProjectEvents, *, name: str, event: str = "", limit: int = 255) -> list[str]:
    """The commonest values of a property."""
    recent = _recent(project, project.named(event))
    return _ranked(grouped(recent, lambda each: project.keys_there(each, property_of(name))), "general")[:limit]


def _ranked(groups: Mapping[str, Sequence[Event]], type: str) -> list[str]:
    return sorted(groups, key=lambda key: (-measured(groups[key], type), key))


def _recent(project: ProjectEvents, events: Sequence[Event]) -> list[Event]:
    """Those of the last RECENT_DAYS; if there are none, as many days up to the newest one before."""
    found = _until(project, events, project.today)
    if found or not events:
        return found
    return _until(project, events, project.clock.day(max(each.time_ms for each in events)))


def _until(project: ProjectEvents, events: Iterable[Event], last: date) -> list[Event]:
    days = (last - (RECENT_DAYS - 1) * DAY, last)
    return [each for each in events if days[0] <= project.clock.day(each.time_ms) <= days[1]]


def _by_name(project: ProjectEvents, day: date, type: str) -> dict[str, list[Event]]:
    """The events of a day that count."""
    return grouped(counted(project.named(""), Buckets(project.clock, day, day), type), lambda each: [each.name])
