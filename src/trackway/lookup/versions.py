"""Lookup tables in the store, replaced as a whole or not at all (protocol §13).

Rows are inserted under a new version. One row, atomic and synced, then makes that version current. Whatever is killed
in between, the table stays as it was, and a later change drops the leftovers. Former versions stay for an hour, for
queries that began with them. Every method raises StorageError.
"""

import secrets
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from trackway.domain.limits import LOOKUP_TABLES_MAX
from trackway.lookup.csv_table import ROW_COLUMNS, LookupReader
from trackway.lookup.limits import LOOKUP_REPLACEMENTS_WINDOW_S, LOOKUP_VERSION_KEPT_S
from trackway.store.errors import StoreError
from trackway.store.part_check import NO_SUCH_PART_CODES, NOT_IMPLEMENTED, check_of
from trackway.store.reader import Reader

_IDS = uuid.UUID("0d2f2b5c-6a0a-4a5e-9f0b-6c8c1f1d7f5e")
"""The namespace of table ids, which are made of project and name, so creating a table twice makes one."""

_NOW = """
SELECT table_id, name, version, columns, row_count FROM
(
    SELECT * FROM lookup_table_versions WHERE project_id = {project:UInt32}
    ORDER BY sequence DESC, version DESC LIMIT 1 BY table_id
)
WHERE change != 'deleted'"""
_CREATE = """INSERT INTO lookup_table_versions
SELECT {project:UInt32}, {table:UUID}, max(sequence) + 1, generateUUIDv4(), 'created', now64(3), {name:String}, [], 0
FROM lookup_table_versions WHERE project_id = {project:UInt32} AND table_id = {table:UUID}"""
# A table that was deleted meanwhile stays deleted.
_CHANGE = """INSERT INTO lookup_table_versions
SELECT project_id, table_id, sequence + 1, {version:UUID}, {change:String}, now64(3), name,
    {columns:Array(String)}, {row_count:UInt64}
FROM
(
    SELECT * FROM lookup_table_versions WHERE project_id = {project:UInt32} AND table_id = {table:UUID}
    ORDER BY sequence DESC, version DESC LIMIT 1
)
WHERE change != 'deleted'"""
_WAIT = """
SELECT toInt64(ceil(dateDiff('millisecond', now64(3), changed + toIntervalSecond({window:UInt32})) / 1000))
FROM lookup_table_versions
WHERE project_id = {project:UInt32} AND change = 'replaced' AND changed > now64(3) - toIntervalSecond({window:UInt32})
ORDER BY changed DESC LIMIT 1 OFFSET {others:UInt32}"""
_ENDED = """
SELECT partition
FROM system.parts WHERE active AND database = currentDatabase() AND table = 'lookup_rows' AND partition NOT IN
(
    SELECT toString(version) FROM
    (
        SELECT version, leadInFrame(changed) OVER (PARTITION BY project_id, table_id ORDER BY sequence, version
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS ended
        FROM lookup_table_versions
    )
    WHERE ended = toDateTime64(0, 3, 'UTC') OR ended > now64(3) - toIntervalSecond({kept:UInt32})
)
GROUP BY partition HAVING max(modification_time) <= now() - toIntervalSecond({kept:UInt32})"""
_PARTS = """
SELECT name
FROM system.parts WHERE active AND database = currentDatabase()
  AND table = {table:String} AND partition = {partition:String}"""
_ALL_PROJECTS = 0
"""The project of clean-up queries: none."""
_INSERT = {"max_insert_threads": "1", "max_insert_block_size": "65536", "min_insert_block_size_bytes": "33554432"}
"""Sizes of the blocks that the store holds in memory."""


class LookupTable(NamedTuple):
    """The current version of a table; `columns` are those after the key's."""

    table_id: uuid.UUID
    name: str
    version: uuid.UUID
    columns: list[str]
    row_count: int


class TooManyTables(Exception):
    """The project has the maximum number of tables."""


class LookupTables:
    """The lookup tables of all projects; a table is visible with its project's id only."""

    def __init__(self, reader: Reader):
        self._reader = reader

    async def all(self, project_id: int) -> list[LookupTable]:
        """A project's tables by name."""
        return await self._ask(project_id, f"{_NOW} ORDER BY name", {})

    async def find(self, project_id: int, table_id: uuid.UUID) -> LookupTable | None:
        found = await self._ask(project_id, f"{_NOW} AND table_id = {{table:UUID}}", {"table": table_id})
        return found[0] if found else None

    async def create(self, project_id: int, name: str) -> LookupTable:
        """An empty table, or the existing one of that name. Raises TooManyTables."""
        table_id = uuid.uuid5(_IDS, f"{project_id}/{name}")
        parameters = {"table": table_id, "name": name}
        if found := await self.find(project_id, table_id):
            return found
        if len(await self.all(project_id)) >= LOOKUP_TABLES_MAX:
            raise TooManyTables
        await self._reader.write(project_id, _CREATE, parameters)
        return LookupTable(table_id, name, uuid.UUID(int=0), [], 0)

    async def replace(self, project_id: int, table_id: uuid.UUID, pieces: Iterable[bytes]) -> int:
        """Replace a table by a CSV in pieces, which a thread iterates. Returns the number of rows; all of it is synced
        then.

        Raises InvalidTable, RequestError 413 and the errors of the iterator; nothing has changed then. After a
        StorageError the table is the old one or the new one.
        """
        await self.drop_ended()
        version = uuid.uuid4()
        head = project_id.to_bytes(4, "little") + _row_binary(version)
        columns = ("project_id", "version", *ROW_COLUMNS)
        read: list[LookupReader] = []

        def rows() -> Iterator[bytes]:
            read.append(LookupReader(pieces, secrets.randbits(64)))
            yield from read[0].rows(head)

        await self._reader.insert(project_id, "lookup_rows", columns, rows(), settings=_INSERT)
        await self._require_whole(project_id, "lookup_rows", str(version))
        (table,) = read
        await self._change(project_id, table_id, "replaced", version, table.columns, table.row_count)
        return table.row_count

    async def delete(self, project_id: int, table_id: uuid.UUID) -> None:
        """Delete a table. A later change of any table drops its rows."""
        await self._change(project_id, table_id, "deleted", uuid.uuid4())

    async def wait_s(self, project_id: int, replacements_max: int) -> int:
        """Seconds until the project may replace a table again, 0 if it may now."""
        parameters = {"window": LOOKUP_REPLACEMENTS_WINDOW_S, "others": replacements_max - 1}
        found = await self._reader.rows(project_id, _WAIT, parameters)
        return max(int(found[0][0]), 1) if found else 0

    async def drop_ended(self, kept_s: int = LOOKUP_VERSION_KEPT_S) -> None:
        """Drop rows that have belonged to no current version for `kept_s` seconds."""
        for (version,) in await self._reader.rows(_ALL_PROJECTS, _ENDED, {"kept": kept_s}):
            drop = f"ALTER TABLE {self._reader.holding('lookup_rows')} DROP PARTITION {{version:UUID}}"
            await self._reader.write(_ALL_PROJECTS, drop, {"version": version})

    async def _change(
        self,
        project_id: int,
        table_id: uuid.UUID,
        change: str,
        version: uuid.UUID,
        columns: Iterable[str] = (),
        row_count: int = 0,
    ) -> None:
        parameters = {"table": table_id, "change": change, "version": version}
        bound = parameters | {"columns": list(columns), "row_count": row_count}
        await self._reader.write(project_id, _CHANGE, bound)
        await self._require_whole(project_id, "lookup_table_versions", "tuple()")

    async def _require_whole(self, project_id: int, table: str, partition: str) -> None:
        """Raise StoreError unless the parts of a partition can be read: an insert's answer does not prove it
        (`store.parts`). A part that no longer exists was read by its merge. Replicas of a cluster compare parts."""
        if self._reader.on_cluster:
            return
        for (name,) in await self._reader.rows(project_id, _PARTS, {"table": table, "partition": partition}):
            try:
                checked = await self._reader.rows(project_id, check_of(table, str(name)))
            except StoreError as error:
                if error.code not in NO_SUCH_PART_CODES | {NOT_IMPLEMENTED}:
                    raise
                continue
            if not all(whole for _, whole, _ in checked):
                raise StoreError(f"store: part {name} of {table} is not whole")

    async def _ask(self, project_id: int, sql: str, parameters: dict[str, Any]) -> list[LookupTable]:
        return [_table(*row) for row in await self._reader.rows(project_id, sql, parameters)]


def _table(table_id: str, name: str, version: str, columns: list[str], row_count: int) -> LookupTable:
    return LookupTable(uuid.UUID(table_id), name, uuid.UUID(version), columns, row_count)


def _row_binary(value: uuid.UUID) -> bytes:
    """A UUID in ClickHouse's form: two little-endian integers of 64 bits."""
    return value.bytes[7::-1] + value.bytes[:7:-1]
