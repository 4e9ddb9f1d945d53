"""The parts of the store's tables: listing them, checking one, and removing a damaged one.

The answer to an INSERT does not prove that its part can be read: on a nearly full disk ClickHouse has reported success
for a part whose file of marks was empty. So a part counts only after `fault_of` has found it whole. The engine checks
it: CHECK TABLE compares the sizes and checksums of all files, embedded or on a ClickHouse server.
`loader/part_verification.py` asks for it, and `loader/cursor.py` waits for it.
"""

import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from trackway.store.client import Store
from trackway.store.errors import StoreError
from trackway.store.part_check import NO_SUCH_PART_CODES, NOT_IMPLEMENTED, check_of

NO_SUCH_TABLE_CODES = frozenset((60, 107, 390))
"""ClickHouse's codes for a table to attach that was never made."""

_BROKEN_NAME = re.compile(r"broken[a-z-]*_([0-9A-Za-z-]+)_(\d+)_(\d+)_\d+")

_PARTS = """
SELECT 1 AS is_active, table, name, rows, min_block_number, max_block_number, toUnixTimestamp(modification_time), path
FROM system.parts
WHERE database = currentDatabase() AND active AND table IN {tables:Array(String)}
UNION ALL
SELECT 0, table, name, 0, 0, 0, toUnixTimestamp(modification_time), path
FROM system.detached_parts
WHERE database = currentDatabase() AND startsWith(name, 'broken')
"""
"""An alias must not have the name of a column in a condition: ClickHouse would use the alias there."""
_COVERED = """
SELECT min_block_number, max_block_number, rows FROM system.parts
WHERE database = currentDatabase() AND table = {table:String}
  AND startsWith(name, {partition:String}) AND min_block_number >= {first:Int64} AND max_block_number <= {last:Int64}
ORDER BY max_block_number - min_block_number DESC, active DESC, level DESC
"""
"""Parts that are active no more are there for some minutes (`old_parts_lifetime`)."""


class Part(NamedTuple):
    """An active part. Its name and the second of its writing identify it."""

    table: str
    name: str
    rows: int
    first_block: int
    last_block: int
    modified_s: int
    path: str


class Broken(NamedTuple):
    """A part that the engine has detached because it cannot be read; its files are at `path`."""

    table: str
    name: str
    path: str

    @property
    def place(self) -> tuple[str, int, int]:
        """Partition, first and last block. The engine does not parse names such as
        `broken-on-start_202611_1_7_2_try3`."""
        found = _BROKEN_NAME.match(self.name)
        return (found[1], int(found[2]), int(found[3])) if found else ("", 0, 0)


class Found(NamedTuple):
    """All active parts of some tables, and all broken ones of the database, at one moment."""

    active: list[Part]
    broken: list[Broken]


def parts(store: Store, tables: Sequence[str]) -> Found:
    """Raises StorageError.

    Of a cluster it finds none: a part can be checked by its own node alone. There replication does it. An insert is
    answered when most replicas have fetched its part and compared its checksums, and a replica whose part is damaged
    fetches it again.
    """
    if store.cluster:
        return Found([], [])
    active, broken = list[Part](), list[Broken]()
    for is_active, table, name, rows, first, last, modified_s, path in store.query(_PARTS, {"tables": list(tables)}):
        if is_active:
            active.append(Part(table, name, int(rows), int(first), int(last), int(modified_s), path))
        else:
            broken.append(Broken(table, name, path))
    return Found(active, broken)


_checked = msgspec.json.Decoder(tuple[str, int | bool, str]).decode


def fault_of(store: Store, table: str, name: str) -> str:
    """The fault of an active part, '' if it is whole or no longer exists. Reads all of it.

    A part that no longer exists was merged with others, and the merge has read it. Raises StorageError, also where the
    user may not check.
    """
    try:
        with closing(store.stream(check_of(table, name), None, "JSONCompactEachRow")) as pieces:
            lines = b"".join(pieces).splitlines()
    except StoreError as error:
        if error.code in NO_SUCH_PART_CODES:
            return ""
        if error.code == NOT_IMPLEMENTED:  # an engine without parts of its own, such as ClickHouse Cloud's
            return ""
        raise
    faults = [message or "not whole" for _, whole, message in map(_checked, lines) if not whole]
    return "; ".join(faults)


def sizes_of(part: Part) -> dict[str, int] | None:
    """The sizes of a part's files by name; None if the part is gone, or its files are on another machine."""
    try:
        return {file.name: file.stat().st_size for file in Path(part.path).iterdir()}
    except OSError:
        return None


def drop(store: Store, table: str, name: str) -> None:
    """Drop a part whose rows will be inserted again, if it exists. Raises StorageError."""
    _alter(store, "DROP PART", table, name)


def detach(store: Store, table: str, name: str) -> None:
    """Detach a part, if it exists, and keep its files. Raises StorageError."""
    _alter(store, "DETACH PART", table, name)


def _alter(store: Store, what: str, table: str, name: str) -> None:
    try:
        store.command(f"ALTER TABLE {{table:Identifier}} {what} {{part:String}}", {"table": table, "part": name})
    except StoreError as error:
        if error.code not in NO_SUCH_PART_CODES:
            raise


def reopen(store: Store, table: str) -> None:
    """Let the engine reload a table: it detaches parts that are not whole, and attaches the parts that they were merged
    from, while those are on disk (`old_parts_lifetime`). Waits for the queries that read the table.

    Raises StorageError; call `open_again` then.
    """
    store.command("DETACH TABLE {table:Identifier} SYNC", {"table": table})
    store.command("ATTACH TABLE {table:Identifier}", {"table": table})


def open_again(store: Store, tables: Sequence[str]) -> None:
    """Attach the tables that a process killed within `reopen` left detached. Raises StorageError."""
    if store.cluster:  # none of whose tables is ever detached
        return
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase() AND name IN {tables:Array(String)}"
    there = {name for (name,) in store.query(sql, {"tables": list(tables)})}
    for table in tables:
        if table not in there:
            _attach_if_made(store, table)


def _attach_if_made(store: Store, table: str) -> None:
    """Attach a table; a new store, or one before a migration, may lack it."""
    try:
        store.command("ATTACH TABLE {table:Identifier}", {"table": table})
    except StoreError as error:
        if error.code not in NO_SUCH_TABLE_CODES:
            raise


def rows_in_place_of(store: Store, broken: Broken) -> int:
    """Rows of the parts that a broken part had been merged from, which the engine has attached again; these are not
    lost. It may have merged them with others since, so that they are active no more. Raises StorageError."""
    partition, first, last = broken.place
    asked = {"table": broken.table, "partition": f"{partition}_", "first": first, "last": last}
    counted: list[range] = []
    rows = 0
    for begin, end, number in store.query(_COVERED, asked):
        if not any(begin in blocks and end in blocks for blocks in counted):  # else it was merged into one of these
            counted.append(range(begin, end + 1))
            rows += int(number)
    return rows


def rows_of(broken: Broken) -> int | None:
    """The rows of a broken part, None if its files are on another machine or unreadable."""
    try:
        return int((Path(broken.path) / "count.txt").read_text())
    except (OSError, ValueError):
        return None
