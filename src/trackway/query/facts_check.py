"""Whether the facts of a project are what its events are: a step at a time, for a command that asks for each."""

from typing import NamedTuple

from trackway.query.facts_state import facts_of, state_of
from trackway.query.limits import FACTS_CHECK_EVENTS, FACTS_CHECK_SHOWN_MAX, FACTS_CHECK_TRIES
from trackway.query.sql.facts_check import DAYS, Step, difference, steps_of
from trackway.store.reader import Reader


class Difference(NamedTuple):
    """A name and a day whose facts are not the events. Where both have as many, their contents differ."""

    event: str
    day: str
    facts: int
    events: int


class Compared(NamedTuple):
    """What one step found: the number of events, of names and days that differ, and the first of these."""

    events: int
    differing: int
    differences: list[Difference]


async def steps(reader: Reader, project_id: int) -> list[tuple[Step, int]] | None:
    """The steps of a check, with about how many events each has: none without events. None where the facts are not
    complete. Raises StoreError."""
    facts = await facts_of(reader, project_id)
    if facts is None:
        return [] if (await state_of(reader, project_id)).is_complete else None
    asked = {"facts_end": facts.position, "segments": list(facts.segments)}
    days = await reader.rows(project_id, DAYS, asked)
    return steps_of([(str(day), int(number)) for day, number in days], FACTS_CHECK_EVENTS)


async def compare(reader: Reader, project_id: int, step: Step) -> Compared | None:
    """Compare the facts of a step with its events; None where the facts are not complete. Raises StoreError.

    Facts, events and links may change between the reading of one and of another. So a difference counts only if it is
    found again with the facts that count then.
    """
    compared = None
    for _ in range(FACTS_CHECK_TRIES):
        facts = await facts_of(reader, project_id)
        if facts is None:
            return None
        [(_, events, differing, shown)] = await reader.rows(
            project_id, *difference(project_id, facts, step, FACTS_CHECK_SHOWN_MAX)
        )
        compared = Compared(events, differing, [Difference(*each) for each in shown])
        if not differing:
            break
    return compared
