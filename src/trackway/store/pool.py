"""Connections to the engine, in lanes.

A connection runs one query at a time, so what must not wait for another needs a connection of its own. Lanes do that:
inserts, short queries and streams each have theirs, and none can take the others'. Every connection has one thread,
because the engine blocks. A lane with no free connection lets a bounded number of requests wait; more are refused.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from trackway.store.engine import EngineError, Handle, Result

Value = TypeVar("Value")

TOO_MANY_QUERIES = 202  # ClickHouse's TOO_MANY_SIMULTANEOUS_QUERIES


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Connection:
    """One engine connection and its thread. Remembers the database and settings it has, and changes what differs."""

    def __init__(self, open_handle: Callable[[], Handle], base: dict[str, str]) -> None:
        self._open_handle = open_handle
        self._handle: Handle | None = None
        self._base = base
        self._settings: dict[str, str] = {}
        self._database = "default"
        self._failed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")

    async def call(self, function: Callable[[], Value]) -> Value:
        """Run `function` in this connection's thread. Cancelling the caller does not stop it; see `settled`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def settled(self) -> None:
        """Return once nothing runs in the thread any more, and no failed query holds memory."""
        await asyncio.shield(self.call(self._let_go))

    def query(self, sql: str, format_: str, params: dict[str, str]) -> Result:
        """A whole result. Blocks; for use inside `call`. Raises EngineError."""
        try:
            return self._opened().query(sql, format_, params=params)
        except RuntimeError as error:
            self._failed = True
            raise EngineError(str(error)) from None

    def prepare(self, database: str, settings: dict[str, str]) -> None:
        """Make this connection's session what a request wants: no setting of an earlier request stays."""
        wanted = self._base | settings
        for name in self._settings.keys() - wanted.keys():
            self.query(f"SET {name} = DEFAULT", "TSV", {})
            del self._settings[name]
        for name, value in wanted.items():
            if self._settings.get(name) != value:
                self.query(f"SET {name} = {_quoted(value)}", "TSV", {})
                self._settings[name] = value
        if database != self._database:
            self.query("USE `" + database.replace("\\", "\\\\").replace("`", "\\`") + "`", "TSV", {})
            self._database = database

    def open_stream(self, sql: str, format_: str, params: dict[str, str]) -> "Stream":
        """Start a query whose result comes block by block. Raises EngineError."""
        handle = self._opened()
        try:
            # A stream may fail later or be left in the middle: what it holds is let go of in any case.
            self._failed = True
            return Stream(handle, handle.send_query(sql, format_, params=params))
        except RuntimeError as error:
            raise EngineError(str(error)) from None

    def close(self) -> None:
        """Wait for the running call, then close. The engine stops with its last connection."""
        if self._handle is not None:
            self._thread.submit(self._handle.close).result()
            self._handle = None
        self._thread.shutdown()

    def _let_go(self) -> None:
        # The engine keeps a failed or killed query, with its memory, until the connection gets its next one.
        if self._failed:
            self._failed = False
            self.query("SELECT 1", "TSV", {})

    def _opened(self) -> Handle:
        if self._handle is None:
            self._handle = self._open_handle()
        return self._handle


class Stream:
    """The blocks of a running query; each is a complete piece of the output format."""

    def __init__(self, handle: Handle, stream: object) -> None:
        self._handle = handle
        self._stream = stream
        self._open = True

    def fetch(self) -> bytes | None:
        """The next block's bytes, None at the end. Raises EngineError; then the stream is over."""
        if not self._open:
            return None
        try:
            block = self._handle.streaming_fetch_result(self._stream)
        except RuntimeError as error:
            self._open = False
            raise EngineError(str(error)) from None
        if block is None or block.rows_read() == 0:
            self._open = False
            return None
        return block.bytes()

    def cancel(self) -> None:
        """Stop the query if it still runs; the connection is usable afterwards."""
        if self._open:
            self._open = False
            self._handle.streaming_cancel_query(self._stream)


class Lane:
    """A few connections for one sort of query, opened when first needed."""

    def __init__(
        self, open_handle: Callable[[], Handle], name: str, size: int, waiting_max: int, base: dict[str, str]
    ) -> None:
        self.name = name
        self._waiting_max = waiting_max
        self._connections = [Connection(open_handle, base) for _ in range(size)]
        self._free = deque(self._connections)
        self._waiting: deque[asyncio.Future[Connection]] = deque()

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[Connection]:
        """A free connection, waiting for one if need be. Raises EngineError 202 when too many wait already."""
        connection = self._free.pop() if self._free else await self._wait()
        try:
            yield connection
        finally:
            try:
                await connection.settled()
            finally:
                self._give_back(connection)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    async def _wait(self) -> Connection:
        if len(self._waiting) >= self._waiting_max:
            text = (
                f"Code: {TOO_MANY_QUERIES}. DB::Exception: too many queries wait for a connection in lane {self.name}"
            )
            raise EngineError(f"{text}, maximum: {self._waiting_max}. (TOO_MANY_SIMULTANEOUS_QUERIES)")
        turn: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(turn.result())
            raise

    def _give_back(self, connection: Connection) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        self._free.append(connection)
