"""The keys seen in the dedup window, as a set with false positives and without false negatives.

Keys are an array of shape (n, 2) of u64, the halves of their 128 bits. A chain of Bloom filters answers for all of them
at once. `loader/duplicates.py` looks up the suspected keys in the store, and decides. So memory is two bytes a key (100
M events in the window: 200 MB), and the cost of an event does not depend on the number of keys.
"""

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Mask = NDArray[np.bool_]

BITS_PER_KEY = 16
PROBES = 5
"""With 16 bits a key and 5 probes, one key in 700 is a false positive."""
CAPACITY_MIN = 1 << 18
"""Keys of the smallest filter. Capacities are powers of two, so that every allocated bit is used."""
PIECE_KEYS = 1 << 16
"""Keys in one step, so that the intermediate arrays stay in the processor's cache."""


class Filter:
    """One Bloom filter of fixed size. `capacity` is a power of two.

    `newest_us` is the latest arrival of a key in it, `began_us` the arrival of the first keys.
    """

    def __init__(self, capacity: int):
        self.capacity = capacity
        self.count = 0
        self.newest_us = 0
        self.began_us = 0
        bits = capacity * BITS_PER_KEY
        self._mask = np.uint64(bits - 1)
        self._bits: NDArray[np.uint8] = np.zeros(bits // 8, dtype=np.uint8)

    def contains(self, keys: Keys) -> Mask:
        found = np.ones(len(keys), dtype=np.bool_)
        for places in self._places(keys):
            found &= (self._bits[places >> np.uint64(3)] >> (places & np.uint64(7)).astype(np.uint8)) & 1 == 1
        return found

    def add(self, keys: Keys, newest_us: int) -> None:
        for places in self._places(keys):
            bits = np.left_shift(np.uint8(1), (places & np.uint64(7)).astype(np.uint8))
            np.bitwise_or.at(self._bits, (places >> np.uint64(3)).astype(np.intp), bits)
        self.began_us = self.began_us or newest_us
        self.count += len(keys)
        self.newest_us = max(self.newest_us, newest_us)

    def _places(self, keys: Keys) -> list[NDArray[np.uint64]]:
        step = keys[:, 1] | np.uint64(1)
        return [(keys[:, 0] + np.uint64(probe) * step) & self._mask for probe in range(PROBES)]


class Window:
    """The keys of at least the last `window_us`. Older keys are dropped one filter at a time."""

    def __init__(self, window_us: int):
        self._window_us = window_us
        self._filters = [Filter(CAPACITY_MIN)]

    def shared(self, window_us: int) -> "Window":
        """A window that has the same keys from now on. Later keys are those of one of the two alone."""
        made = Window(window_us)
        made._filters = [*self._filters, *made._filters]
        return made

    def suspects(self, keys: Keys) -> Mask:
        """True where a key may have been added before. Never False for a key that was added."""
        found = np.zeros(len(keys), dtype=np.bool_)
        for at in range(0, len(keys), PIECE_KEYS):
            piece = keys[at : at + PIECE_KEYS]
            for each in self._filters:
                found[at : at + PIECE_KEYS] |= each.contains(piece)
        return found

    def add(self, keys: Keys, newest_us: int) -> None:
        """Add keys. `newest_us` is the latest arrival among them, in microseconds since the epoch."""
        for at in range(0, len(keys), PIECE_KEYS):
            piece = keys[at : at + PIECE_KEYS]
            self._filter_for(len(piece), newest_us).add(piece, newest_us)
        self._forget(newest_us - self._window_us)

    def _filter_for(self, keys: int, newest_us: int) -> Filter:
        """The last filter, or a new one: a larger one when the last is full, else when the last spans a whole window.

        Every filter ends after a window, so memory depends on the keys of the last windows, not on those of all time.
        """
        last = self._filters[-1]
        full = last.count + keys > last.capacity
        if full or (last.count and newest_us - last.began_us > self._window_us):
            wanted = 2 * sum(each.count for each in self._filters) if full else last.count
            last = Filter(1 << (max(wanted, CAPACITY_MIN) - 1).bit_length())
            self._filters.append(last)
        return last

    def _forget(self, oldest_us: int) -> None:
        """Drop the filters whose keys have all left the window."""
        kept = [each for each in self._filters if each.newest_us >= oldest_us]
        self._filters = kept or [Filter(CAPACITY_MIN)]

    @property
    def bytes(self) -> int:
        return sum(each.capacity * BITS_PER_KEY // 8 for each in self._filters)
