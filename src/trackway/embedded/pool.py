"""Connections to the engine, in lanes.

A connection runs one query at a time, so workloads that must not wait for each other need connections of their own. A
lane holds the connections of one workload, and no other workload uses them. Within a lane projects share fairly
(`turns`). Every connection has one thread, because the engine blocks. In a lane without a free connection a bounded
number of requests wait. The lane refuses more.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from trackway.embedded.engine import EngineError, Handle, Result
from trackway.store.turns import TooManyWait, Turns

Value = TypeVar("Value")

TOO_MANY_QUERIES = 202  # ClickHouse's TOO_MANY_SIMULTANEOUS_QUERIES


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Connection:
    """One engine connection and its thread. It remembers its database and settings, and sets only those that differ."""

    def __init__(self, open_handle: Callable[[], Handle]) -> None:
        self._open_handle = open_handle
        self._handle: Handle | None = None
        self._settings: dict[str, str] = {}
        self._database = "default"
        self._failed = False
        self._called_s: float | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")

    @property
    def busy_s(self) -> float:
        """Seconds that the running call has taken so far."""
        called_s = self._called_s
        return time.monotonic() - called_s if called_s is not None else 0.0

    async def call(self, function: Callable[[], Value]) -> Value:
        """Run `function` in this connection's thread. Cancelling the caller does not stop it; see `settled`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._timed, function)

    def _timed(self, function: Callable[[], Value]) -> Value:
        self._called_s = time.monotonic()
        try:
            return function()
        finally:
            self._called_s = None

    async def settled(self) -> None:
        """Return when nothing runs in the thread, and no failed query holds memory."""
        await asyncio.shield(self.call(self._let_go))

    def query(self, sql: str, format_: str, params: dict[str, str]) -> Result:
        """A whole result. Blocks; for use inside `call`. Raises EngineError."""
        try:
            return self._opened().query(sql, format_, params=params)
        except RuntimeError as error:
            self._failed = True
            raise EngineError(str(error)) from None

    def prepare(self, database: str, settings: dict[str, str]) -> None:
        """Give this connection's session the settings of a request. Settings of earlier requests are reset."""
        for name in self._settings.keys() - settings.keys():
            self.query(f"SET {name} = DEFAULT", "TSV", {})
            del self._settings[name]
        for name, value in settings.items():
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
            # A stream may fail later, or its client may disconnect. Its memory is released in each case.
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
        # The engine keeps a failed or killed query, with its memory, until the next query on the connection.
        if self._failed:
            self._failed = False
            self.query("SELECT 1", "TSV", {})

    def _opened(self) -> Handle:
        if self._handle is None:
            self._handle = self._open_handle()
        return self._handle


class Stream:
    """The blocks of a running query. Each is a complete piece of the output format."""

    def __init__(self, handle: Handle, stream: object) -> None:
        self._handle = handle
        self._stream = stream
        self._open = True

    def fetch(self) -> bytes | None:
        """The next block's bytes, None at the end. Raises EngineError, which ends the stream."""
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
        """Stop the query if it still runs. The connection is usable afterwards."""
        if self._open:
            self._open = False
            self._handle.streaming_cancel_query(self._stream)


class Lane:
    """The connections of one workload. Each opens when it is first needed."""

    def __init__(self, open_handle: Callable[[], Handle], name: str, turns: Turns, size: int) -> None:
        self.name = name
        self._turns = turns
        self._connections = [Connection(open_handle) for _ in range(size)]
        self._free = list(self._connections)

    @property
    def running(self) -> int:
        """How many of its connections are borrowed."""
        return len(self._connections) - len(self._free)

    @property
    def busy_s(self) -> float:
        """Seconds that the longest of its running calls has taken so far."""
        return max(connection.busy_s for connection in self._connections)

    @asynccontextmanager
    async def borrow(self, project: str = "") -> AsyncIterator[Connection]:
        """A free connection; waits for one if necessary. Raises EngineError 202 when too many callers wait already."""
        try:
            await self._turns.take(project)
        except TooManyWait:
            text = f"too many queries wait for a connection in lane {self.name}"
            raise EngineError(
                f"Code: {TOO_MANY_QUERIES}. DB::Exception: {text}. (TOO_MANY_SIMULTANEOUS_QUERIES)"
            ) from None
        connection = self._free.pop()
        try:
            yield connection
        finally:
            try:
                await connection.settled()
            finally:
                self._free.append(connection)
                self._turns.give(project)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
