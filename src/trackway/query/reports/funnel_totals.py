"""The numbers of a funnel, added up over persons."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final

from trackway.domain.errors import RequestError
from trackway.query.limits import FUNNEL_NUMBERS_MAX
from trackway.query.reports.funnel import Count, FunnelNumbers, FunnelQuestion, Order, Reentry
from trackway.query.reports.funnel_events import BITS, Choice, choices_of
from trackway.query.reports.funnel_numbers import BucketNumbers
from trackway.query.reports.funnel_person import Events, Path, Person, Try
from trackway.query.sql.breakdown import UNDEFINED_KEY

_UNDEFINED: Final = [UNDEFINED_KEY]
_BITS_MASK: Final = (1 << BITS) - 1
_FEWER: Final = "choose an expression of fewer values, fewer days or a longer unit"


class FunnelTotals:
    """Takes the rows of `funnel_events`, in any order and in parts.

    Memory grows with buckets, values and steps, and for the medians with the different seconds of times.
    """

    def __init__(self, asked: FunnelQuestion) -> None:
        self._asked, self._path = asked, path_of(asked)
        self._bounds, self._keys = asked.buckets.day_bounds_ms(), asked.buckets.keys()
        self._words = -(-len(choices_of(asked)) // BITS)
        self._all: dict[int, BucketNumbers] = {}
        self._by_value: dict[str, dict[int, BucketNumbers]] = defaultdict(dict)
        self._room = FUNNEL_NUMBERS_MAX

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add persons."""
        for (row,) in rows:
            events, keys = self._read(row)
            for bucket, tries in Person(self._path, events).tries(self._bounds):
                self._count(self._all, bucket, tries, events)
                for value, own in _values_of(tries, keys).items() if keys is not None else ():
                    self._count(self._by_value[value], bucket, own, events)

    def all(self) -> FunnelNumbers:
        """The numbers of everybody."""
        return self._shown(self._all)

    def by_value(self) -> dict[str, FunnelNumbers]:
        """The numbers of the values with most entries, and by name where these are equal."""
        entries = {value: sum(each.counts[0] for each in own.values()) for value, own in self._by_value.items()}
        best = sorted(entries, key=lambda value: (-entries[value], value))[: self._asked.limit]
        return {value: self._shown(self._by_value[value]) for value in best}

    def _shown(self, found: Mapping[int, BucketNumbers]) -> FunnelNumbers:
        return {self._keys[bucket]: numbers.steps() for bucket, numbers in found.items()}

    def _read(self, row: Sequence[Any]) -> tuple[Events, Sequence[list[str]] | None]:
        """A person's events, and their keys where there is a breakdown."""
        asked = self._asked
        if self._words == 1 and not asked.funnel.held and asked.on is None:
            return Events([each >> BITS for each in row], [each & _BITS_MASK for each in row]), None
        codes, *further = zip(*row, strict=True)
        bits = [each & _BITS_MASK for each in codes]
        for word in range(1, self._words):
            bits = [low | high << BITS * word for low, high in zip(bits, further[word - 1], strict=True)]
        keys = further[-1] if asked.on is not None else None
        held = [str(each) for each in further[self._words - 1]] if asked.funnel.held else None
        return Events([each >> BITS for each in codes], bits, held), keys

    def _count(self, found: dict[int, BucketNumbers], bucket: int, tries: Sequence[Try], events: Events) -> None:
        numbers = found.get(bucket)
        if numbers is None:
            self._room -= 0 if found is self._all else len(self._path.steps)
            if self._room < 0:
                raise RequestError(400, f"on: more than {FUNNEL_NUMBERS_MAX} steps of values and buckets: {_FEWER}")
            numbers = found[bucket] = BucketNumbers(len(self._path.steps))
        for each in tries:
            numbers.add_try([events.times[place] for place in each.reached])
        if self._asked.funnel.counted is Count.UNIQUE:
            tries = [self._of_person(tries)]
        for each in tries:
            numbers.arrived[len(each.reached)] += 1

    def _of_person(self, tries: Sequence[Try]) -> Try:
        """The try that counts for a person: the first, or where each first step begins one, the first that converts,
        or else the one that comes farthest."""
        if not self._path.optimized:
            return tries[0]
        whole = [each for each in tries if len(each.reached) == len(self._path.steps)]
        if whole:
            return min(reversed(whole), key=lambda each: each.reached[-1])
        return max(tries, key=lambda each: len(each.reached))


def path_of(asked: FunnelQuestion) -> Path:
    """A funnel in bits."""
    funnel = asked.funnel
    bits = {choice: 1 << number for number, choice in enumerate(choices_of(asked))}
    between = [
        [bits[Choice(each.selector, False)] for each in funnel.exclusions if each.begin <= step < each.end]
        for step in range(len(funnel.steps))
    ]
    repeated = [
        any(step.selector.overlaps(earlier.selector) for earlier in funnel.steps[:number])
        for number, step in enumerate(funnel.steps)
    ]
    return Path(
        [bits[Choice(step.selector, True)] for step in funnel.steps],
        [reduce(or_, each, 0) for each in between],
        repeated,
        funnel.window_ms,
        funnel.order is Order.ANY,
        funnel.reentry is Reentry.OPTIMIZED,
    )


def _values_of(tries: Sequence[Try], keys: Sequence[list[str]]) -> dict[str, list[Try]]:
    """Tries by their values: those of the first step that has one. A list counts under each element."""
    found: dict[str, list[Try]] = {}
    for each in tries:
        of_steps = (keys[place] for place in each.reached)
        for value in next((values for values in of_steps if values != _UNDEFINED), _UNDEFINED):
            found.setdefault(value, []).append(each)
    return found
