"""Which facts of a project count, for one question."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Facts(NamedTuple):
    """The facts of a project that count: those of these segments. They hold the events before a position.

    `slots`: the properties that have a column, by their numbers. `links`: newer links, from this position on, change
    persons; None if there are none. `late_days`: days of late events of the tail.
    """

    position: int
    segments: Sequence[int]
    slots: Sequence[str]
    links: int | None
    late_days: Sequence[str]

    def has(self, properties: Iterable[str]) -> bool:
        """Whether each of these properties has a column."""
        return set(properties) <= set(self.slots)
