"""The numbers of one bucket of a funnel, while they are added up."""

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from trackway.query.reports.funnel import StepNumbers
from trackway.query.reports.funnel_medians import Seconds

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray


class BucketNumbers:
    """By step, who arrived, and the times of all tries. Memory grows with the different seconds of times."""

    def __init__(self, steps: int) -> None:
        self.arrived = [0] * (steps + 1)
        """How many reached so many steps and no more."""
        self._tries = [0] * steps
        self._since_previous, self._since_first = [0] * steps, [0] * steps
        self._previous_s, self._first_s = ([Seconds() for _ in range(steps)] for _ in range(2))

    @property
    def counts(self) -> list[int]:
        """How many reached each step."""
        return [*accumulate(reversed(self.arrived[1:]))][::-1]

    def add_try(self, times: Sequence[int]) -> None:
        """Add the times of one try, those of the steps that it reached, in milliseconds."""
        begin = previous = times[0]
        self._tries[0] += 1
        for step, time in enumerate(times[1:], 1):
            since_previous = time - previous if time > previous else 0
            since_first = time - begin if time > begin else 0
            self._tries[step] += 1
            self._since_previous[step] += since_previous
            self._since_first[step] += since_first
            self._previous_s[step].add(since_previous)
            self._first_s[step].add(since_first)
            previous = time

    def add_tries(self, step: int, previous: "NDArray[int64]", first: "NDArray[int64]") -> None:
        """Add many tries that reached a step: their times since the step before and since the first, in milliseconds,
        below 0 where the grace let an event count as later."""
        self._tries[step] += len(first)
        if not step:
            return
        for sums, seconds, since in (
            (self._since_previous, self._previous_s, previous.clip(min=0)),
            (self._since_first, self._first_s, first.clip(min=0)),
        ):
            sums[step] += int(since.sum())
            seconds[step].add_many(since)

    def add_all(self, other: "BucketNumbers") -> None:
        """Add the numbers of another one of as many steps, which is not used any more."""
        self.arrived = _sums(self.arrived, other.arrived)
        self._tries = _sums(self._tries, other._tries)
        self._since_previous = _sums(self._since_previous, other._since_previous)
        self._since_first = _sums(self._since_first, other._since_first)
        for own, others in ((self._previous_s, other._previous_s), (self._first_s, other._first_s)):
            for seconds, more in zip(own, others, strict=True):
                seconds.add_all(more)

    def steps(self) -> list[StepNumbers]:
        medians = [[each.median() for each in timed] for timed in (self._previous_s, self._first_s)]
        sums = (self.counts, self._tries, self._since_previous, self._since_first)
        return [StepNumbers(*each) for each in zip(*sums, *medians, strict=True)]


def _sums(one: Sequence[int], other: Sequence[int]) -> list[int]:
    return [a + b for a, b in zip(one, other, strict=True)]
