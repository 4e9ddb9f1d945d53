"""Lookup tables in the store: which there are, replaced whole or not at all (protocol §13).

Rows are inserted under a version that nobody knows yet; one row, atomic and synced, then makes it the table's. Whatever
is killed in between, the table stays as it was, and what is left behind is dropped by a later change. Former versions
stay for an hour, for queries that have begun with them. Every method blocks and raises StorageError.
"""

import secrets
import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple

from trackway.ingest.lookup_table import ROW_COLUMNS, LookupReader
from trackway.limits import LOOKUP_REPLACEMENTS_WINDOW_S, LOOKUP_TABLES_MAX, LOOKUP_VERSION_KEPT_S
from trackway.store.client import Store

_IDS = uuid.UUID("0d2f2b5c-6a0a-4a5e-9f0b-6c8c1f1d7f5e")
"""The namespace of tables' ids, which are made of project and name: creating a table twice makes one."""

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
# Of a table that was deleted meanwhile nothing is changed.
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
SELECT partition FROM system.parts
WHERE active AND database = currentDatabase() AND table = 'lookup_rows' AND partition NOT IN
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
_DROP = "ALTER TABLE lookup_rows DROP PARTITION {version:UUID}"
_INSERT = {"max_insert_threads": "1", "max_insert_block_size": "65536", "min_insert_block_size_bytes": "33554432"}
"""Blocks of rows as the store holds them in memory."""


class LookupTable(NamedTuple):
    """A table as it is now: `columns` are those behind the key's."""

    table_id: uuid.UUID
    name: str
    version: uuid.UUID
    columns: list[str]
    row_count: int


class TooManyTables(Exception):
    """The project has as many tables as it may."""


class LookupTables:
    """The lookup tables of all projects; each is seen with its project's id only."""

    def __init__(self, store: Store):
        self._store = store

    def all(self, project_id: int) -> list[LookupTable]:
        """A project's tables by name."""
        return self._ask(f"{_NOW} ORDER BY name", {"project": project_id})

    def find(self, project_id: int, table_id: uuid.UUID) -> LookupTable | None:
        found = self._ask(f"{_NOW} AND table_id = {{table:UUID}}", {"project": project_id, "table": table_id})
        return found[0] if found else None

    def create(self, project_id: int, name: str) -> LookupTable:
        """An empty table, or the one that has the name already. Raises TooManyTables."""
        table_id = uuid.uuid5(_IDS, f"{project_id}/{name}")
        parameters = {"project": project_id, "table": table_id, "name": name}
        if found := self.find(project_id, table_id):
            return found
        if len(self.all(project_id)) >= LOOKUP_TABLES_MAX:
            raise TooManyTables
        self._store.command(_CREATE, parameters)
        return LookupTable(table_id, name, uuid.UUID(int=0), [], 0)

    def replace(self, project_id: int, table_id: uuid.UUID, pieces: Iterable[bytes]) -> int:
        """Replace a table by the CSV that comes in pieces; the number of its rows, once all of it is synced.

        Raises InvalidTable, RequestError 413 and whatever the pieces raise; then nothing has changed. After a
        StorageError the table is the old one or the new one.
        """
        self.drop_ended()
        reader = LookupReader(pieces, secrets.randbits(64))
        version = uuid.uuid4()
        head = project_id.to_bytes(4, "little") + _row_binary(version)
        columns = ("project_id", "version", *ROW_COLUMNS)
        self._store.insert_rows("lookup_rows", columns, reader.rows(head), settings=_INSERT)
        self._change(project_id, table_id, "replaced", version, reader.columns, reader.row_count)
        return reader.row_count

    def delete(self, project_id: int, table_id: uuid.UUID) -> None:
        """Delete a table; its rows go with a later change of any table."""
        self._change(project_id, table_id, "deleted", uuid.uuid4())

    def wait_s(self, project_id: int, replacements_max: int) -> int:
        """Seconds until the project may replace a table again, 0 if it may now."""
        parameters = {"project": project_id, "window": LOOKUP_REPLACEMENTS_WINDOW_S, "others": replacements_max - 1}
        found = self._store.query(_WAIT, parameters)
        return max(int(found[0][0]), 1) if found else 0

    def drop_ended(self, kept_s: int = LOOKUP_VERSION_KEPT_S) -> None:
        """Drop the rows that are no table's, if they have not been for so many seconds."""
        for (version,) in self._store.query(_ENDED, {"kept": kept_s}):
            self._store.command(_DROP, {"version": version})

    def _change(
        self,
        project_id: int,
        table_id: uuid.UUID,
        change: str,
        version: uuid.UUID,
        columns: Iterable[str] = (),
        row_count: int = 0,
    ) -> None:
        parameters = {"project": project_id, "table": table_id, "change": change, "version": version}
        self._store.command(_CHANGE, parameters | {"columns": list(columns), "row_count": row_count})

    def _ask(self, sql: str, parameters: dict[str, Any]) -> list[LookupTable]:
        return [LookupTable(*row) for row in self._store.query(sql, parameters)]


def _row_binary(value: uuid.UUID) -> bytes:
    """A UUID as ClickHouse writes it: two integers of 64 bits, each with its lowest byte first."""
    return value.bytes[7::-1] + value.bytes[:7:-1]
