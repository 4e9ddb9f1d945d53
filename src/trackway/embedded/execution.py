"""Execution of statements: whole results, streams, inserts, commands.

A parsed statement arrives with its request. Results leave. This module chooses the connection, handles a client that
disconnects, and spools the rows of an insert until they are complete.

When the client of a query disconnects, the query is killed. Each query ends with a mark, and a connection of its own
finds the mark among the running queries. An insert whose rows have all arrived runs even if its client disconnects.
"""

import asyncio
import contextlib
import json
import os
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from trackway.embedded.engine import EngineError, Handle, Result
from trackway.embedded.failures import Refusal
from trackway.embedded.limits import (
    ENGINE_CALL_S_MAX,
    ENGINE_KILL_S_MAX,
    KILL_AGAIN_S,
    LANE_WAITING_MAX,
    STREAM_BLOCK_ROWS,
    WHOLE_RESULT_BYTES_MAX,
)
from trackway.embedded.pool import Connection, Lane, Stream
from trackway.embedded.query_request import Request
from trackway.embedded.request_body import ClientGone
from trackway.embedded.statement import Statement
from trackway.store.limits import SPOOL_BUFFER_BYTES, SPOOL_LOOK_BYTES
from trackway.store.spool import ROWS_FILE, check_room, file_of
from trackway.store.turns import Turns
from trackway.store.workload import LOADER, SHARED_CORES, WORKLOADS, Workload, of_quota_key

Value = TypeVar("Value")

# Formats whose blocks can be concatenated. All others have a head or a tail around the whole result.
_STREAMED_FORMATS_WORDS = """
native tabseparated tsv tabseparatedraw tsvraw raw csv rowbinary jsoneachrow jsonlines ndjson jsoncompacteachrow
jsonstringseachrow jsoncompactstringseachrow lineasstring tskv rawblob
"""
STREAMED_FORMATS = frozenset(_STREAMED_FORMATS_WORDS.split())


# The query's own thread reads: a pool for every small read takes at least half of the time of a look-up by key.
# It also formats: parallel formatting copies a result once more, and hands it through two more threads.
_READING = {"local_filesystem_read_method": "pread", "output_format_parallel_formatting": "0"}

_CORES = len(os.sched_getaffinity(0))

_INSERTING = {"max_partitions_per_insert_block": "0"}
_WHOLE = {"max_result_bytes": str(WHOLE_RESULT_BYTES_MAX), "result_overflow_mode": "throw"}
_STREAMED = {"max_block_size": str(STREAM_BLOCK_ROWS)}


def _bounds(workload: Workload, running: int = 1) -> dict[str, str]:
    """The settings of a query of a workload. `running`: how many of its queries run, this one among them."""
    half = str(workload.memory_bytes_max // 2)
    bounds = _READING | {
        "max_memory_usage": str(workload.memory_bytes_max),
        "max_bytes_before_external_group_by": half,
        "max_bytes_before_external_sort": half,
    }
    if workload.threads > 0:
        return bounds | {"max_threads": str(workload.threads)}
    if workload.threads == SHARED_CORES and running > 1:
        bounds["max_threads"] = str(max(1, _CORES // running))
    # By default the engine requires a free GiB for each thread. With 1100 MiB it would use one thread.
    return bounds | {"max_threads_min_free_memory_per_thread": "0"}


@dataclass(frozen=True, slots=True)
class Rows:
    """The result of a finished statement: its bytes in `format`, and the engine's counts by ClickHouse's names."""

    data: bytes
    format: str
    counts: dict[str, int]


class Execution:
    """The engine's connections in their lanes, and the spool directory, whose disk keeps `keep_free_bytes` free."""

    def __init__(self, open_handle: Callable[[], Handle], spool: Path, keep_free_bytes: int = 0) -> None:
        self._spool = spool
        self._lanes = {
            each.name: Lane(
                open_handle,
                each.name,
                Turns(each.connections, each.project_max, LANE_WAITING_MAX),
                each.connections,
            )
            for each in WORKLOADS.values()
        }
        self._inserts = Lane(open_handle, "insert", Turns(1, 1, LANE_WAITING_MAX), 1)
        """The loader's inserts. They never wait for the loader's own queries."""
        self._control = Lane(open_handle, "control", Turns(1, 1, LANE_WAITING_MAX), 1)
        self._probe = Lane(open_handle, "probe", Turns(1, 1, LANE_WAITING_MAX), 1)
        self._kills: dict[str, float] = {}
        self._keep_free_bytes = keep_free_bytes

    def close(self) -> None:
        """Wait for the running statements, then close the engine."""
        for lane in (self._inserts, *self._lanes.values(), self._control, self._probe):
            lane.close()

    async def probe(self) -> None:
        """Return when the engine has answered. An error is an answer, too."""
        async with self._probe.borrow() as connection:
            with contextlib.suppress(EngineError):
                await connection.call(lambda: connection.query("SELECT 1", "TSV", {}))

    def hangs(self) -> bool:
        """Whether an insert takes longer than ENGINE_CALL_S_MAX, or a killed query longer than ENGINE_KILL_S_MAX."""
        now_s = time.monotonic()
        killed_s = min(self._kills.values(), default=now_s)
        return now_s - killed_s > ENGINE_KILL_S_MAX or self._inserts.busy_s > ENGINE_CALL_S_MAX

    async def whole(self, request: Request, statement: Statement, gone: "asyncio.Future[None]") -> Rows:
        """The complete result, at most 256 MiB. Raises EngineError, or ClientGone after it killed the query of a client
        that disconnected."""
        format_ = statement.format or request.default_format
        mark = _mark()
        workload, project = of_quota_key(request.quota_key)
        lane = self._lanes[workload.name]
        async with lane.borrow(project) as connection:
            settings = _bounds(workload, lane.running) | _WHOLE | request.settings
            sql = _marked(statement.text, mark)

            def run() -> Rows:
                connection.prepare(request.database, settings)
                rows = _result_of(connection.query(sql, format_, request.parameters), format_)
                wanted = format_.lower() == "native" and not request.quota_key  # our own clients read no names
                if not rows.data and wanted and statement.verb in {"SELECT", "WITH"}:
                    header = _native_header(connection, statement, request.parameters)
                    return Rows(header, rows.format, rows.counts)
                return rows

            return await self._unless_gone(connection, mark, run, gone)

    @asynccontextmanager
    async def stream(
        self, request: Request, statement: Statement, gone: "asyncio.Future[None]"
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Blocks of a result, each a piece of the format. The engine makes the next one while one is being sent.

        Raises EngineError while iterating, or ClientGone after it killed the query of a client that disconnected.
        """
        format_ = statement.format or request.default_format
        mark = _mark()
        workload, project = of_quota_key(request.quota_key)
        lane = self._lanes[workload.name]
        async with lane.borrow(project) as connection:
            settings = _bounds(workload, lane.running) | _STREAMED | request.settings
            streams: list[Stream] = []

            def start() -> bytes | None:
                connection.prepare(request.database, settings)
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
        """Insert rows into their table. At return they are as durable as the table's settings say.

        Raises EngineError, OSError when the rows cannot be spooled.
        """
        path = self._spool / uuid.uuid4().hex
        try:
            await _spool(path, pieces, self._keep_free_bytes)
            return await self._insert_file(request, statement, path)
        finally:
            path.unlink(missing_ok=True)

    async def insert_spooled(self, request: Request, statement: Statement, name: str) -> Rows:
        """Insert the rows of a file that the client has put into the spool, and removes. Raises as `insert`, and
        Refusal for a name that no client gives."""
        path = file_of(self._spool, name)
        if path is None:
            raise Refusal(36, f"the header {ROWS_FILE} must name a file of rows in the spool")
        return await self._insert_file(request, statement, path)

    async def _insert_file(self, request: Request, statement: Statement, path: Path) -> Rows:
        sql = f"{statement.head} FROM INFILE '{_escaped(path)}' COMPRESSION 'none' {statement.tail} "
        sql += f"FORMAT {statement.format}"
        workload, project = of_quota_key(request.quota_key)
        lane = self._inserts if workload is LOADER else self._lanes[workload.name]
        return _written(await self._command(lane, project, request, sql, _INSERTING))

    async def command(self, request: Request, statement: Statement) -> Rows:
        """Run DDL and any other statement without a result. Raises EngineError."""
        workload, project = of_quota_key(request.quota_key)
        lane, bounds = self._lanes[workload.name], _bounds(workload) | _WHOLE
        return _result_of(await self._command(lane, project, request, statement.text, bounds), request.default_format)

    async def _command(self, lane: Lane, project: str, request: Request, sql: str, bounds: dict[str, str]) -> Result:
        async with lane.borrow(project) as connection:

            def run() -> Result:
                connection.prepare(request.database, bounds | request.settings)
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
        """Kill the marked query, again and again until its call returns: a query that just begins is not listed yet."""
        sql = f"KILL QUERY WHERE endsWith(query, '{mark}') ASYNC"
        self._kills.setdefault(mark, time.monotonic())
        try:
            while not work.done():
                async with self._control.borrow() as connection:
                    await connection.call(lambda: connection.query(sql, "TSV", {}))
                await asyncio.wait({work}, timeout=KILL_AGAIN_S)
        finally:
            self._kills.pop(mark, None)
        with contextlib.suppress(EngineError):  # the kill itself makes the call fail
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
    """A block without rows. The engine writes none for an empty result, but other clients read the column names from
    it. It costs nearly as much again as the statement."""
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


async def _spool(path: Path, pieces: AsyncIterator[bytes], keep_free_bytes: int) -> None:
    # Not synced: the table makes the rows durable, and a spool file never outlives its request.
    unseen = SPOOL_LOOK_BYTES
    with open(path, "xb", buffering=SPOOL_BUFFER_BYTES) as file:  # noqa: ASYNC230, PTH123  written at the speed of the page cache
        async for piece in pieces:
            unseen += len(piece)
            if unseen >= SPOOL_LOOK_BYTES:
                check_room(path.parent, keep_free_bytes + unseen)
                unseen = 0
            file.write(piece)
        file.flush()


def empty_spool(directory: Path) -> None:
    """Make the spool directory, and remove the files that a killed process left in it."""
    directory.mkdir(parents=True, exist_ok=True)
    for entry in os.scandir(directory):
        os.unlink(entry.path)  # noqa: PTH108
