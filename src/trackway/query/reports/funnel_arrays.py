"""The numbers of a plain funnel, which follows many persons at once.

A plain funnel has steps of different events, in their order, and neither exclusions, held values nor a breakdown. Then
the next event of a step is one binary search in the events of that step of all persons together, which are ordered by
person and time. Each round makes one try of every person that may begin one. It counts what `funnel_person` counts
(tests/unit/query/reports/test_funnel_arrays.py), in a fifth of the time.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from trackway.query.reports.funnel import GRACE_MS, Count, FunnelNumbers, FunnelQuestion
from trackway.query.reports.funnel_events import BITS
from trackway.query.reports.funnel_numbers import BucketNumbers
from trackway.query.reports.funnel_person import Events, Path, Person

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_ROW_BYTES: Final = 16
_TIME_BITS: Final = 43
_BITS_MASK: Final = (1 << BITS) - 1
_BLOCK_BYTES: Final = 8 * 1024 * 1024
"""About how many bytes of rows are counted at once: a step costs some 20 µs, however few events it has."""
_ROUNDS_MAX: Final = 50
"""Tries of a person in a bucket. A person with more first steps is followed alone: a round for few persons is slow."""


class FunnelArrays:
    """Takes the rows of `plain_events` as RowBinary, in pieces that are cut anywhere."""

    def __init__(self, asked: FunnelQuestion, path: Path) -> None:
        self._path, self._keys = path, asked.buckets.keys()
        self._bounds = np.array(asked.buckets.day_bounds_ms(), dtype=np.int64)
        self._is_unique = asked.funnel.counted is Count.UNIQUE
        self._numbers: dict[int, BucketNumbers] = {}
        self._held = bytearray()
        self._counted_at = _BLOCK_BYTES

    def add(self, piece: bytes) -> None:
        """Add the next piece."""
        self._held += piece
        if len(self._held) >= self._counted_at:
            rows = _rows_of(self._held)
            cut = int(np.searchsorted(rows[:, 0], rows[-1, 0]))  # the last person may go on in the next piece
            self._count(rows[:cut])
            self._held = self._held[cut * _ROW_BYTES :]
            self._counted_at = max(_BLOCK_BYTES, 2 * len(self._held))

    def all(self) -> FunnelNumbers:
        """The numbers of everybody, after the last piece."""
        self._count(_rows_of(self._held))
        self._held = bytearray()
        return {self._keys[bucket]: numbers.steps() for bucket, numbers in self._numbers.items()}

    def _count(self, rows: "NDArray[np.uint64]") -> None:
        events = _events_of(rows, self._path)
        starts, keys = events.steps[0]
        within = (events.times[starts] >= self._bounds[0]) & (events.times[starts] < self._bounds[-1])
        starts, keys = starts[within], keys[within]
        if not len(starts):
            return
        bucket = np.searchsorted(self._bounds, events.times[starts], side="right") - 1
        group = events.person[starts] * len(self._bounds) + bucket
        begins = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1])))
        ends = np.append(begins[1:], len(starts))
        busy = np.unique(events.person[starts[begins[ends - begins > _ROUNDS_MAX]]])
        for number in busy:
            self._count_alone(events, int(number))
        at_once = ~np.isin(events.person[starts[begins]], busy)
        self._in_rounds(events, _First(starts, keys, bucket), begins[at_once], ends[at_once])

    def _in_rounds(self, events: "_Events", first: "_First", now: "Ints", ends: "Ints") -> None:
        """Tries of all persons, one after the other. `now`: of each person and bucket the number of its next first
        step; `ends`: the number behind its last one."""
        is_first = True
        starts, keys, bucket = first
        while len(now):
            reached, last, is_whole = self._attempt(events, starts[now], bucket[now])
            if is_first or not self._is_unique:
                for number, arrived in _by_bucket(bucket[now], reached):
                    self._of(number).arrived[arrived[0]] += arrived[1]
            is_first = False
            over = np.searchsorted(keys, keys[now] + self._path.window_ms, side="right")
            following = np.where(is_whole, np.searchsorted(starts, last, side="right"), over)
            following = np.maximum(following, now + 1)
            goes_on = following < ends
            now, ends = following[goes_on], ends[goes_on]

    def _attempt(self, events: "_Events", start: "Ints", bucket: "Ints") -> "tuple[Ints, Ints, NDArray[np.bool_]]":
        """How many steps each try reaches, the last place of its steps, and whether it converts; adds the times."""
        self._add_times(0, bucket, np.zeros_like(start), np.zeros_like(start))
        reached, last = np.ones_like(start), start.copy()
        going, begin, previous = np.arange(len(start)), events.times[start], events.times[start]
        for number in range(1, len(self._path.steps)):
            step, keys = events.steps[number]
            base = events.person[start[going]] << _TIME_BITS
            found = np.searchsorted(keys, base + (previous - GRACE_MS), side="right")
            in_time = np.zeros(len(going), dtype=np.bool_)
            there = found < len(keys)
            in_time[there] = keys[found[there]] <= (base + begin + self._path.window_ms)[there]
            going, begin, previous, place = going[in_time], begin[in_time], previous[in_time], step[found[in_time]]
            time = events.times[place]
            self._add_times(number, bucket[going], time - previous, time - begin)
            reached[going] += 1
            last[going] = np.maximum(last[going], place)
            previous = time
        return reached, last, reached == len(self._path.steps)

    def _add_times(self, step: int, bucket: "Ints", previous: "Ints", first: "Ints") -> None:
        if not len(bucket):
            return
        order = np.argsort(bucket, kind="stable")
        numbers, begins = np.unique(bucket[order], return_index=True)
        for number, own in zip(numbers, np.split(order, begins[1:]), strict=True):
            self._of(int(number)).add_tries(step, previous[own], first[own])

    def _count_alone(self, events: "_Events", number: int) -> None:
        own = events.person == number
        times = events.times[own].tolist()
        person = Person(self._path, Events(times, events.bits[own].tolist()))
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


class _First(NamedTuple):
    """The first steps within the range: their places, keys and buckets."""

    starts: "Ints"
    keys: "Ints"
    bucket: "Ints"


class _Events(NamedTuple):
    """Events of persons in the order of person and time. Persons count from 0.

    `steps`: for each step the places of its events, and their keys, numbers in the order of person and time.
    """

    person: "Ints"
    times: "Ints"
    bits: "NDArray[np.uint64]"
    steps: "Sequence[tuple[Ints, Ints]]"


def _rows_of(text: bytearray) -> "NDArray[np.uint64]":
    """The whole rows, a person's number and an event each."""
    return np.frombuffer(bytes(text[: len(text) // _ROW_BYTES * _ROW_BYTES]), dtype="<u8").reshape(-1, 2)


def _events_of(rows: "NDArray[np.uint64]", path: Path) -> _Events:
    changes = rows[1:, 0] != rows[:-1, 0]
    person = np.concatenate((np.zeros(min(len(rows), 1), np.int64), np.cumsum(changes, dtype=np.int64)))
    times = (rows[:, 1] >> np.uint64(BITS)).astype(np.int64)
    bits = rows[:, 1] & np.uint64(_BITS_MASK)
    keys = (person << _TIME_BITS) + times
    places = [np.flatnonzero(bits & np.uint64(choices)) for choices in path.steps]
    return _Events(person, times, bits, [(of, keys[of]) for of in places])


def _by_bucket(bucket: "Ints", reached: "Ints") -> "list[tuple[int, tuple[int, int]]]":
    """How many reached so many steps in each bucket, as `(bucket, (steps, number))`."""
    pairs, numbers = np.unique(np.stack((bucket, reached)), axis=1, return_counts=True)
    return [(int(where), (int(steps), int(number))) for where, steps, number in zip(*pairs, numbers, strict=True)]
