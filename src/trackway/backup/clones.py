"""Clones of the tables of a store elsewhere, and their rows, part by part.

The files of such a store are on another machine, so a backup reads rows. For a moment that does not pass, each table
is cloned: a table beside it with hard links to its parts, which nothing inserts into and which is not merged. A piece
is some rows of one part, in ClickHouse's Native format, packed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import IO, ClassVar, Final

import msgspec
from backports import zstd

from trackway.backup.limits import COPY_BYTES, SLICE_ROWS
from trackway.backup.packs import Digest, Digesting, Entry, Readable
from trackway.backup.pieces import Piece
from trackway.domain.errors import StateError
from trackway.store.client import Store

CLONE: Final = "backup_"
"""How names of clones begin."""
DEFINITIONS: Final = "definitions.json"
"""The entry with the statements that make the tables."""
_NAME: Final = re.compile(r"[a-z_]{1,64}")
_LEVEL: Final = 1
_SETTINGS: Final = "max_bytes_to_merge_at_max_space_in_pool = 1, merge_with_ttl_timeout = 86400"
_PARTS: Final = """
SELECT name, rows, hash_of_all_files, bytes_on_disk FROM system.parts
WHERE active AND database = currentDatabase() AND table = {table:String} ORDER BY partition_id, min_block_number"""
_IS_THERE: Final = """
SELECT count() FROM system.parts
WHERE active AND database = currentDatabase() AND table = {table:String} AND name = {part:String}"""
_COLUMNS: Final = """
SELECT name FROM system.columns
WHERE database = currentDatabase() AND table = {table:String} AND default_kind NOT IN ('MATERIALIZED', 'ALIAS')
ORDER BY position"""
_CLONES: Final = (
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, {clones:String})"
)
_DEFINITIONS: Final = """
SELECT name, create_table_query FROM system.tables
WHERE database = currentDatabase() AND name IN {tables:Array(String)}"""
_HEAD: Final = re.compile(r"CREATE TABLE \S+")


class ClonedRows:
    """The rows of cloned tables. `tables`: those with clones; `empty_tables` are made anew, without their rows."""

    kind: ClassVar[str] = "rows"

    def __init__(self, store: Store, tables: Iterable[str], empty_tables: Iterable[str]):
        self._store = store
        self._tables = sorted(tables)
        self._empty_tables = sorted(empty_tables)
        self.columns = {table: columns_of(store, table) for table in self._tables}

    def pieces(self) -> list[Piece]:
        return [piece for table in self._tables for piece in self._pieces_of(table)]

    def definitions(self) -> list[Entry]:
        made_by = definitions(self._store, [*self._tables, *self._empty_tables])
        return [Entry(DEFINITIONS, msgspec.json.encode(made_by))]

    def remove(self) -> None:
        drop_clones(self._store)

    def _pieces_of(self, table: str) -> Iterator[Piece]:
        columns = self.columns[table]
        for part, rows, hashed, size in self._store.query(_PARTS, {"table": CLONE + table}):
            for first in range(0, int(rows), SLICE_ROWS):
                count = min(SLICE_ROWS, int(rows) - first)
                content = (table, str(hashed), str(first), str(count), *columns)
                key = sha256("\n".join(content).encode()).hexdigest()[:32]
                name = f"rows/{table}/{part}.{first}-{key}.zst"
                write = partial(_write, self._store, table, str(part), first, count, columns)
                yield Piece(name, table, f"{part}.{first}", key, int(size) * count // int(rows), count, write)


def clone(store: Store, table: str) -> None:
    """Clone a table, in place of a clone that a killed backup has left. Raises StorageError."""
    of, to = _quoted(table), _quoted(CLONE + table)
    for text in (
        f"DROP TABLE IF EXISTS {to}",
        f"CREATE TABLE {to} AS {of}",
        f"ALTER TABLE {to} MODIFY SETTING {_SETTINGS}",
        f"ALTER TABLE {to} ATTACH PARTITION ALL FROM {of}",
    ):
        store.command(text)


def drop_clones(store: Store) -> None:
    """Drop all clones. The engine removes their files some minutes later. Raises StorageError.

    SYNC would wait for ever: a connection of the embedded engine keeps the table that it has streamed last.
    """
    for (name,) in store.query(_CLONES, {"clones": CLONE}):
        store.command(f"DROP TABLE IF EXISTS {_quoted(str(name))}")


def columns_of(store: Store, table: str) -> list[str]:
    """The columns that an insert names. Raises StorageError."""
    return [str(name) for (name,) in store.query(_COLUMNS, {"table": table})]


def _write(
    store: Store, table: str, part: str, first: int, count: int, columns: Sequence[str], file: IO[bytes]
) -> Digest:
    """Write some rows of a part. Raises StorageError, and StateError where the engine has merged the clone."""
    chosen = ", ".join(map(_column, columns))
    text = f"SELECT {chosen} FROM {_quoted(CLONE + table)}" + " WHERE _part = {part:String}"  # noqa: S608  # names of ours
    text += " AND _part_offset >= {first:UInt64} AND _part_offset < {end:UInt64}"
    asked = {"part": part, "first": first, "end": first + count}
    digesting = Digesting(file)
    packing = zstd.ZstdCompressor(_LEVEL)
    for content in store.stream(text, asked, "Native"):
        digesting.write(packing.compress(content))
    digesting.write(packing.flush())
    if store.query(_IS_THERE, {"table": CLONE + table, "part": part}) != [(1,)]:
        raise StateError(f"the store merged a clone of {table} meanwhile: make the backup again")
    return digesting.digest


def rows_in(file: Readable) -> Iterator[bytes]:
    """The rows of a piece, in ClickHouse's Native format. Raises StateError for what is none."""
    unpacking = zstd.ZstdDecompressor()
    try:
        while packed := file.read(COPY_BYTES):
            if content := unpacking.decompress(packed):
                yield content
    except (zstd.ZstdError, EOFError) as error:
        raise StateError(f"rows of a backup cannot be read: {error}") from error
    if not unpacking.eof:
        raise StateError("rows of a backup end too early")


def definitions(store: Store, tables: Iterable[str]) -> dict[str, str]:
    """By table, the statement that makes it. Raises StorageError."""
    found = store.query(_DEFINITIONS, {"tables": list(tables)})
    return {str(name): _HEAD.sub(f"CREATE TABLE {_quoted(str(name))}", str(text), count=1) for name, text in found}


def make_tables(store: Store, made_by: Mapping[str, str]) -> None:
    """Make empty tables by their statements. Raises StorageError."""
    for table, text in made_by.items():
        if not text.startswith(f"CREATE TABLE {_quoted(table)}"):
            raise StateError(f"the backup has no definition of the table {table[:64]!r}")
        store.command(text)


def _quoted(table: str) -> str:
    """A table's name within a statement."""
    assert _NAME.fullmatch(table), f"{table!r} becomes part of a statement"
    return f"`{table}`"


def _column(name: str) -> str:
    assert name.isidentifier(), f"{name!r} becomes part of a statement"
    return f"`{name}`"
