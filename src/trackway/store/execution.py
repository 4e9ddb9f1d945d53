"""Carrying out statements: whole results, streams, inserts, commands.

In comes a parsed statement with its request, out go results; which connection does it, what happens when the client
leaves in the middle, and where an insert's rows wait until they are complete is decided here.

A result whose client leaves is killed: the query carries a mark at its end, by which a connection kept for this purpose
finds it among the running ones. An insert whose rows have all arrived is carried out even if its client leaves.
"""

import asyncio
import contextlib
import json
import os
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from trackway.store.body import ClientGone
from trackway.store.engine import MIB, EngineError, Handle, Result
from trackway.store.pool import Connection, Lane, Stream
from trackway.store.request import READERS, Request
from trackway.store.statement import Statement

Value = TypeVar("Value")

# Formats whose blocks can simply stand one after the other; all others have a head or a tail around the whole.
_STREAMED_FORMATS_WORDS = """
native tabseparated tsv tabseparatedraw tsvraw raw csv rowbinary jsoneachrow jsonlines ndjson jsoncompacteachrow
jsonstringseachrow jsoncompactstringseachrow lineasstring tskv rawblob
"""
STREAMED_FORMATS = frozenset(_STREAMED_FORMATS_WORDS.split())

QUERY_MEMORY_BYTES_MAX = 600 * MIB
WHOLE_RESULT_BYTES_MAX = 256 * MIB
STREAM_BLOCK_ROWS = 16_384  # a quarter of the default: as fast, and events of a megabyte still fit
KILL_AGAIN_S = 0.2

# Reading in the query's own thread: handing every small read to a pool costs a key look-up half of its time or more.
# And writing in it: a result goes through the memory once more, and through two more threads, if they format it.
_READING = {"local_filesystem_read_method": "pread", "output_format_parallel_formatting": "0"}

_BOUNDED = _READING | {
    "max_memory_usage": str(QUERY_MEMORY_BYTES_MAX),
    "max_bytes_before_external_group_by": str(QUERY_MEMORY_BYTES_MAX // 2),
    "max_bytes_before_external_sort": str(QUERY_MEMORY_BYTES_MAX // 2),
}
# The loader asks often and for little: a second thread would take a core from who writes.
_FOR_US = _BOUNDED | {"max_threads": "1"}
# All cores. The engine would have a free GiB for each thread, of a server that may have 1100 MiB: it took one thread.
_FOR_READERS = _BOUNDED | {"max_threads_min_free_memory_per_thread": "0"}


@dataclass(frozen=True, slots=True)
class Rows:
    """What a finished statement gave: a result's bytes in `format`, and the engine's counts by ClickHouse's names."""

    data: bytes
    format: str
    counts: dict[str, int]


class Execution:
    """The engine's connections in their lanes, and the spool directory."""

    def __init__(self, open_handle: Callable[[], Handle], spool: Path) -> None:
        self._spool = spool
        self._inserts = Lane(open_handle, "insert", 1, 16, {"max_partitions_per_insert_block": "0"})
        whole = {"max_result_bytes": str(WHOLE_RESULT_BYTES_MAX), "result_overflow_mode": "throw"}
        self._queries = Lane(open_handle, "query", 3, 64, _FOR_US | whole)
        # Pages ask what may take seconds, and people open many at once: the loader must not wait behind them.
        self._reader_queries = Lane(open_handle, "reader query", 3, 64, _FOR_READERS | whole)
        streamed = {"max_block_size": str(STREAM_BLOCK_ROWS)}
        self._streams = Lane(open_handle, "stream", 3, 8, _FOR_US | streamed)
        # A stream is as slow as its reader: behind clients', our own might wait for as long as these do not read.
        self._reader_streams = Lane(open_handle, "reader stream", 3, 8, _FOR_READERS | streamed)
        self._control = Lane(open_handle, "control", 1, 64, _READING)

    def close(self) -> None:
        """Wait for what runs, then close the engine."""
        queries, streams = (self._queries, self._reader_queries), (self._streams, self._reader_streams)
        for lane in (self._inserts, *queries, *streams, self._control):
            lane.close()

    async def whole(self, request: Request, statement: Statement, gone: "asyncio.Future[None]") -> Rows:
        """The complete result, at most 256 MiB. Raises EngineError; ClientGone once a left client's query is dead."""
        format_ = statement.format or request.default_format
        mark = _mark()
        lane = self._reader_queries if request.quota_key == READERS else self._queries
        async with lane.borrow() as connection:
            sql = _marked(statement.text, mark)

            def run() -> Rows:
                connection.prepare(request.database, request.settings)
                rows = _result_of(connection.query(sql, format_, request.parameters), format_)
                if not rows.data and format_.lower() == "native" and statement.verb in {"SELECT", "WITH"}:
                    header = _native_header(connection, statement, request.parameters)
                    return Rows(header, rows.format, rows.counts)
                return rows

            return await self._unless_gone(connection, mark, run, gone)

    @asynccontextmanager
    async def stream(
        self, request: Request, statement: Statement, gone: "asyncio.Future[None]"
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Blocks of a result, each a piece of the format; the next one is made while one is being sent.

        Raises EngineError while iterating; ClientGone once a left client's query is dead.
        """
        format_ = statement.format or request.default_format
        mark = _mark()
        lane = self._reader_streams if request.quota_key == READERS else self._streams
        async with lane.borrow() as connection:
            streams: list[Stream] = []

            def start() -> bytes | None:
                connection.prepare(request.database, request.settings)
                streams.append(connection.open_stream(_marked(statement.text, mark), format_, request.parameters))
                return streams[0].fetch()

            async def blocks() -> AsyncGenerator[bytes, None]:
                block = await self._unless_gone(connection, mark, start, gone)
                while block is not None:
                    ahead = asyncio.ensure_future(self._unless_gone(connection, mark, streams[0].fetch, gone))
                    try:
                        yield block
                    except BaseException:
                        ahead.cancel()
                        await asyncio.wait({ahead})
                        with contextlib.suppress(Exception, asyncio.CancelledError):
                            ahead.result()
                        raise
                    block = await ahead

            iterator = blocks()
            try:
                yield iterator
            finally:
                await iterator.aclose()
                if streams:
                    await asyncio.shield(connection.call(streams[0].cancel))

    async def insert(self, request: Request, statement: Statement, pieces: AsyncIterator[bytes]) -> Rows:
        """Put rows into their table; at return they are as durable as the table's settings say.

        Raises EngineError, OSError when the rows cannot be spooled.
        """
        path = self._spool / uuid.uuid4().hex
        try:
            await _spool(path, pieces)
            sql = f"{statement.head} FROM INFILE '{_escaped(path)}' COMPRESSION 'none' {statement.tail} "
            sql += f"FORMAT {statement.format}"
            return _written(await self._command(self._inserts, request, sql))
        finally:
            path.unlink(missing_ok=True)

    async def command(self, request: Request, statement: Statement) -> Rows:
        """Carry out DDL and anything else that gives no rows back. Raises EngineError."""
        return _result_of(await self._command(self._queries, request, statement.text), request.default_format)

    async def _command(self, lane: Lane, request: Request, sql: str) -> Result:
        async with lane.borrow() as connection:

            def run() -> Result:
                connection.prepare(request.database, request.settings)
                return connection.query(sql, request.default_format, request.parameters)

            return await connection.call(run)

    async def _unless_gone(
        self, connection: Connection, mark: str, function: Callable[[], Value], gone: "asyncio.Future[None]"
    ) -> Value:
        work = asyncio.ensure_future(connection.call(function))
        try:
            both: set[asyncio.Future[Any]] = {work, gone}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._kill(mark, work)
            raise
        if work.done():
            return work.result()
        await self._kill(mark, work)
        raise ClientGone

    async def _kill(self, mark: str, work: "asyncio.Future[Value]") -> None:
        """Kill the marked query until its call has come back; a query just beginning is not listed yet."""
        sql = f"KILL QUERY WHERE endsWith(query, '{mark}') ASYNC"
        while not work.done():
            async with self._control.borrow() as connection:
                await connection.call(lambda: connection.query(sql, "TSV", {}))
            await asyncio.wait({work}, timeout=KILL_AGAIN_S)
        with contextlib.suppress(EngineError):  # what it died of is what was asked for
            work.result()


def _mark() -> str:
    return f"/*{uuid.uuid4().hex}*/"


def _marked(text: str, mark: str) -> str:
    return f"{text.rstrip().rstrip(';')}\n{mark}"


def _result_of(result: Result, format_: str) -> Rows:
    counts = {"read_rows": result.storage_rows_read(), "read_bytes": result.storage_bytes_read()}
    counts |= {"result_rows": result.rows_read(), "elapsed_ns": int(result.elapsed() * 1e9)}
    return Rows(result.bytes(), format_, counts)


def _written(result: Result) -> Rows:
    # An insert from a file reads exactly the rows it writes.
    counts = {"written_rows": result.rows_read(), "written_bytes": result.bytes_read()}
    return Rows(b"", "", counts | {"elapsed_ns": int(result.elapsed() * 1e9)})


def _escaped(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace("'", "\\'")


def _native_header(connection: Connection, statement: Statement, params: dict[str, str]) -> bytes:
    """A block of no rows. The engine writes nothing for an empty result, clients read the column names from this."""
    described = connection.query(f"DESCRIBE TABLE ({statement.body}\n)", "JSONCompactEachRow", params).bytes()
    columns = [json.loads(line)[:2] for line in described.splitlines()]
    texts = [text.encode() for column in columns for text in column]
    return _varint(len(columns)) + _varint(0) + b"".join(_varint(len(text)) + text for text in texts)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes((*encoded, value))


async def _spool(path: Path, pieces: AsyncIterator[bytes]) -> None:
    # Not synced: the rows are the table's business, and a spool file never outlives its request.
    with open(path, "xb", buffering=MIB) as file:  # noqa: ASYNC230, PTH123  written at the speed of the page cache
        async for piece in pieces:
            file.write(piece)
        file.flush()


def empty_spool(directory: Path) -> None:
    """Make the spool directory, without what a killed process left in it."""
    directory.mkdir(parents=True, exist_ok=True)
    for entry in os.scandir(directory):
        os.unlink(entry.path)  # noqa: PTH108
