"""Errors of the store and of its connection."""

from trackway.domain.errors import StorageError

# ClickHouse's codes for rows that can never be parsed or stored, unlike temporary failures.
_REFUSED = "6 25 26 27 32 33 34 38 41 43 53 69 70 72 117 128 131 190 321 349 376 407 441 467 469 675 676"
DATA_REFUSED_CODES = frozenset(map(int, _REFUSED.split()))

TOO_MANY_QUERIES = 202
"""ClickHouse's code for too many running or waiting queries (TOO_MANY_SIMULTANEOUS_QUERIES)."""
MEMORY_LIMIT_EXCEEDED = 241
"""ClickHouse's code for a query that exceeds its memory."""
TIME_EXCEEDED_CODES = frozenset((159, 160))
"""ClickHouse's codes for a query that exceeds its time."""

VALUE_REFUSED = 395
"""ClickHouse's code for a value that a statement itself refuses (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)."""

RESULT_TOO_LARGE = 396
"""ClickHouse's code for a result that exceeds its bound (TOO_MANY_ROWS_OR_BYTES)."""

UNREADABLE_CODES = frozenset((3, 4, 32, 33, 40, 74, 76, 107, 226, 228, 246, 271, 432, 1001))
"""ClickHouse's codes for a file that is missing, too short, or not what it was: a part may be damaged."""


class StoreError(StorageError):
    """The store failed or was not reached. `code` is ClickHouse's error code, None when there was no answer."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class DataRefused(StoreError):
    """The rows of an insert cannot be stored: the same rows will fail again."""
