"""The rules on values that an event may break, by a quick look at the text of the whole request.

Few events have a null, a string over the limit or too much nesting, and a check of every value costs more than all
other rules. A suspicion is sufficient, not necessary: `ingest.rules.properties` then checks the event itself.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from trackway.domain.limits import RECORDS_PER_REQUEST_MAX, STRING_CHARACTERS_MAX

WORTH_BYTES = 16 * 1024
"""Below this size, a look at each event costs less than one at the text."""

_QUOTE, _BACKSLASH = b'"\\'
_NULL_WORD = int.from_bytes(b"null", "little")
_PLACES_MAX = 64 * RECORDS_PER_REQUEST_MAX
_RUN_BYTES = STRING_CHARACTERS_MAX // 2 + 1


class Suspicions(NamedTuple):
    """Whether some value may be null, an array or object, or a string over the limit."""

    null: bool
    nested: bool
    long: bool


SUSPECT_ALL = Suspicions(null=True, nested=True, long=True)
SUSPECT_NOTHING = Suspicions(null=False, nested=False, long=False)

KINDS = [Suspicions(null, nested, long) for long, nested, null in product((False, True), repeat=3)]
"""All combinations; the index has a bit for each suspicion: 1 null, 2 nested, 4 long."""
NULL, NESTED, LONG = 1, 2, 4


def suspicions(text: bytes, objects: int) -> Suspicions:
    """The suspicions that a request's text cannot dismiss for its events.

    `text` is the JSON of all events; `objects` of its objects are events and their properties. A string over the limit
    holds an aligned run of 128 bytes without a quote, unless quotes are escaped in it. Ten times as fast as looking at
    every value.
    """
    if len(text) < WORTH_BYTES:
        return SUSPECT_ALL
    characters = np.frombuffer(text, dtype=np.uint8)
    opened = np.count_nonzero(_opening(characters))
    return Suspicions(
        null=_are_some(_nulls(text)),
        nested=bool(opened > objects + text.startswith(b"[")),
        long=_are_some(_escaped_quotes(characters)) or bool(len(_runs(characters))),
    )


def suspicions_of_each(text: bytes, records: Sequence[msgspec.Raw | bytes]) -> list[int]:
    """The suspicions of each event, as an index into KINDS: some event of a batch nearly always has a null or a list.

    `records` are the JSON texts of the events within `text`.
    """
    sizes = list(map(len, records))
    first, between = text.startswith(b"["), sum(sizes) + len(sizes)
    if len(text) != between + 1 if first else len(text) - between not in (0, -1) or not text.startswith(b"{"):
        text, first = b"[" + b",".join(records) + b"]", True  # white space between
    characters = np.frombuffer(text, dtype=np.uint8)
    begins = np.cumsum([int(first), *sizes[:-1]]) + np.arange(len(sizes))
    kinds = np.zeros(len(sizes), dtype=np.uint8)
    opening = _opening(characters)
    if np.count_nonzero(opening) > 2 * len(sizes) + first:
        opened = np.bincount(np.searchsorted(begins, np.flatnonzero(opening), "right"), minlength=len(sizes) + 1)
        kinds[opened[1:] > 2] |= NESTED  # more than the event and its properties; the list opens before the first event
    _mark(kinds, NULL, begins, _nulls(text))
    _mark(kinds, LONG, begins, _runs(characters))
    _mark(kinds, LONG, begins, _escaped_quotes(characters))
    return list(kinds.tolist())


def _are_some(places: NDArray[np.int64] | None) -> bool:
    return places is None or len(places) > 0


def _mark(kinds: NDArray[np.uint8], bit: int, begins: NDArray[np.int64], places: NDArray[np.int64] | None) -> None:
    """Set the bit of the events at the offsets; of all events where there are too many offsets to list."""
    if places is None:
        kinds |= bit
    elif len(places):
        kinds[np.searchsorted(begins, places, "right") - 1] |= bit


def _places(found: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    """The offsets of what was found; None where a list of them would take too much memory."""
    return None if np.count_nonzero(found) > _PLACES_MAX else np.flatnonzero(found)


def _opening(characters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether each character is '[' or '{': they differ in one bit from each other, and in more from all others."""
    opening: NDArray[np.bool_] = (characters | 0x20) == ord("{")
    return opening


def _runs(characters: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The offset of each aligned run without a quote."""
    runs = characters[: len(characters) // _RUN_BYTES * _RUN_BYTES].reshape(-1, _RUN_BYTES)
    return np.flatnonzero(~(runs == _QUOTE).any(axis=1)) * _RUN_BYTES


def _nulls(text: bytes) -> NDArray[np.int64] | None:
    """The offsets of the word null, read as a number at each of four alignments: in half the time of `find`."""
    places = []
    for shift in range(4):
        numbers = np.frombuffer(text, dtype="<u4", count=(len(text) - shift) // 4, offset=shift)
        found = _places(numbers == _NULL_WORD)
        if found is None:
            return None
        places.append(4 * found + shift)
    return np.concatenate(places)


def _escaped_quotes(characters: NDArray[np.uint8]) -> NDArray[np.int64] | None:
    """The offsets of a backslash before a quote, in a sixth of the time of `find`."""
    backslashes = _places(characters[:-1] == _BACKSLASH)
    return None if backslashes is None else backslashes[characters[backslashes + 1] == _QUOTE]
