"""Deduplication: an event is a duplicate if its key was stored less than 24 hours before it arrived (protocol §4).

Pure but for one question, `known`, which the store answers. Only keys that the filter of seen keys
(`loader/seen_keys.py`) suspects, or that repeat within the batch, are looked up.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from trackway.loader.limits import DEDUPLICATION_WINDOW_MS
from trackway.loader.seen_keys import Keys, Mask, Window

WINDOW_US = DEDUPLICATION_WINDOW_MS * 1000

Known = Callable[[Sequence[bytes], int], dict[bytes, int]]
"""(keys, before position) → by key, the arrival in microseconds of its last stored event. Other keys are missing."""


def duplicates(
    keys: Keys, keyed: Mask, received: NDArray[np.int64], from_position: int, window: Window, known: Known
) -> Mask:
    """True where an event repeats one that is stored, or one earlier in the batch."""
    duplicate = np.zeros(len(keys), dtype=np.bool_)
    suspects = np.flatnonzero(keyed & (window.suspects(keys) | _repeated(keys)))
    if not len(suspects):
        return duplicate
    suspected = [keys[index].tobytes() for index in suspects]
    last_us = known(list(set(suspected)), from_position)
    for index, key in zip(suspects.tolist(), suspected, strict=True):
        arrival_us = int(received[index])
        if key in last_us and arrival_us - last_us[key] < WINDOW_US:
            duplicate[index] = True
        else:
            last_us[key] = arrival_us
    return duplicate


def _repeated(keys: Keys) -> Mask:
    """True where the first half of a key occurs in the batch more than once: a prefilter for repeated keys."""
    order = np.argsort(keys[:, 0])
    ordered = keys[order, 0]
    same = np.zeros(len(keys), dtype=np.bool_)
    equal = ordered[1:] == ordered[:-1]
    same[1:] |= equal
    same[:-1] |= equal
    repeated = np.zeros(len(keys), dtype=np.bool_)
    repeated[order] = same
    return repeated
