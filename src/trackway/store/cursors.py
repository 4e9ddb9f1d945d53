"""How far the journal is loaded, by the rows of `loads`.

The cursor of a journal with one partition is the end of its last load. With several, positions of different partitions
say nothing of each other. So each load then has one more row, of no project and without records, whose outcome names
its partition. The rows of one partition are next to each other in the table's order, so its last is found at once.
"""

from collections.abc import Sequence
from typing import Any, Final

CURSOR: Final = "SELECT max(to_position) FROM loads"
"""The end of the last load, of any partition."""
PARTITION_CURSOR: Final = """
SELECT to_position FROM loads
WHERE project_id = 0 AND minute = toDateTime(0, 'UTC') AND outcome = {outcome:String}
ORDER BY project_id DESC, minute DESC, outcome DESC, to_position DESC LIMIT 1"""
"""The end of the last load of a partition; no row where there was none."""
PARTITION_LOADS: Final = """
SELECT DISTINCT from_position, to_position FROM loads
WHERE project_id = 0 AND minute = toDateTime(0, 'UTC') AND outcome = {outcome:String}
  AND to_position > {begin:UInt64} AND from_position < {end:UInt64}
ORDER BY from_position"""
"""The loads of a partition that overlap a range of positions."""
ALL_LOADS: Final = """
SELECT DISTINCT from_position, to_position FROM loads
WHERE to_position > {begin:UInt64} AND from_position < {end:UInt64} ORDER BY from_position"""
"""The same of a journal with one partition."""


def outcome_of(partition: int) -> str:
    """The outcome of the rows that hold the cursor of a partition."""
    return f"partition {partition}"


def cursor_in(rows: Sequence[Sequence[Any]]) -> int:
    """The position that a query for a cursor gives; 0 for no row."""
    return int(rows[0][0]) if rows else 0
