"""The numbers of a plain funnel, which follows many persons at once.

A plain funnel has steps of different events, in their order, and neither exclusions, held values nor a breakdown. The
events of many persons together lie in one order, by person and time. Then the next event of a step is known for each
place of that order from one pass over it, and each round makes one try of every person that may begin one. It counts
what `funnel_person` counts (tests/unit/query/reports/test_funnel_arrays.py), in a small part of the time.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from trackway.query.reports.funnel import Count, FunnelNumbers, FunnelQuestion
from trackway.query.reports.funnel_numbers import BucketNumbers
from trackway.query.reports.funnel_person import Events, Path, Person
from trackway.query.reports.funnel_places import Places, places_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trackway.store.reader import Columns

    Codes = NDArray[np.uint64]
    Ints = NDArray[np.int64]

_EVENTS_AT_ONCE: Final = 64 * 1024
"""About how many events are counted at once, or up to twice as many: arrays of so many stay in the caches. A step costs
some 20 µs, however few events it has."""
_TIMES_AT_ONCE: Final = 512 * 1024
"""Times of tries that are held before they are added to the numbers of their buckets: each bucket costs some 40 µs,
however few times it has."""
_ROUNDS_MAX: Final = 50
"""Tries of a person in a bucket. A person with more first steps is followed alone: a round for few persons is slow."""


class FunnelArrays:
    """Takes the rows of `plain_events`, block by block."""

    def __init__(self, asked: FunnelQuestion, path: Path) -> None:
        self._path, self._keys = path, asked.buckets.keys()
        self._bounds = np.array(asked.buckets.starts_ms(), dtype=np.int64)
        self._is_unique = asked.funnel.counted is Count.UNIQUE
        self._numbers: dict[int, BucketNumbers] = {}
        self._held: list[tuple[Codes, Codes]] = []
        self._held_number = 0
        self._held_times: list[list[_Times]] = [[] for _ in path.steps]
        self._held_times_number = 0

    def add(self, blocks: "list[Columns]") -> None:
        """Add the next blocks."""
        for _, who, _, events in blocks:
            self._held.append((who.astype(np.uint64, copy=False), events.astype(np.uint64, copy=False)))
            self._held_number += len(who)
            if self._held_number >= _EVENTS_AT_ONCE:
                self._count_held()

    def end(self) -> None:
        """Count what is held, after the last block."""
        self._count_held()
        self._add_held_times()

    def add_all(self, other: "FunnelArrays") -> None:
        """Add the numbers of another one, which has had its end and is not used any more."""
        for bucket, numbers in other._numbers.items():
            self._of(bucket).add_all(numbers)

    def all(self) -> FunnelNumbers:
        """The numbers of everybody, after the end."""
        return {self._keys[bucket]: numbers.steps() for bucket, numbers in self._numbers.items()}

    def _count_held(self) -> None:
        if not self._held:
            return
        who, events = (np.concatenate(each) for each in zip(*self._held, strict=True))
        self._held, self._held_number = [], 0
        for some, theirs in _by_person(who, events, max(len(who) // _EVENTS_AT_ONCE, 1)):
            self._count(places_of(some, theirs, self._path.steps))

    def _count(self, places: Places) -> None:
        starts = np.flatnonzero(places.is_first)
        times = places.times[starts]
        within = (times >= self._bounds[0]) & (times < self._bounds[-1])
        starts, times = starts[within], times[within]
        if not len(starts):
            return
        bucket = np.searchsorted(self._bounds, times, side="right") - 1
        group = places.person[starts] * len(self._bounds) + bucket
        begins = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1])))
        ends = np.append(begins[1:], len(starts))
        busy = np.unique(places.person[starts[begins[ends - begins > _ROUNDS_MAX]]])
        for number in busy:
            self._count_alone(places, int(number))
        at_once = ~np.isin(places.person[starts[begins]], busy) if len(busy) else slice(None)
        first = _First(starts, places.keys[starts], bucket)
        self._in_rounds(_Tries(places, self._path), first, begins[at_once], ends[at_once])

    def _in_rounds(self, tries: "_Tries", first: "_First", now: "Ints", ends: "Ints") -> None:
        """Tries of all persons, one after the other. `now`: of each person and bucket the number of its next first
        step; `ends`: the number behind its last one."""
        is_first = True
        starts, keys, bucket = first
        passed = _passed(starts, len(tries.places.times))
        while len(now):
            reached, last = tries.follow(starts[now], bucket[now])
            if is_first or not self._is_unique:
                self._add_arrived(bucket[now], reached)
            is_first = False
            goes_on = now + 1 < ends
            now, ends, reached, last = now[goes_on], ends[goes_on], reached[goes_on], last[goes_on]
            over = reached < len(self._path.steps)
            following = passed[last]
            following[over] = np.searchsorted(keys, keys[now[over]] + self._path.window_ms, side="right")
            now = np.maximum(following, now + 1)
            goes_on = now < ends
            now, ends = now[goes_on], ends[goes_on]
        for held, times in zip(self._held_times, tries.times, strict=True):
            held.extend(times)
            self._held_times_number += sum(len(each.bucket) for each in times)
        if self._held_times_number >= _TIMES_AT_ONCE:
            self._add_held_times()

    def _add_arrived(self, bucket: "Ints", reached: "Ints") -> None:
        """How many reached so many steps, in each bucket."""
        most = len(self._path.steps) + 1
        pairs, numbers = np.unique(bucket * most + reached, return_counts=True)
        for pair, number in zip(pairs.tolist(), numbers.tolist(), strict=True):
            self._of(pair // most).arrived[pair % most] += number

    def _add_held_times(self) -> None:
        for step, held in enumerate(self._held_times):
            if held:
                self._add_times(step, *(np.concatenate(parts) for parts in zip(*held, strict=True)))
            held.clear()
        self._held_times_number = 0

    def _add_times(self, step: int, bucket: "NDArray[np.uint16]", previous: "Ints", first: "Ints") -> None:
        if not len(bucket):
            return
        if bucket[0] == bucket[-1] and (bucket == bucket[0]).all():
            self._of(int(bucket[0])).add_tries(step, previous, first)
            return
        order = np.argsort(bucket, kind="stable")  # numpy has a radix sort for 16 bits
        numbers, begins = np.unique(bucket[order], return_index=True)
        each = (np.split(values[order], begins[1:]) for values in (previous, first))
        for number, own_previous, own_first in zip(numbers.tolist(), *each, strict=True):
            self._of(number).add_tries(step, own_previous, own_first)

    def _count_alone(self, places: Places, number: int) -> None:
        own = slice(*np.searchsorted(places.person, (number, number + 1)))
        times = places.times[own].tolist()
        person = Person(self._path, Events(times, places.bits[own].tolist()))
        for bucket, tries in person.tries(self._bounds.tolist()):
            for each in tries:
                self._of(bucket).add_try([times[place] for place in each.reached])
            for each in tries[:1] if self._is_unique else tries:
                self._of(bucket).arrived[len(each.reached)] += 1

    def _of(self, bucket: int) -> BucketNumbers:
        found = self._numbers.get(bucket)
        if found is None:
            found = self._numbers[bucket] = BucketNumbers(len(self._path.steps))
        return found


def all_of(parts: Sequence[FunnelArrays]) -> FunnelNumbers:
    """The numbers of everybody. Each part has counted some persons, and has had its end."""
    first, *others = parts
    for each in others:
        first.add_all(each)
    return first.all()


class _First(NamedTuple):
    """The first steps within the range: their places, keys and buckets."""

    starts: "Ints"
    keys: "Ints"
    bucket: "Ints"


class _Times(NamedTuple):
    """Of tries that reached a step the buckets, and the times since the step before and since the first step."""

    bucket: "NDArray[np.uint16]"
    previous: "Ints"
    first: "Ints"


class _Tries:
    """Follows many tries at once, and keeps what times they took."""

    def __init__(self, places: Places, path: Path) -> None:
        self.places, self._path = places, path
        self.times: list[list[_Times]] = [[] for _ in path.steps]
        """Of each step, in pieces."""

    def follow(self, start: "Ints", bucket: "Ints") -> "tuple[Ints, Ints]":
        """How many steps each try reaches, and the last place of its steps."""
        keys, times = self.places.keys, self.places.times
        nothing = np.zeros_like(start)
        numbers = bucket.astype(np.uint16)
        self.times[0].append(_Times(numbers, nothing, nothing))
        reached, last = np.ones_like(start), start.copy()
        going, begin, previous = np.arange(len(start)), keys[start], start
        for step in range(1, len(self._path.steps)):
            found = self.places.next(step, previous)
            in_time = keys[found] <= begin + self._path.window_ms
            going, begin, previous, found = going[in_time], begin[in_time], previous[in_time], found[in_time]
            since = times[found]
            self.times[step].append(_Times(numbers[going], since - times[previous], since - times[start[going]]))
            reached[going] += 1
            last[going] = np.maximum(last[going], found)
            previous = found.astype(np.int64)
        return reached, last


def _by_person(who: "Codes", events: "Codes", parts: int) -> "Iterator[tuple[Codes, Codes]]":
    """Events in so many parts of about one size, each with all events of some persons."""
    if parts == 1:
        yield who, events
        return
    part_of = ((who >> np.uint64(32)) % np.uint64(parts)).astype(np.uint16)
    order = np.argsort(part_of, kind="stable")  # of 16 bits, this is no comparison of pairs
    who, events = who[order], events[order]
    ends = np.cumsum(np.bincount(part_of, minlength=parts)).tolist()
    for begin, end in pairwise([0, *ends]):
        yield who[begin:end], events[begin:end]


def _passed(starts: "Ints", number: int) -> "Ints":
    """For each of so many places how many starts are at or before it."""
    is_start = np.zeros(number, dtype=np.bool_)
    is_start[starts] = True
    return np.cumsum(is_start)
