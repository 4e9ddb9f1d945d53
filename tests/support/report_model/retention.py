"""`retention`: who comes back after the first time, and when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate, chain
from typing import Any, NamedTuple

from tests.support.report_model.clock import DAY, Buckets, Clock
from tests.support.report_model.measures import grouped
from tests.support.report_model.project_events import NO_PERSON, OVERALL, Event, ProjectEvents

DAYS_OF = {"day": 1, "week": 7, "month": 30}
"""How many times 24 hours a unit has after a birth, where units count from the birth on."""


class Birth(NamedTuple):
    """The event by which a user begins, and whether it is one by which users come back, too."""

    event: Event
    is_return: bool


Births = dict[str, list[Birth]]
"""By row."""


@dataclass(frozen=True)
class Windows:
    """The buckets after a birth: `ends` are the units after which they end. `rolling`: units count from the birth on,
    else they are those of the calendar. `unbounded`: who comes back in a bucket counts in those before it, too."""

    clock: Clock
    unit: str
    ends: Sequence[int]
    rolling: bool
    unbounded: bool

    def bucket(self, birth: Event, event: Event) -> int | None:
        """The bucket of an event after a birth."""
        units = self._units(birth, event)
        return next((place for place, end in enumerate(self.ends) if units < end), None)

    def _units(self, birth: Event, event: Event) -> int:
        if self.rolling:
            return (event.time_ms - birth.time_ms) // self._length_ms
        begin, day = (self.clock.first_day(self.unit, self.clock.day(each.time_ms)) for each in (birth, event))
        units = 0
        while self.clock.after(self.unit, begin, units + 1) <= day:
            units += 1
        return units

    @property
    def _length_ms(self) -> int:
        return DAYS_OF[self.unit] * int(DAY.total_seconds()) * 1000

    def begun(self, row: str, now_ms: int) -> int:
        """How many buckets have begun for somebody who was born in the first instant of a row."""
        begin = date.fromisoformat(row)
        begins = (0, *self.ends[:-1])
        if self.rolling:
            return sum(self.clock.start_ms(begin) + units * self._length_ms <= now_ms for units in begins)
        return sum(self.clock.start_ms(self.clock.after(self.unit, begin, units)) <= now_ms for units in begins)


def retention(
    project: ProjectEvents,
    *,
    from_date: date,
    to_date: date,
    retention_type: str = "birth",
    born_event: str = "",
    event: str = "",
    born_where: str | None = None,
    where: str | None = None,
    unit: str = "day",
    interval: int = 1,
    interval_count: int = 1,
    brackets: Sequence[int] | None = None,
    unbounded_retention: bool = False,
    retention_window: str = "rolling",
    on: str | None = None,
    limit: int = 255,
) -> dict[str, Any]:
    """`birth`: a user is in the row of the first `born_event` in the range. `compounded`: in each row with an `event`,
    and counts from the first one there. A bucket counts the users of a row who did `event` that long after, by another
    event. With `on` the buckets of a value count returning events with this value."""
    ends = brackets or [interval * number for number in range(1, interval_count + 2)]
    windows = Windows(project.clock, unit, ends, retention_window == "rolling", unbounded_retention)
    rows = Buckets(project.clock, from_date, to_date, unit, interval if interval > 1 else None)
    returning = project.matching(event, where)
    compounded = retention_type == "compounded"
    born = returning if compounded else project.matching(born_event, born_where)
    births = _births(born, returning, rows, once=not compounded)

    def answer(returns: Iterable[Event]) -> dict[str, Any]:
        own = grouped(returns, lambda each: [each.person])
        return {key: _row(windows, births.get(key, []), own, windows.begun(key, project.now_ms)) for key in rows.keys}

    if on is None:
        return answer(returning)
    by_value = grouped(returning, lambda each: project.keys(each, on))
    totals = {value: _returns(windows, births, found) for value, found in by_value.items()}
    ranked = sorted((value for value in totals if totals[value]), key=lambda value: (-totals[value], value))
    return {OVERALL: answer(returning)} | {value: answer(by_value[value]) for value in ranked[:limit]}


def _births(born: Iterable[Event], returning: Sequence[Event], rows: Buckets, *, once: bool) -> Births:
    """The first event of each user: of each row, or of the whole range where `once`. Of two at one time it is the one
    that is no return."""
    first_of: dict[Any, Birth] = {}
    returns = set(returning)
    for event in sorted(born, key=lambda each: (each.time_ms, each in returns)):
        row = rows.key(event.time_ms)
        if row is not None and event.person != NO_PERSON:
            first_of.setdefault(event.person if once else (event.person, row), Birth(event, event in returns))
    births: Births = {}
    for birth in first_of.values():
        births.setdefault(rows.key(birth.event.time_ms) or "", []).append(birth)
    return births


def _reached(windows: Windows, birth: Birth, own: Iterable[Event]) -> set[int]:
    """The buckets in which a user came back. A birth that is a return is none of itself, so at its time there must be
    two."""
    after = sorted((event for event in own if event.time_ms >= birth.event.time_ms), key=lambda event: event.time_ms)
    if birth.is_return and after and after[0].time_ms == birth.event.time_ms:
        del after[0]
    found = {place for event in after if (place := windows.bucket(birth.event, event)) is not None}
    return {max(found)} if found and windows.unbounded else found


def _row(windows: Windows, births: Sequence[Birth], own: dict[str, list[Event]], begun: int) -> dict[str, Any]:
    counts = [0] * len(windows.ends)
    for birth in births:
        for place in _reached(windows, birth, own.get(birth.event.person, [])):
            counts[place] += 1
    if windows.unbounded:
        counts = list(accumulate(reversed(counts)))[::-1]
    return {"counts": counts[:begun], "first": len(births)}


def _returns(windows: Windows, births: Births, returns: Iterable[Event]) -> int:
    """In how many buckets users came back; once for each birth where buckets are unbounded."""
    own = grouped(returns, lambda each: [each.person])
    every = chain.from_iterable(births.values())
    return sum(len(_reached(windows, birth, own.get(birth.event.person, []))) for birth in every)
