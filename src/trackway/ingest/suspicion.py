"""Which rules on values an event may break, as a quick look at the text of the whole request tells.

Nearly no event has a null, a string over the limit or too much nesting; looking at every value to know costs more than
all other rules. What is suspected is sufficient, not necessary: `ingest.properties` then looks at the event itself.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from trackway.limits import RECORDS_PER_REQUEST_MAX, STRING_CHARACTERS_MAX

WORTH_BYTES = 16 * 1024
"""Below this, looking at each event costs less than looking at the text."""

_QUOTE, _BACKSLASH = b'"\\'
_NULL_WORD = int.from_bytes(b"null", "little")
_PLACES_MAX = 64 * RECORDS_PER_REQUEST_MAX
_RUN_BYTES = STRING_CHARACTERS_MAX // 2 + 1


class Suspicions(NamedTuple):
    """Whether some value may be null, be an array or object, or be over the limit of a string."""

    null: bool
    nested: bool
    long: bool


SUSPECT_ALL = Suspicions(null=True, nested=True, long=True)
SUSPECT_NOTHING = Suspicions(null=False, nested=False, long=False)

KINDS = [Suspicions(null, nested, long) for long, nested, null in product((False, True), repeat=3)]
"""All there are; that of a number has the value of each bit: 1 null, 2 nested, 4 long."""
_NULL, _NESTED, _LONG = 1, 2, 4


def suspicions(text: bytes, objects: int) -> Suspicions:
    """What a request's text cannot rule out for its events.

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
    """The same for each event, as an index into KINDS: of a whole batch, nearly always some event has a null or a list.

    `records` are the JSON of the events, which stand in `text`.
    """
    sizes = list(map(len, records))
    if not text.startswith(b"[") or len(text) != sum(sizes) + len(sizes) + 1:  # lines, or white space between
        text = b"[" + b",".join(records) + b"]"
    characters = np.frombuffer(text, dtype=np.uint8)
    begins = np.cumsum([1, *sizes[:-1]]) + np.arange(len(sizes))
    kinds = np.zeros(len(sizes), dtype=np.uint8)
    opening = _opening(characters)
    if np.count_nonzero(opening) > 2 * len(sizes) + 1:
        opened = np.bincount(np.searchsorted(begins, np.flatnonzero(opening), "right"), minlength=len(sizes) + 1)
        kinds[opened[1:] > 2] |= _NESTED  # more than the event and its properties; what opens before them is the list
    _mark(kinds, _NULL, begins, _nulls(text))
    _mark(kinds, _LONG, begins, _runs(characters))
    _mark(kinds, _LONG, begins, _escaped_quotes(characters))
    return list(kinds.tolist())


def _are_some(places: NDArray[np.int64] | None) -> bool:
    return places is None or len(places) > 0


def _mark(kinds: NDArray[np.uint8], bit: int, begins: NDArray[np.int64], places: NDArray[np.int64] | None) -> None:
    """Set the bit of the events that stand at the places; of all of them where there are too many places to tell."""
    if places is None:
        kinds |= bit
    elif len(places):
        kinds[np.searchsorted(begins, places, "right") - 1] |= bit


def _places(found: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    """Where something was found; None where that is so often that telling the places would take much memory."""
    return None if np.count_nonzero(found) > _PLACES_MAX else np.flatnonzero(found)


def _opening(characters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where '[' and '{' stand: they differ in one bit from each other, and in more from all else."""
    opening: NDArray[np.bool_] = (characters | 0x20) == ord("{")
    return opening


def _runs(characters: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Where each aligned run without a quote begins."""
    runs = characters[: len(characters) // _RUN_BYTES * _RUN_BYTES].reshape(-1, _RUN_BYTES)
    return np.flatnonzero(~(runs == _QUOTE).any(axis=1)) * _RUN_BYTES


def _nulls(text: bytes) -> NDArray[np.int64] | None:
    """Where the word null stands: read as a number at each of four alignments, in half the time that `find` takes."""
    places = []
    for shift in range(4):
        numbers = np.frombuffer(text, dtype="<u4", count=(len(text) - shift) // 4, offset=shift)
        found = _places(numbers == _NULL_WORD)
        if found is None:
            return None
        places.append(4 * found + shift)
    return np.concatenate(places)


def _escaped_quotes(characters: NDArray[np.uint8]) -> NDArray[np.int64] | None:
    """Where a backslash stands before a quote, in a sixth of the time that `find` takes."""
    backslashes = _places(characters[:-1] == _BACKSLASH)
    return None if backslashes is None else backslashes[characters[backslashes + 1] == _QUOTE]
