"""The parts of the store's tables, for a check of the whole store: which are there, which were taken out, and whether
one can be read. For the operator alone: names of parts name projects."""

from typing import Final, NamedTuple

from trackway.query.limits import STORE_PART_S_MAX
from trackway.store.cursors import CURSOR, PARTITION_CURSOR, cursor_in, outcome_of
from trackway.store.errors import StoreError
from trackway.store.part_check import NO_SUCH_PART_CODES, NOT_IMPLEMENTED, check_of
from trackway.store.reader import Reader

_NOBODY: Final = 0
_PARTS: Final = """
SELECT table, name, rows, bytes_on_disk
FROM system.parts WHERE active AND database = currentDatabase() ORDER BY table, name"""
# What covers a broken part, or what the engine did not need, holds no rows that are not elsewhere.
_DETACHED: Final = """
SELECT table, name FROM system.detached_parts
WHERE database = currentDatabase() AND NOT startsWith(name, 'covered') AND NOT startsWith(name, 'ignored')
  AND (table, name) NOT IN (SELECT place, name FROM damage FINAL)
ORDER BY table, name"""


class StorePart(NamedTuple):
    """A part that the store reads."""

    table: str
    name: str
    rows: int
    size_bytes: int


class Detached(NamedTuple):
    """A part on the disk that the store does not read, and that is not known as damage."""

    table: str
    name: str


async def cursors_of(reader: Reader, partitions: int) -> list[int]:
    """Of each partition of a journal with so many, the position before which all records are loaded. Raises
    StoreError."""
    if partitions == 1:
        return [cursor_in(await reader.rows(_NOBODY, CURSOR))]
    return [
        cursor_in(await reader.rows(_NOBODY, PARTITION_CURSOR, {"outcome": outcome_of(partition)}))
        for partition in range(partitions)
    ]


async def store_parts(reader: Reader) -> list[StorePart]:
    """None of a cluster, whose nodes check and replace parts themselves. Raises StoreError."""
    if reader.on_cluster:
        return []
    rows = await reader.rows(_NOBODY, _PARTS)
    return [StorePart(str(table), str(name), int(number), int(size)) for table, name, number, size in rows]


async def detached_parts(reader: Reader) -> list[Detached]:
    """None of a cluster. Raises StoreError."""
    if reader.on_cluster:
        return []
    return [Detached(str(table), str(name)) for table, name in await reader.rows(_NOBODY, _DETACHED)]


async def part_fault(reader: Reader, table: str, name: str) -> str:
    """Why a part cannot be read, '' for one that can, or that was merged meanwhile. Reads all of it. Raises
    StoreError."""
    try:
        checked = await reader.rows(_NOBODY, check_of(table, name), time_s=STORE_PART_S_MAX)
    except StoreError as error:
        if error.code in NO_SUCH_PART_CODES or error.code == NOT_IMPLEMENTED:
            return ""
        raise
    return "; ".join(str(fault) or "not whole" for _, is_whole, fault in checked if not is_whole)
