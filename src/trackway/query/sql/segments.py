"""Which facts of a project count, for one question."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any, Final, NamedTuple

COUNTS: Final = "facts_counts"
"""Numbers of facts by name, hour and the value of one slot (`store/migrations/0018_facts_counts.sql`)."""
NO_SLOT: Final = 255
"""In place of a slot: numbers by name and hour alone."""
SUMS: Final = "facts_sums"
"""Sums of the numbers of one slot by name and hour (`store/migrations/0019_facts_sums.sql`)."""
HOURS: Final = "facts_hours"
"""Hours of facts by name and the value of one slot (`store/migrations/0024_facts_hours.sql`)."""
HOURS_PERIOD_DAYS: Final = 196
"""Days of a period of HOURS."""
PERSONS: Final = "facts_persons"
"""Times of facts by person (`store/migrations/0022_facts_persons.sql`). A segment that has them has NO_SLOT."""
PERIOD_DAYS: Final = 49
"""Days of a period of PERSONS. So many milliseconds are less than 2**32."""
OF_SEGMENTS: Final = (COUNTS, SUMS, PERSONS)
"""The tables with rows that are derived from the facts of each segment."""
TABLES: Final = ("facts", COUNTS, SUMS, HOURS, PERSONS)
"""All tables of segments. They have the same partitions."""


class Derived(NamedTuple):
    """What a table holds of a segment, or of a rollup under its number: so many rows, which serve questions about these
    slots."""

    segment: int
    table: str
    rows: int
    slots: Sequence[int]


class ByPerson(NamedTuple):
    """Times that are kept by person: `numbers` are those under which they stand, `segments` those whose facts they are
    of. `rows` and `times`: how many of both they have."""

    numbers: list[int]
    segments: list[int]
    rows: int
    times: int


class Facts(NamedTuple):
    """The facts of a project that count: those of these segments. They hold the events before a position.

    `slots`: the properties that have a column, by their numbers. `links`: newer links, from this position on, change
    persons; None if there are none. `late_days`: days on which facts may have a newer copy among the late events of the
    tail. `late_known`: late events of other days, as hashes of their position and day. `derived`: what else there is of
    the segments. `rows`: how many facts each segment has. `rollups`: under these numbers tables have rows of several
    segments together. `has_tail`: whether there are events from the position on. `newer`: numbers that are others when
    events, links or refused links come that the facts do not have, the number of these events first. `since_ms`: the
    first instant of which events are kept, 0 where all are.
    """

    position: int
    segments: Sequence[int]
    slots: Sequence[str]
    links: int | None
    late_days: Sequence[str]
    derived: Sequence[Derived] = ()
    has_tail: bool = True
    newer: Sequence[int] = ()
    since_ms: int = 0
    late_known: Sequence[int] = ()
    rollups: Mapping[int, Sequence[int]] = MappingProxyType({})
    rows: Sequence[int] = ()

    @property
    def numbers(self) -> list[int]:
        """The numbers of all partitions that the facts have in TABLES."""
        return [*self.segments, *self.rollups]

    @property
    def tail_events(self) -> int:
        """How many events are stored from the position on, copies included."""
        return self.newer[0] if self.newer else 0

    @property
    def late_numbers(self) -> list[int]:
        """`late_days` as days since 1970."""
        return [(date.fromisoformat(day) - date(1970, 1, 1)).days for day in self.late_days]

    def has(self, properties: Iterable[str]) -> bool:
        """Whether each of these properties has a column."""
        return set(properties) <= set(self.slots)

    def slot_of(self, property: str) -> int:
        """The number of a property's column."""
        return list(self.slots).index(property)

    def derived_in(self, table: str, slot: int) -> list[int]:
        """The segments of which a table of DERIVED has rows for a slot."""
        found = (each.segment for each in self.derived if each.table == table and slot in each.slots)
        return [number for number in found if number not in self.rollups]

    @property
    def by_person(self) -> ByPerson:
        """The times by person that a report reads: each once, of several segments together where they are."""
        rollups = self.rolled_up(PERSONS, NO_SLOT)
        together = [segment for segments in rollups.values() for segment in segments]
        alone = [number for number in self.derived_in(PERSONS, NO_SLOT) if number not in together]
        numbers, segments = [*rollups, *alone], together + alone
        rows = sum(each.rows for each in self.derived if each.table == PERSONS and each.segment in numbers)
        facts = dict(zip(self.segments, self.rows, strict=True))
        return ByPerson(numbers, segments, rows, sum(facts[segment] for segment in segments))

    def rolled_up(self, table: str, slot: int) -> Mapping[int, Sequence[int]]:
        """The rollups with which a table has rows for a slot."""
        found = {each.segment for each in self.derived if each.table == table and slot in each.slots}
        return {number: segments for number, segments in self.rollups.items() if number in found}


def values_of(entry: Any) -> Iterable[Any]:
    """The values of a tuple with names from the store, which may come as an object."""
    return entry.values() if isinstance(entry, dict) else entry
