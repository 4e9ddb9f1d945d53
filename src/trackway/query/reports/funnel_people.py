"""The persons of a funnel who came so far, or no farther: by the rules that count them (docs/reports.md)."""

import asyncio
from collections.abc import Iterable, Sequence
from heapq import heappush, heappushpop
from typing import Any, NamedTuple

from trackway.query.reports.funnel import FunnelQuestion
from trackway.query.reports.funnel_events import funnel_events
from trackway.query.reports.funnel_tries import PersonTries
from trackway.query.reports.run import Run


class Chosen(NamedTuple):
    """Which persons of a funnel: those who reach a step, which counts from 1; with `gave_up` only those who reach no
    later one. `value`: of the breakdown, None for everybody."""

    step: int
    gave_up: bool
    value: str | None = None

    def has(self, reached: int) -> bool:
        """Whether so many reached steps are chosen."""
        return reached == self.step if self.gave_up else reached >= self.step


class FunnelPerson(NamedTuple):
    """A person by its number in reports, with the times of the try by which it was chosen: those of its first and of
    its last step, in milliseconds since the epoch, and how many steps it reached."""

    who: int
    began_ms: int
    last_ms: int
    reached: int


class FunnelPeople(NamedTuple):
    """How many persons were chosen, and those who began last, the latest first."""

    number: int
    latest: list[FunnelPerson]


async def funnel_people(run: Run, asked: FunnelQuestion, chosen: Chosen, shown_max: int) -> FunnelPeople:
    """The chosen persons, `shown_max` of them at most. Where persons are counted, `number` is the report's.

    Where tries are counted, a person is chosen if one of its tries is. Raises StoreError, and ExpressionError for
    expressions whose SQL is too large.
    """
    people = PeopleChoice(asked, chosen, shown_max)
    async with run.blocks(funnel_events(asked, await run.known(), with_who=True)) as blocks:
        async for rows in blocks:
            await asyncio.to_thread(people.add, rows)
    return people.all()


class PeopleChoice:
    """Takes rows of persons and their events. Memory grows with the persons that are shown."""

    def __init__(self, asked: FunnelQuestion, chosen: Chosen, shown_max: int) -> None:
        self._persons, self._chosen, self._shown_max = PersonTries(asked), chosen, shown_max
        self._number = 0
        self._latest: list[tuple[int, int, FunnelPerson]] = []
        """A heap, by the time of the first step and then by number."""

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add persons."""
        for row, who in rows:
            times = self._chosen_times(row)
            if times:
                self._number += 1
                self._keep(FunnelPerson(who, times[0], max(times), len(times)))

    def all(self) -> FunnelPeople:
        """Those who were chosen."""
        return FunnelPeople(self._number, [person for *_, person in sorted(self._latest, reverse=True)])

    def _keep(self, person: FunnelPerson) -> None:
        entry = (person.began_ms, person.who, person)
        if len(self._latest) < self._shown_max:
            heappush(self._latest, entry)
        else:
            heappushpop(self._latest, entry)

    def _chosen_times(self, row: Sequence[Any]) -> list[int]:
        """The times of the steps of a person's first try that is chosen; none where none is."""
        for tries in self._persons.of(row):
            for each in tries.counted if tries.value == self._chosen.value else ():
                if self._chosen.has(len(each.reached)):
                    return [tries.times[place] for place in each.reached]
        return []
