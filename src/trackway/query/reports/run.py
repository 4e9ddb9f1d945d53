"""One run of a report: its statements, one after the other.

A report asks through a run, which keeps the statements for `explain=sql`. A statement that exceeds the memory of a
query may have another form, which takes longer and less memory, and gives the same rows.

Where facts count, results are kept for later runs. A run knows what the store has that the facts have not before it
asks a statement (`query.sql.seen`). So a result is kept under a state that is no newer than what it was made of, and is
found only while nothing has changed since.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec

from trackway.query.facts_state import Parts, known_of
from trackway.query.limits import REPORT_BLOCKS_S_MAX
from trackway.query.mapped_tables import Mapped, lookups_of
from trackway.query.sql.lookups import Lookups
from trackway.query.sql.person import Known
from trackway.query.sql.seen import SEEN, other_tables
from trackway.query.sql.segments import Facts
from trackway.store.errors import MEMORY_LIMIT_EXCEEDED, VALUE_REFUSED, StoreError
from trackway.store.reader import Reader
from trackway.store.result_cache import ResultCache

if TYPE_CHECKING:
    from trackway.store.reader import Columns

Made = TypeVar("Made")
_ROWS: Final = msgspec.msgpack.Decoder(list[tuple[Any, ...]])
_lines = msgspec.json.Decoder(list[Any]).decode_lines


class Statement(NamedTuple):
    """A statement and the values that it binds. `kept`: its result was kept by an earlier run. `parts`: some of these
    values for each part of the rows, where it is asked for one after the other (`Rows.parts`). Its result has the rows
    of all."""

    sql: str
    parameters: dict[str, Any]
    kept: bool = False
    parts: Sequence[Mapping[str, Any]] = ()

    @property
    def asked(self) -> "list[Statement]":
        """What the store is asked: itself, or the same for each part."""
        return [Statement(self.sql, {**self.parameters, **part}, self.kept) for part in self.parts or [{}]]

    @property
    def explained(self) -> dict[str, Any]:
        """As `explain=sql` shows it."""
        return {"sql": self.sql, "parameters": self.parameters, "kept": self.kept}


class Plain(NamedTuple):
    """A shorter form of a statement. It gives the same rows, and fails with VALUE_REFUSED unless all values of these
    properties are plain and the engine can read all newer events."""

    statement: Statement
    properties: Sequence[str]


class Run:
    """The statements of one report of a project. Every method raises StoreError.

    `blocks_s_max`: seconds for a result that is read block by block. `parts`: what the store has, if that was looked at
    (`query.reports.assured`).
    """

    def __init__(
        self,
        reader: Reader,
        project_id: int,
        mapped: Sequence[Mapped] = (),
        results: ResultCache | None = None,
        blocks_s_max: float = REPORT_BLOCKS_S_MAX,
        parts: Parts | None = None,
    ) -> None:
        self._reader = reader
        self._mapped = mapped
        self._results = results
        self._blocks_s_max = blocks_s_max
        self._parts = parts
        self._facts: Facts | None = None
        self._seen: dict[tuple[str, ...], Any] = {}
        self.project_id = project_id
        self.statements: list[Statement] = []
        """What was asked, in order."""

    async def known(self) -> Known:
        """What the project's identity has, the facts that may be read instead of its events, and lookup tables."""
        found = await known_of(self._reader, self.project_id, self._parts)
        self._facts = found.facts
        self._seen.clear()
        return found._replace(lookups=await self.lookups())

    async def lookups(self) -> Lookups:
        """The lookup tables whose columns the report may name."""
        return await lookups_of(self._reader, self.project_id, self._mapped)

    async def rows(
        self, statement: Statement, *smaller: Statement, plain: Plain | None = None
    ) -> list[tuple[Any, ...]]:
        """All rows of a result of moderate size, with values as in JSON.

        `smaller`: other forms of the statement, each of which takes less memory than the one before. One is asked after
        the store had too little memory for the one before. `plain` is asked first, unless it is known to fail.
        """
        if plain is None:
            return await self.made(statement, "", _ROWS, lambda: self._rows(statement, *smaller))
        return await self.made(plain.statement, "", _ROWS, lambda: self._rows_of_plain(plain, statement, *smaller))

    async def made(
        self,
        statement: Statement,
        rule: str,
        decoder: msgspec.msgpack.Decoder[Made],
        make: Callable[[], Awaitable[Made]],
    ) -> Made:
        """What `make` makes of a statement's rows, or what it made in an earlier run. `make` asks the statement.
        `rule` says all that the result depends on besides the rows; `decoder` is one of its type, of plain values."""
        key = await self._key(statement, rule)
        if self._results is None or key is None:
            return await make()
        kept = self._results.get(key)
        if kept is not None:
            self.statements += statement._replace(kept=True).asked
            return decoder.decode(kept)
        result = await make()
        packed = _packed(result)
        if packed is not None:
            self._results.put(key, packed)
        return result

    @asynccontextmanager
    async def blocks(self, statement: Statement) -> AsyncIterator[AsyncIterator[list[Any]]]:
        """The rows of a result of any size, in blocks, with values as in JSON. Leaving the context stops the query."""
        self.statements.append(statement)
        asked = self.project_id, statement.sql, statement.parameters, "JSONCompactEachRow"
        async with self._reader.stream(*asked, time_s=self._blocks_s_max) as pieces:
            yield _blocks(pieces)

    def columns(self, statement: Statement) -> "AbstractAsyncContextManager[AsyncIterator[list[Columns]]]":
        """The blocks of a result of any size, some at a time, as numpy arrays. Leaving the context stops the query."""
        self.statements.append(statement)
        return self._reader.columns(self.project_id, statement.sql, statement.parameters, time_s=self._blocks_s_max)

    async def _rows_of_plain(self, plain: Plain, *forms: Statement) -> list[tuple[Any, ...]]:
        key = msgspec.msgpack.encode((self.project_id, plain.properties))
        refused = self._reader.refused
        if refused.get(key) is None:
            try:
                return await self._rows(plain.statement)
            except StoreError as error:
                if error.code != VALUE_REFUSED:
                    raise
            self.statements.pop()
            refused.put(key, b"")
        return await self._rows(*forms)

    async def _rows(self, *forms: Statement) -> list[tuple[Any, ...]]:
        before = len(self.statements)
        for each in forms:
            try:
                return [row for part in each.asked for row in await self._rows_of(part)]
            except StoreError as error:
                if error.code != MEMORY_LIMIT_EXCEEDED or each is forms[-1]:
                    raise
                del self.statements[before:]
        raise AssertionError("the last statement returns or raises")

    async def _rows_of(self, asked: Statement) -> list[tuple[Any, ...]]:
        self.statements.append(asked)
        return await self._reader.rows(self.project_id, asked.sql, asked.parameters)

    async def _key(self, statement: Statement, rule: str) -> bytes | None:
        """The key of a result, None where it is not kept."""
        facts = self._facts
        if self._results is None or facts is None:
            return None
        tables = tuple(other_tables(statement.sql))
        if tables and tables not in self._seen:
            [self._seen[tables]] = await self._reader.rows(self.project_id, SEEN, {"tables": list(tables)})
        depends = (self.project_id, statement.sql, statement.parameters, rule, facts, self._seen.get(tables))
        packed = _packed(depends)
        return packed and blake2b(packed, digest_size=32).digest()


def _packed(value: object) -> bytes | None:
    """A value as bytes, None where it has a number beyond 64 bits."""
    try:
        return msgspec.msgpack.encode(value, order="deterministic")
    except OverflowError:
        return None


async def _blocks(pieces: AsyncIterator[bytes]) -> AsyncIterator[list[Any]]:
    rest = b""
    async for piece in pieces:
        whole, line_end, begun = (rest + piece).rpartition(b"\n")
        rest = begun
        if line_end:
            yield _lines(whole)
    if rest:
        yield _lines(rest)
