"""How one person goes through a funnel: tries, each with the events that were its steps (docs/reports.md).

A look-up of the next event of a step is a binary search, so a person's tries take time that grows with their number and
the logarithm of the number of events.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from trackway.query.reports.funnel import GRACE_MS

_NOTHING: Final = (list[int](), list[int]())
_NO_PLACE: Final = 1 << 62


class Path(NamedTuple):
    """What a person's events are searched for. A set of choices is a number of bits. `steps`: the choices of each step.
    `between`: for each step but the first, the choices of exclusions before it, 0 for none. `repeated`: for each step,
    whether an event of it may also be an earlier step. `any_order`: all after the first in any order."""

    steps: Sequence[int]
    between: Sequence[int]
    repeated: Sequence[bool]
    window_ms: int
    any_order: bool
    optimized: bool


class Events(NamedTuple):
    """A person's events in the order of time: their times in milliseconds and their bits. `held`: what must be equal in
    all steps, if anything."""

    times: Sequence[int]
    bits: Sequence[int]
    held: Sequence[object] | None = None


class Try(NamedTuple):
    """`reached`: the places of the events that were the steps, in the order of steps, or of time where that may be any.
    `end_ms` and `end`: the next try begins after this time and this place."""

    reached: list[int]
    end_ms: int
    end: int


class Person:
    """The tries of one person."""

    def __init__(self, path: Path, events: Events) -> None:
        self._path, self._events = path, events
        self._found: dict[int, dict[object, tuple[list[int], list[int]]]] = {}

    def tries(self, bounds: Sequence[int]) -> Iterator[tuple[int, list[Try]]]:
        """The numbers of the buckets in which tries begin, and these; bucket i is from bound i to the next."""
        times, places = self._places_of(self._path.steps[0], None)
        first, after = bisect_left(times, bounds[0]), bisect_left(times, bounds[-1])
        while first < after:
            bucket = bisect_right(bounds, times[first]) - 1
            end = bisect_left(times, bounds[bucket + 1], first, after)
            starts = places[first:end]
            yield bucket, self._optimized(starts) if self._path.optimized else self._one_by_one(starts)
            first = end

    def _one_by_one(self, starts: Sequence[int]) -> list[Try]:
        found, number, last = list[Try](), 0, len(starts) - 1
        while True:
            found.append(self._attempt(starts[number]))
            if number == last:
                return found
            _, end_ms, end = found[-1]
            after_place = bisect_right(starts, end, number + 1)
            number = max(after_place, bisect_right(starts, end_ms, number + 1, key=self._events.times.__getitem__))
            if number > last:
                return found

    def _optimized(self, starts: Sequence[int]) -> list[Try]:
        """Each first step begins a try; one with the same held value before the second step leaves one step."""
        found = [self._attempt(start) for start in starts]
        later: dict[object, int] = {}
        for number in range(len(found) - 1, -1, -1):
            held = self._held(starts[number])
            reached = found[number].reached
            if len(reached) > 1 and later.get(held, _NO_PLACE) < reached[1]:
                found[number] = found[number]._replace(reached=reached[:1])
            later[held] = starts[number]
        return found

    def _attempt(self, start: int) -> Try:
        path, times = self._path, self._events.times
        held, reached = self._held(start), [start]
        begin_ms = previous_ms = times[start]
        end_ms = begin_ms + path.window_ms
        for number in range(1, len(path.steps)):
            step = self._first(path.steps[number], held, previous_ms, end_ms, reached if path.repeated[number] else ())
            if path.between[number]:
                until_ms = (end_ms if step is None else times[step]) + GRACE_MS - 1
                used = (*reached, step)
                excluded = self._first(path.between[number], None, previous_ms, until_ms, used)
                if excluded is not None:
                    return Try(reached, -1, excluded)
            if step is not None:
                reached.append(step)
                previous_ms = previous_ms if path.any_order else times[step]
            elif not path.any_order:
                return Try(reached, end_ms, -1)
        if len(reached) < len(path.steps):
            return Try(sorted(reached), end_ms, -1)
        return Try(sorted(reached) if path.any_order else reached, -1, max(reached))

    def _first(
        self, choices: int, held: object, since_ms: int, until_ms: int, used: Sequence[int | None]
    ) -> int | None:
        """The place of the first event of the choices after a time, by less than the grace before it, and until
        another, that was not used."""
        times, places = self._places_of(choices, held)
        number = bisect_right(times, since_ms - GRACE_MS)
        while number < len(times) and times[number] <= until_ms:
            if places[number] not in used:
                return places[number]
            number += 1
        return None

    def _held(self, place: int) -> object:
        return None if self._events.held is None else self._events.held[place]

    def _places_of(self, choices: int, held: object) -> tuple[list[int], list[int]]:
        """The times and the places of the events of the choices, with these held values if they are not None."""
        found = self._found.get(choices)
        if found is None:
            times, bits, values = self._events
            places = [place for place, each in enumerate(bits) if each & choices]
            found = self._found[choices] = {None: ([times[place] for place in places], places)}
            if values is not None:
                for place in places:
                    own = found.setdefault(values[place], ([], []))
                    own[0].append(times[place])
                    own[1].append(place)
        return found.get(held, _NOTHING)
