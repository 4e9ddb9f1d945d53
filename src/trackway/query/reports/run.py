"""One run of a report: its statements, one after the other.

A report asks through a run, which keeps the statements for `explain=sql`. A statement that exceeds the memory of a
query may have another form, which takes longer and less memory, and gives the same rows.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple

import msgspec

from trackway.query.facts_state import facts_of
from trackway.query.identity_lookup import known_links
from trackway.query.limits import REPORT_BLOCKS_S_MAX
from trackway.query.mapped_tables import Mapped, lookups_of
from trackway.query.sql.lookups import Lookups
from trackway.query.sql.person import Known
from trackway.store.errors import MEMORY_LIMIT_EXCEEDED, StoreError
from trackway.store.reader import Reader

_lines = msgspec.json.Decoder(list[Any]).decode_lines


class Statement(NamedTuple):
    """A statement and the values that it binds."""

    sql: str
    parameters: dict[str, Any]


class Run:
    """The statements of one report of a project. Every method raises StoreError."""

    def __init__(self, reader: Reader, project_id: int, mapped: Sequence[Mapped] = ()) -> None:
        self._reader = reader
        self._mapped = mapped
        self.project_id = project_id
        self.statements: list[Statement] = []
        """What was asked, in order."""

    async def known(self) -> Known:
        """What the project's identity has, the facts that may be read instead of its events, and lookup tables."""
        found = await known_links(self._reader, self.project_id)
        facts = await facts_of(self._reader, self.project_id)
        return found._replace(facts=facts, lookups=await self.lookups())

    async def lookups(self) -> Lookups:
        """The lookup tables whose columns the report may name."""
        return await lookups_of(self._reader, self.project_id, self._mapped)

    async def rows(self, statement: Statement, *smaller: Statement) -> list[tuple[Any, ...]]:
        """All rows of a result of moderate size, with values as in JSON.

        `smaller`: other forms of the statement, each of which takes less memory than the one before. One is asked after
        the store had too little memory for the one before.
        """
        for each in (statement, *smaller):
            self.statements.append(each)
            try:
                return await self._reader.rows(self.project_id, each.sql, each.parameters)
            except StoreError as error:
                if error.code != MEMORY_LIMIT_EXCEEDED or each is (statement, *smaller)[-1]:
                    raise
                self.statements.pop()
        raise AssertionError("the last statement returns or raises")

    @asynccontextmanager
    async def blocks(self, statement: Statement) -> AsyncIterator[AsyncIterator[list[Any]]]:
        """The rows of a result of any size, in blocks, with values as in JSON. Leaving the context stops the query."""
        async with self.pieces(statement, "JSONCompactEachRow") as pieces:
            yield _blocks(pieces)

    def pieces(self, statement: Statement, format: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The bytes of a result of any size in a format, cut anywhere. Leaving the context stops the query."""
        self.statements.append(statement)
        sql, parameters = statement
        return self._reader.stream(self.project_id, sql, parameters, format, time_s=REPORT_BLOCKS_S_MAX)


async def _blocks(pieces: AsyncIterator[bytes]) -> AsyncIterator[list[Any]]:
    rest = b""
    async for piece in pieces:
        whole, line_end, begun = (rest + piece).rpartition(b"\n")
        rest = begun
        if line_end:
            yield _lines(whole)
    if rest:
        yield _lines(rest)
