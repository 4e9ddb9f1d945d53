"""What is stored of some persons, as files for them to read: one JSON document, or tables as CSV.

The store itself writes the JSON of each event and profile, and the lines of tables. Python passes on blocks of bytes.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

import msgspec

from trackway.query.limits import PERSON_IDS_COUNTED_MAX
from trackway.query.sql.json_lines import on_one_line
from trackway.query.sql.person import ALL_IDS
from trackway.query.sql.tables import GIVEN_IDS, KEPT, rows_in
from trackway.store.reader import Reader

Table = Literal["events", "profiles"]
TABLES: Final[tuple[Table, ...]] = ("events", "profiles")
_HEADS: Final[dict[Table, tuple[str, ...]]] = {
    "events": ("time", "event", "distinct_id", "device_id", "user_id", "insert_id", "properties"),
    "profiles": ("id", "updated", "properties"),
}
_SEPARATOR: Final = b"\x1e"
"""It stands before each JSON text: a character that none contains."""
_OF_IDS: Final = {"events": "distinct_id", "profiles": "profile_id"}
_SELECTED: Final[dict[Table, tuple[str, ...]]] = {
    "events": (
        "concat(replaceOne(toString(time), ' ', 'T'), 'Z')",
        "toString(event)",
        "distinct_id",
        "device_id",
        "user_id",
        "insert_id",
        "properties",
    ),
    "profiles": ("profile_id", "concat(replaceOne(toString(updated), ' ', 'T'), 'Z')", "properties"),
}
_SETTINGS: Final = " SETTINGS max_block_size = 8192"


def _rows(table: Table) -> str:
    conditions = [f"{_OF_IDS[table]} IN ({GIVEN_IDS})", "group_key = ''" if table == "profiles" else KEPT]
    order = "time, insert_id" if table == "events" else "profile_id"
    return f"{rows_in(table, *conditions, final=True)} ORDER BY {order}{_SETTINGS}"


def _json_sql(table: Table) -> str:
    """A row as JSON. Properties are JSON already."""
    parts = [
        f"'\"{name}\":', {sql if name == 'properties' else f'toJSONString({sql})'}"
        for name, sql in zip(_HEADS[table], _SELECTED[table], strict=True)
    ]
    line = "concat('{', " + ", ',', ".join(parts) + ", '}')"
    return f"SELECT concat(char(30), {on_one_line(line)}) {_rows(table)}"


def _csv_sql(table: Table) -> str:
    """A row whose texts no spreadsheet runs."""
    cells = [f"if(match({sql}, '^[=+@\\t\\r-]'), concat('\\'', {sql}), {sql})" for sql in _SELECTED[table]]
    return f"SELECT {', '.join(cells)} {_rows(table)}"


@asynccontextmanager
async def person_document(reader: Reader, project_id: int, ids: Collection[str]) -> AsyncIterator[AsyncIterator[bytes]]:
    """One JSON document: all ids of the persons, their profiles, and their events by time. Raises StoreError."""
    found = await _all_ids(reader, project_id, ids)

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"ids":' + msgspec.json.encode(found)
        for table in reversed(TABLES):
            yield b',\n"' + table.encode() + b'":['
            is_first = True
            async with reader.stream(project_id, _json_sql(table), _bound(found)) as blocks:
                async for block in blocks:
                    yield _joined(block, is_first=is_first)
                    is_first = False
            yield b"]"
        yield b"}\n"

    yield pieces()


@asynccontextmanager
async def person_table(
    reader: Reader, project_id: int, ids: Collection[str], table: Table
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Events by time, or profiles, as CSV with a head. Raises StoreError."""
    found = await _all_ids(reader, project_id, ids)

    async def pieces() -> AsyncIterator[bytes]:
        yield ",".join(_HEADS[table]).encode() + b"\r\n"
        async with reader.stream(project_id, _csv_sql(table), _bound(found), "CSV") as blocks:
            async for block in blocks:
                yield block

    yield pieces()


async def _all_ids(reader: Reader, project_id: int, ids: Collection[str]) -> list[str]:
    asked = _bound(ids) | {"most": PERSON_IDS_COUNTED_MAX}
    return sorted(str(id) for (id,) in await reader.rows(project_id, ALL_IDS, asked))


def _joined(block: bytes, *, is_first: bool) -> bytes:
    """JSON texts with commas between them."""
    text = block.replace(_SEPARATOR, b",")
    return text[1:] if is_first else text


def _bound(ids: Collection[str]) -> dict[str, Any]:
    return {"ids": msgspec.json.encode(list(ids)).decode()}
