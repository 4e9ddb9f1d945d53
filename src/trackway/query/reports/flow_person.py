"""The flows of one person, and what is shown of each (docs/reports.md)."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from trackway.query.reports.flow import Count, FlowQuestion, Shown
from trackway.query.reports.funnel_person import Events, Path, Person
from trackway.query.reports.sessions import TIMEOUT_MS

_YEAR_MS = 367 * 86_400_000


@dataclass(slots=True)
class PersonEvents:
    """A person's events in the order of time. `bits`: the anchors that each is. `meets`: whether it meets the condition
    of the question, which is so for all but in sessions."""

    times: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    bits: list[int] = field(default_factory=list)
    meets: list[bool] = field(default_factory=list)

    def add(self, time_ms: int, name: str, bits: int, *, meets: bool) -> None:
        """Add the next event."""
        self.times.append(time_ms)
        self.names.append(name)
        self.bits.append(bits)
        self.meets.append(meets)

    def part(self, first: int, end: int) -> "PersonEvents":
        """Those events of some places that meet the condition."""
        kept = [place for place in range(first, end) if self.meets[place]]
        found = PersonEvents()
        for place in kept:
            found.add(self.times[place], self.names[place], self.bits[place], meets=True)
        return found


class Flow(NamedTuple):
    """`shown`, and how many anchors it reaches."""

    shown: Shown
    anchors: int


class FlowReader:
    """Follows persons through one question."""

    def __init__(self, asked: FlowQuestion) -> None:
        self._asked = asked
        self._bounds, self._midnights = list(asked.days.bounds_ms), asked.days.starts_ms()
        anchors = [anchor.selector for anchor in asked.anchors]
        repeated = [any(each.overlaps(one) for one in anchors[:number]) for number, each in enumerate(anchors)]
        steps = [1 << number for number in range(len(anchors))]
        window_ms = _YEAR_MS if asked.window_ms is None else asked.window_ms
        self._path = Path(steps, [0] * len(steps), repeated, window_ms, False, False)

    def flows(self, events: PersonEvents) -> Iterator[Flow]:
        """The flows of a person that count, but for those with an event that is excluded."""
        for own, reached, first, end in self._followed(events):
            shown, is_excluded = self._shown(own, reached, first, end)
            if not is_excluded:
                yield Flow(shown, len(reached))

    def _followed(self, events: PersonEvents) -> Iterator[tuple[PersonEvents, Sequence[int], int, int]]:
        """Of each flow that counts: events, the places of its anchors, and the places from which to which it goes."""
        counted = self._asked.counted
        sessions = [events] if self._asked.window_ms is not None else self._sessions(events)
        for own in sessions:
            for number, reached in enumerate(self._tries(own)):
                if number and counted is not Count.TOTAL:
                    break
                begin_ms = own.times[reached[0]]
                first = bisect_left(own.times, begin_ms - self._path.window_ms)
                yield own, reached, first, bisect_right(own.times, begin_ms + self._path.window_ms)
                if counted is Count.UNIQUE:
                    return

    def _tries(self, events: PersonEvents) -> Iterator[Sequence[int]]:
        for _, tries in Person(self._path, Events(events.times, events.bits)).tries(self._bounds):
            yield from (each.reached for each in tries)

    def _sessions(self, events: PersonEvents) -> Iterator[PersonEvents]:
        """A pause or the project's midnight ends a session."""
        times, first = events.times, 0
        for place in range(1, len(times)):
            rest_ms = times[place] - times[place - 1]
            if rest_ms >= TIMEOUT_MS or self._day(times[place]) != self._day(times[place - 1]):
                yield events.part(first, place)
                first = place
        yield events.part(first, len(times))

    def _day(self, time_ms: int) -> int:
        return bisect_right(self._midnights, time_ms)

    def _shown(self, own: PersonEvents, reached: Sequence[int], first: int, end: int) -> tuple[Shown, bool]:
        """What is shown of a flow, and whether an excluded event is in it."""
        anchors, names = self._asked.anchors, own.names
        found, excluded, column = list[tuple[int, str]](), False, anchors[0].reverse
        before = self._last(names, range(min(reached) - 1, first - 1, -1), anchors[0].reverse, names[reached[0]])
        beside = [(column - len(before) + number, name) for number, name in enumerate(before)]
        for number, place in enumerate(reached):
            anchor = anchors[number]
            excluded = excluded or any(name in self._asked.excluded for _, name in beside)
            found += [*beside, (column, anchor.label)]
            if number + 1 < len(reached):
                following = column + anchor.forward + anchors[number + 1].reverse + 1
                beside = self._between(names, place, reached[number + 1], column + 1, number)
                column = following
        after = self._first(names, range(max(reached) + 1, end), anchors[len(reached) - 1].forward, names[reached[-1]])
        found += [(column + number, name) for number, name in enumerate(after, 1)]
        return tuple(found), excluded or any(name in self._asked.excluded for name in after)

    def _between(
        self, names: Sequence[str], place: int, next_place: int, column: int, number: int
    ) -> list[tuple[int, str]]:
        """The events between two anchors, from a column on: the first after the one, and the last before the other."""
        forward, reverse = self._asked.anchors[number].forward, self._asked.anchors[number + 1].reverse
        count = max(next_place - place - 1, 0)
        every = self._first(names, range(place + 1, next_place), count, names[place])
        while self._asked.collapses and every and every[-1] == names[next_place]:
            every.pop()
        shown = [(column + at, name) for at, name in enumerate(every[:forward])]
        last = every[forward:][-reverse:] if reverse else []
        begin = column + forward + reverse - len(last)
        return shown + [(begin + at, name) for at, name in enumerate(last)]

    def _first(self, names: Sequence[str], places: range, count: int, beside: str) -> list[str]:
        """The first events of some places that are shown, going away from an event of a name."""
        found, previous = list[str](), beside
        for place in places:
            if len(found) == count:
                break
            name = names[place]
            if name in self._asked.hidden or (self._asked.collapses and name == previous):
                continue
            found.append(name)
            previous = name
        return found

    def _last(self, names: Sequence[str], places: range, count: int, beside: str) -> list[str]:
        """The same, going back, in the order of time."""
        return self._first(names, places, count, beside)[::-1]
