"""The numbers of a funnel, added up over persons."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from trackway.domain.errors import RequestError
from trackway.query.limits import FUNNEL_NUMBERS_MAX
from trackway.query.reports.funnel import FunnelNumbers, FunnelQuestion
from trackway.query.reports.funnel_numbers import BucketNumbers
from trackway.query.reports.funnel_tries import PersonTries, Tries

_FEWER: Final = "choose an expression of fewer values, fewer days or a longer unit"


class FunnelTotals:
    """Takes the rows of `funnel_events`, in any order and in parts.

    Memory grows with buckets, values and steps, and for the medians with the different seconds of times.
    """

    def __init__(self, asked: FunnelQuestion) -> None:
        self._persons, self._steps = PersonTries(asked), len(asked.funnel.steps)
        self._keys, self._limit = asked.buckets.keys(), asked.limit
        self._all: dict[int, BucketNumbers] = {}
        self._by_value: dict[str, dict[int, BucketNumbers]] = defaultdict(dict)
        self._room = FUNNEL_NUMBERS_MAX

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add persons."""
        for (row,) in rows:
            for each in self._persons.of(row):
                self._count(self._all if each.value is None else self._by_value[each.value], each)

    def all(self) -> FunnelNumbers:
        """The numbers of everybody."""
        return self._shown(self._all)

    def by_value(self) -> dict[str, FunnelNumbers]:
        """The numbers of the values with most entries, and by name where these are equal."""
        entries = {value: sum(each.counts[0] for each in own.values()) for value, own in self._by_value.items()}
        best = sorted(entries, key=lambda value: (-entries[value], value))[: self._limit]
        return {value: self._shown(self._by_value[value]) for value in best}

    def _shown(self, found: Mapping[int, BucketNumbers]) -> FunnelNumbers:
        return {self._keys[bucket]: numbers.steps() for bucket, numbers in found.items()}

    def _count(self, found: dict[int, BucketNumbers], tries: Tries) -> None:
        numbers = found.get(tries.bucket)
        if numbers is None:
            self._room -= 0 if found is self._all else self._steps
            if self._room < 0:
                raise RequestError(400, f"on: more than {FUNNEL_NUMBERS_MAX} steps of values and buckets: {_FEWER}")
            numbers = found[tries.bucket] = BucketNumbers(self._steps)
        for each in tries.every:
            numbers.add_try([tries.times[place] for place in each.reached])
        for each in tries.counted:
            numbers.arrived[len(each.reached)] += 1
