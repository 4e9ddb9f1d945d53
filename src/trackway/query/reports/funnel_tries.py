"""The tries of the persons of a funnel: of everybody, and of each value of its breakdown."""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final, NamedTuple

from trackway.query.reports.funnel import Count, FunnelQuestion, Order, Reentry
from trackway.query.reports.funnel_events import BITS, Choice, choices_of
from trackway.query.reports.funnel_person import Events, Path, Person, Try
from trackway.query.sql.breakdown import UNDEFINED_KEY

_UNDEFINED: Final = [UNDEFINED_KEY]
_BITS_MASK: Final = (1 << BITS) - 1


class Tries(NamedTuple):
    """The tries of a person that begin in a bucket, of a value of the breakdown, or all of them where that is None.

    `counted`: those that count, one where persons are counted. `times`: of the person's events, by place, in
    milliseconds since the epoch.
    """

    bucket: int
    value: str | None
    every: Sequence[Try]
    counted: Sequence[Try]
    times: Sequence[int]


class PersonTries:
    """Reads the tries from rows of `funnel_events`."""

    def __init__(self, asked: FunnelQuestion) -> None:
        self._asked, self._path = asked, path_of(asked)
        self._bounds = asked.buckets.starts_ms()
        self._words = -(-len(choices_of(asked)) // BITS)

    def of(self, row: Sequence[Any]) -> Iterator[Tries]:
        """The tries of the person whose events these are."""
        events, keys = self._read(row)
        for bucket, tries in Person(self._path, events).tries(self._bounds):
            yield Tries(bucket, None, tries, self._counted(tries), events.times)
            for value, own in _values_of(tries, keys).items() if keys is not None else ():
                yield Tries(bucket, value, own, self._counted(own), events.times)

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

    def _counted(self, tries: Sequence[Try]) -> Sequence[Try]:
        """For a person the first try counts, or where each first step begins one, the first that converts, or else the
        one that comes farthest."""
        if self._asked.funnel.counted is not Count.UNIQUE:
            return tries
        if not self._path.optimized:
            return tries[:1]
        whole = [each for each in tries if len(each.reached) == len(self._path.steps)]
        if whole:
            return [min(reversed(whole), key=lambda each: each.reached[-1])]
        return [max(tries, key=lambda each: len(each.reached))]


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
