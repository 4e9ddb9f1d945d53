"""Asks a statement of a person: parse, write anew, run with the bounds of one statement.

The store runs it as a report's, so it waits for none of another workload. It may change nothing (`readonly`), and its
rows are read as they come, to the bounds of an answer.
"""

import asyncio
from datetime import date
from typing import Final, NamedTuple

from trackway.query.identity_lookup import known_links
from trackway.query.limits import (
    SQL_FAULT_CHARACTERS_MAX,
    SQL_MEMORY_BYTES_MAX,
    SQL_RESULT_BYTES_MAX,
    SQL_ROWS_MAX,
    SQL_S_MAX,
)
from trackway.query.read_only_sql.parser import parsed
from trackway.query.read_only_sql.refusal import SqlRefused
from trackway.query.read_only_sql.statement import Written, write
from trackway.query.read_only_sql.views import views_of
from trackway.query.sql.days import Days
from trackway.query.sql.person import JOIN_SETTINGS
from trackway.query.sql.tables import rows_from
from trackway.store.errors import MEMORY_LIMIT_EXCEEDED, TIME_EXCEEDED_CODES, UNREADABLE_CODES, StoreError
from trackway.store.reader import Reader

SETTINGS: Final = (
    f"{JOIN_SETTINGS}, readonly = 2, max_memory_usage = {SQL_MEMORY_BYTES_MAX}, optimize_move_to_prewhere = 0,"
    " output_format_json_quote_64bit_integers = 0, output_format_json_quote_denormals = 0"
)
_EMPTY_VALUE: Final = 32
"""The code of a damaged file, and of an empty text that is to be a number."""
_OF_THE_STORE: Final = (UNREADABLE_CODES - {_EMPTY_VALUE}) | frozenset(
    (60, 81, 202, 209, 210, 225, 236, 243, 252, 279, 364, 394, 425, 1002)
)
"""The store's codes for failures of its own: damaged files, missing tables, no room, connections, too many queries, a
stop. With any other one it finds fault with the statement: with names, types, arguments, values."""
_CONTEXT: Final = (": In scope", " In scope", " in scope", ": while", ": While", "(in file", " Stack trace", ". (")
"""Where the store's sentence ends, and the text of the whole statement begins."""


class Asked(NamedTuple):
    """A statement of a project. `dates`: the first and last day of its events, in the project's zone; None for all."""

    project_id: int
    text: str
    days: Days
    dates: tuple[date, date] | None


class Column(NamedTuple):
    """A column of a result: its name, and its type in the store."""

    name: str
    type: str


class Result(NamedTuple):
    """The rows, each as a JSON list on a line. `is_cut`: there are more."""

    columns: list[Column]
    lines: list[bytes]
    is_cut: bool


async def ask(reader: Reader, asked: Asked) -> Result:
    """Raises SqlRefused for a statement that is not allowed, or with which the store finds fault, and StoreError."""
    tree = await asyncio.to_thread(parsed, asked.text)
    views = views_of(asked.project_id, await known_links(reader, asked.project_id), asked.days, asked.dates)
    written = await asyncio.to_thread(write, tree, views.queries)
    parameters = {**views.parameters, **written.parameters}
    sql = _bounded(written)
    try:
        described = await reader.rows(asked.project_id, f"DESCRIBE TABLE ({sql})", parameters, time_s=SQL_S_MAX)
        lines, is_cut = await _lines(reader, asked.project_id, sql, parameters)
    except StoreError as error:
        raise _refused(error) or error from error
    types = [(str(name), str(type)) for name, type, *_ in described]
    names = written.names or [name for name, _ in types]
    return Result([Column(name, type) for name, (_, type) in zip(names, types, strict=True)], lines, is_cut)


def _bounded(written: Written) -> str:
    """The statement with its settings, which count for the whole of it."""
    sql = written.sql if written.is_select else f"SELECT * {rows_from(written.sql)}"
    return sql + SETTINGS


async def _lines(reader: Reader, project_id: int, sql: str, parameters: dict[str, object]) -> tuple[list[bytes], bool]:
    """The first rows, and whether there are more."""
    lines: list[bytes] = []
    size = 0
    rest = b""
    async with reader.stream(project_id, sql, parameters, "JSONCompactEachRow", time_s=SQL_S_MAX) as pieces:
        async for piece in pieces:
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                size += len(line)
                if len(lines) == SQL_ROWS_MAX or size > SQL_RESULT_BYTES_MAX:
                    return lines, True
                lines.append(line)
            if len(rest) > SQL_RESULT_BYTES_MAX:
                return lines, True
    return lines, False


def _refused(error: StoreError) -> SqlRefused | None:
    """The refusal of a statement that is itself at fault, None for a failure of the store."""
    if error.code == MEMORY_LIMIT_EXCEEDED:
        return SqlRefused("query needs too much memory: choose fewer days or columns, or group by less")
    if error.code in TIME_EXCEEDED_CODES:
        return SqlRefused(f"query takes longer than {SQL_S_MAX:.0f} s: choose fewer days")
    if error.code is None or error.code in _OF_THE_STORE:
        return None
    said = str(error).partition("DB::Exception: ")[2] or str(error)
    for mark in _CONTEXT:
        said = said.partition(mark)[0]
    return SqlRefused(f"the store refuses the query: {said.strip()[:SQL_FAULT_CHARACTERS_MAX]}")
