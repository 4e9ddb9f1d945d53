"""Whether the facts of a project are what its events are, and what is derived from facts is what these are: a step at a
time, for a command that asks for each."""

from typing import NamedTuple

from trackway.query.facts_state import facts_of, state_of
from trackway.query.limits import FACTS_CHECK_EVENTS, FACTS_CHECK_SHOWN_MAX, FACTS_CHECK_TRIES
from trackway.query.sql.derived_check import derived_differences
from trackway.query.sql.facts_check import DAYS, Step, difference, steps_of
from trackway.query.sql.segments import NO_SLOT, Facts
from trackway.store.reader import Reader


class Difference(NamedTuple):
    """A name and a day whose facts are not the events. Where both have as many, their contents differ.

    In another `table` than `facts` the rows of a `property`, "" for none, are not what the facts are; `events` is of
    how many events they are then.
    """

    event: str
    day: str
    facts: int
    events: int
    table: str = "facts"
    property: str = ""


class Compared(NamedTuple):
    """What one step found: the number of events, how many names and days differ in a table, and the first of these."""

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
    """Compare the facts of a step with its events, and what is derived from the facts with these; None where the facts
    are not complete. Raises StoreError.

    Facts, events and links may change between the reading of one and of another. So a difference counts only if it is
    found again with the facts that count then.
    """
    compared = None
    for _ in range(FACTS_CHECK_TRIES):
        facts = await facts_of(reader, project_id)
        if facts is None:
            return None
        compared = await _compared(reader, project_id, facts, step)
        if not compared.differing:
            break
    return compared


async def _compared(reader: Reader, project_id: int, facts: Facts, step: Step) -> Compared:
    [(_, events, differing, shown)] = await reader.rows(
        project_id, *difference(project_id, facts, step, FACTS_CHECK_SHOWN_MAX)
    )
    differences = [Difference(*each) for each in shown]
    for table, sql, bound in derived_differences(facts, step, FACTS_CHECK_SHOWN_MAX):
        [(more, shown)] = await reader.rows(project_id, sql, bound)
        differing += more
        differences += [
            Difference(event, day, made, counted, table, "" if slot == NO_SLOT else facts.slots[slot])
            for event, day, slot, made, counted in shown
        ]
    return Compared(events, differing, differences[:FACTS_CHECK_SHOWN_MAX])
