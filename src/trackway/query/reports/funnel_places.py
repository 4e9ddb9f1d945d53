"""The events of many persons in one order, and where in it the next event of each step is.

A place is the number of an event in the order of person and time. A key is a number that rises in this order, of which
the difference within a person is milliseconds.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from trackway.query.reports.funnel import GRACE_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Numbers = NDArray[np.int32]

_TIME_BITS: Final = 43
_PACKED_BITS: Final = 64
"""Of a number that numpy sorts by itself: a sort by two of them takes three times as long."""
_NEVER: Final = np.iinfo(np.int64).max
_WALKED_MAX: Final = 8
"""Events within the grace that are passed one by one. Where there are more, a binary search finds their first."""


class Places(NamedTuple):
    """Events by place. Persons count from 0; `keys` has one more, which no time reaches.

    `nexts`: for each step but the first, the first place of it at or after each place, and the number of places where
    there is none. `graced`: the first place less than the grace before each place, of the same person.
    """

    person: "Ints"
    times: "Ints"
    bits: "NDArray[np.uint64]"
    keys: "Ints"
    is_first: "NDArray[np.bool_]"
    nexts: "Sequence[Numbers]"
    graced: "Numbers"

    def next(self, step: int, previous: "Ints") -> "Numbers":
        """The places of the first events of a step after those of the step before, or less than the grace before them.
        They may be of later persons: keys say whether they are in time."""
        return self.nexts[step - 1][self.graced[previous]]


def places_of(who: "NDArray[np.uint64]", events: "NDArray[np.uint64]", steps: Sequence[int]) -> Places:
    """The places of events in any order, each with its person's number. An event is a time and the bits of choices, one
    for each step. `steps`: the bits of each step."""
    person, codes = _in_order(who, events)
    bits_number = np.uint64(len(steps))
    times = (codes >> bits_number).astype(np.int64)
    bits = codes & ((np.uint64(1) << bits_number) - np.uint64(1))
    keys = np.append((person << _TIME_BITS) + times, _NEVER)
    first, *others = (bits & np.uint64(choices) != 0 for choices in steps)
    return Places(person, times, bits, keys, first, [_next_of(each) for each in others], _graced(keys))


def _in_order(who: "NDArray[np.uint64]", events: "NDArray[np.uint64]") -> "tuple[Ints, NDArray[np.uint64]]":
    """The persons, which count from 0, and the events in the order of both."""
    order = np.argsort(who)
    who, events = who[order], events[order]
    person = np.zeros(len(who), np.int64)
    np.cumsum(who[1:] != who[:-1], out=person[1:])
    if not len(who):
        return person, events
    least = events.min()
    since = events - least
    since_bits = int(since.max()).bit_length()
    if int(person[-1]).bit_length() + since_bits > _PACKED_BITS:
        return person, events[np.lexsort((events, person))]
    packed = np.sort((person.astype(np.uint64) << np.uint64(since_bits)) | since)
    return person, (packed & np.uint64((1 << since_bits) - 1)) + least


def _next_of(chosen: "NDArray[np.bool_]") -> "Numbers":
    """The first chosen place at or after each place."""
    number = len(chosen)
    places = np.full(number, number, dtype=np.int32)
    found = np.flatnonzero(chosen)
    places[found] = found
    return np.minimum.accumulate(places[::-1])[::-1]


def _graced(keys: "Ints") -> "Numbers":
    """The first place whose key is less than the grace below that of each place."""
    found = np.arange(len(keys) - 1, dtype=np.int32)
    behind = 1 + np.flatnonzero(keys[:-2] > keys[1:-1] - GRACE_MS)
    for _ in range(_WALKED_MAX):
        if not len(behind):
            return found
        found[behind] -= 1
        before = found[behind] - 1
        behind = behind[(before >= 0) & (keys[before] > keys[behind] - GRACE_MS)]
    found[behind] = np.searchsorted(keys, keys[behind] - GRACE_MS, side="right")
    return found
