"""`retention/addiction`: in how many different hours or days users are active."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from tests.support.report_model.clock import Buckets, Clock
from tests.support.report_model.measures import by_bucket, counted, first, grouped
from tests.support.report_model.project_events import OVERALL, Event, ProjectEvents

PARTS_OF = {
    ("day", "hour"): 24,
    ("week", "hour"): 168,
    ("month", "hour"): 744,
    ("day", "day"): 1,
    ("week", "day"): 7,
    ("month", "day"): 31,
}
"""How many parts of a unit a user can be active in at most; an hour that the clocks show twice is one."""


def addiction(
    project: ProjectEvents,
    *,
    from_date: date,
    to_date: date,
    unit: str,
    addiction_unit: str,
    event: str = "",
    where: str | None = None,
    on: str | None = None,
    limit: int = 255,
) -> dict[str, Any]:
    """The users with events in at least 1, 2, … different hours or days of each day, week or month."""
    rows = Buckets(project.clock, from_date, to_date, unit)
    events = counted(project.matching(event, where), rows, "unique")
    parts = PARTS_OF[unit, addiction_unit]

    def row(of_row: list[Event]) -> list[int]:
        active = _active(project.clock, addiction_unit, of_row)
        return [sum(number > place for number in active) for place in range(parts)]

    if on is None:
        return {"data": by_bucket(events, rows, row)}
    by_value = grouped(events, lambda each: project.keys(each, on))
    every = {value: by_bucket(own, rows, row) for value, own in by_value.items()}
    ranked = dict(sorted(every.items(), key=lambda item: (-sum(each[0] for each in item[1].values()), item[0])))
    return {"data": {OVERALL: by_bucket(events, rows, row)} | first(ranked, limit)}


def _active(clock: Clock, addiction_unit: str, events: Iterable[Event]) -> list[int]:
    """In how many parts each user was active."""
    own = grouped(events, lambda each: [each.person])
    return [len({_part(clock, addiction_unit, each) for each in found}) for found in own.values()]


def _part(clock: Clock, addiction_unit: str, event: Event) -> Any:
    local = clock.local(event.time_ms)
    return (local.date(), local.hour) if addiction_unit == "hour" else local.date()
