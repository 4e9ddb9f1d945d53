"""Results of reports that are kept for the next time, within a bound of bytes.

A key says everything that the result depends on, so that a result is never out of date: it is asked for by its key, or
goes when there is no room.
"""

from collections import OrderedDict

from trackway.store.limits import RESULT_OVERHEAD_BYTES, RESULT_SHARE_MAX


class ResultCache:
    """Results by key, the least lately used first. For one event loop."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._results: OrderedDict[bytes, bytes] = OrderedDict()

    def get(self, key: bytes) -> bytes | None:
        """The result of a key, if it is kept."""
        found = self._results.get(key)
        if found is not None:
            self._results.move_to_end(key)
        return found

    def put(self, key: bytes, result: bytes) -> None:
        """Keep a result, unless it alone would take too large a part of the room."""
        size = _size(key, result)
        if size > self._bytes_max // RESULT_SHARE_MAX:
            return
        self._drop(key)
        self._results[key] = result
        self._bytes += size
        while self._bytes > self._bytes_max:
            self._drop(next(iter(self._results)))

    def _drop(self, key: bytes) -> None:
        dropped = self._results.pop(key, None)
        if dropped is not None:
            self._bytes -= _size(key, dropped)


def _size(key: bytes, result: bytes) -> int:
    return len(key) + len(result) + RESULT_OVERHEAD_BYTES
