"""The front door of the store: queries from an event loop, without blocking it.

A `Reader` serves one workload with its own threads, so no other workload waits for it. Every query names its project:
it is bound as `{project:UInt32}`, and a project with many queries waits only for itself. A query takes one slot and
holds it to its end; none holds one while it waits for another.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec

from trackway.store import workload
from trackway.store.call import Call
from trackway.store.client import Parameters, Store
from trackway.store.errors import TOO_MANY_QUERIES, StoreError
from trackway.store.limits import REFUSED_BYTES_MAX, STATES_BYTES_MAX
from trackway.store.result_cache import ResultCache
from trackway.store.turns import TooManyWait, Turns
from trackway.store.workload import Workload

if TYPE_CHECKING:
    from numpy import generic
    from numpy.typing import NDArray

    Columns = list[NDArray[generic]]

Value = TypeVar("Value")

_WHOLE: Final = {
    "wait_end_of_query": "1",  # so a failure has a status of its own, and does not appear within a result
    "output_format_json_quote_64bit_integers": "0",
}
_holding: Final = ContextVar("whether a place is held", default=False)
"""Whether the present task holds a slot."""
_lines = msgspec.json.Decoder(list[Any]).decode_lines


class Reader:
    """The store at a URL, for one workload. For one event loop at a time. Every method raises StoreError."""

    def __init__(self, url: str, asked_by: Workload, results: ResultCache | None = None) -> None:
        self.results = results
        """Where results are kept for the next time, if they are."""
        self._store = Store(url, workload=asked_by)
        self.on_cluster = self._store.cluster is not None
        self.states = None if self.on_cluster else ResultCache(STATES_BYTES_MAX)
        """Where the states of projects are kept, each by what it depends on; nowhere on a cluster (`open_readers`)."""
        self.refused = ResultCache(REFUSED_BYTES_MAX)
        """What shorter forms of statements were found not to fit, so that they are not asked again."""
        self.holding = self._store.holding
        self._workload = asked_by
        self._turns = Turns(asked_by.connections, asked_by.project_max, asked_by.waiting_max)
        self._threads = ThreadPoolExecutor(asked_by.connections, f"store-{asked_by.name}")
        self._closing: set[asyncio.Task[None]] = set()
        self._asking: set[asyncio.Future[Any]] = set()
        self._given_up = False

    async def ping(self) -> None:
        """Return when the store answers queries with these credentials."""
        await self.rows(0, "SELECT 1")

    async def rows(
        self, project_id: int, sql: str, parameters: Parameters | None = None, *, time_s: float | None = None
    ) -> list[tuple[Any, ...]]:
        """All rows of a result of moderate size, with values as in JSON: dates and times are texts, and a text that was
        cut within a character ends with U+FFFD. `time_s`: the store's time limit, instead of the workload's."""
        return await self._rows(self._workload, project_id, sql, parameters, time_s)

    async def look(self, project_id: int, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """The same for a short look at the store. What is asked beside it has all cores."""
        return await self._rows(workload.LOOKS, project_id, sql, parameters, None)

    async def _rows(
        self, counts_as: Workload, project_id: int, sql: str, parameters: Parameters | None, time_s: float | None
    ) -> list[tuple[Any, ...]]:
        settings = _WHOLE | _settings(counts_as, project_id, time_s or counts_as.question_s_max)
        bound = {"project": project_id, **(parameters or {})}

        def ask() -> list[tuple[Any, ...]]:
            pieces = self._store.stream(sql, bound, "JSONCompactEachRow", settings)
            with closing(pieces):
                text = b"".join(pieces).decode("utf-8", "replace")
            return [tuple(row) for row in _lines(text)]

        return await self._in_turn(project_id, ask, Call())

    @asynccontextmanager
    async def stream(
        self,
        project_id: int,
        sql: str,
        parameters: Parameters | None = None,
        format: str = "TSVRaw",
        *,
        time_s: float | None = None,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of a result of any size in `format`, in pieces that are read on demand. Leaving the context stops
        the query at once. `time_s`: the store's time limit, including the time of its reader; None: no limit."""
        async with self._stream(project_id, lambda made: made, sql, parameters, format, time_s) as pieces:
            yield pieces

    @asynccontextmanager
    async def columns(
        self, project_id: int, sql: str, parameters: Parameters | None = None, *, time_s: float | None = None
    ) -> "AsyncIterator[AsyncIterator[list[Columns]]]":
        """The blocks of a result of any size, some at a time, each a list of numpy arrays
        (`store.native_arrays`). Otherwise as `stream`."""
        from trackway.store.native_arrays import read_blocks  # noqa: PLC0415  numpy costs 30 MB

        async with self._stream(project_id, read_blocks, sql, parameters, "Native", time_s) as found:
            yield found

    @asynccontextmanager
    async def _stream(
        self,
        project_id: int,
        read: Callable[[Generator[bytes]], Generator[Value]],
        sql: str,
        parameters: Parameters | None,
        format: str,
        time_s: float | None,
    ) -> AsyncIterator[AsyncIterator[Value]]:
        """What `read` makes of the pieces, in the thread that waits for them."""
        settings = _settings(self._workload, project_id, time_s)
        bound = {"project": project_id, **(parameters or {})}
        await self._take(project_id)
        blocks = self._store.stream(sql, bound, format, settings)
        made = read(blocks)
        running: list[asyncio.Future[Value | None]] = []
        call = Call()
        _holding.set(True)

        async def pieces() -> AsyncIterator[Value]:
            while True:
                running[:] = [self._run_call(call, lambda: next(made, None))]
                if (piece := await self._answer(running[0])) is None:
                    return
                yield piece

        try:
            yield pieces()
        finally:
            _holding.set(False)
            if not all(each.done() for each in running):
                call.end()
            await self._end(project_id, blocks, running)

    async def write(
        self, project_id: int, sql: str, parameters: Parameters | None = None, *, time_s: float | None = None
    ) -> None:
        """Run a statement without a result, such as an INSERT … SELECT."""
        bound = {"project": project_id, **(parameters or {})}
        settings = _settings(self._workload, project_id, time_s or self._workload.question_s_max)
        await self._in_turn(project_id, lambda: self._store.command(sql, bound, settings))

    async def insert(
        self,
        project_id: int,
        table: str,
        columns: Sequence[str],
        rows: Iterable[bytes],
        format: str = "RowBinary",
        settings: Mapping[str, str] | None = None,
    ) -> int:
        """Insert rows, which a thread iterates; at return they are durable. Returns their number. If the iterator
        raises, its error is raised and nothing is inserted."""
        wanted = _settings(self._workload, project_id, None) | dict(settings or {})
        return await self._in_turn(project_id, lambda: self._store.insert_rows(table, columns, rows, format, wanted))

    def give_up(self) -> None:
        """Stop waiting: all present and later queries get a StoreError at once. Their threads continue."""
        self._given_up = True
        self._turns.refuse()
        for waiting in list(self._asking):
            waiting.cancel()

    def close(self) -> None:
        """Fail everything that waits."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._store.close()

    async def _take(self, project_id: int) -> None:
        # Two such queries could wait for each other.
        assert not _holding.get(), "who holds a place of the store must not wait for another: leave the stream first"
        if self._given_up:
            raise StoreError("store: does not answer")
        try:
            await self._turns.take(project_id)
        except TooManyWait:
            raise StoreError("store: too many queries of the project wait already", TOO_MANY_QUERIES) from None

    async def _in_turn(self, project_id: int, ask: Callable[[], Value], call: Call | None = None) -> Value:
        """The result of `ask` in a thread. Its slot is taken until it is done, even if the caller was cancelled, which
        ends the `call`. What changes the store has no call, and is always finished."""
        await self._take(project_id)
        asked = self._run_call(call, ask) if call else self._run(ask)
        asked.add_done_callback(lambda _: self._turns.give(project_id))
        try:
            return await self._answer(asked)
        except asyncio.CancelledError:
            if call:
                call.end()
            raise

    async def _answer(self, asked: "asyncio.Future[Value]") -> Value:
        """The result of a thread, which continues if the caller is cancelled."""
        waiting = asyncio.shield(asked)
        self._asking.add(waiting)
        try:
            return await waiting
        except asyncio.CancelledError:
            if self._given_up and (task := asyncio.current_task()) is not None and not task.cancelling():
                raise StoreError("store: does not answer") from None
            raise
        finally:
            self._asking.discard(waiting)

    def _run(self, ask: Callable[[], Value]) -> "asyncio.Future[Value]":
        return asyncio.get_running_loop().run_in_executor(self._threads, ask)

    def _run_call(self, call: Call, ask: Callable[[], Value]) -> "asyncio.Future[Value]":
        """The same for a call. When it is ended, nobody waits for its error any more: the event loop does not report
        it."""
        asked = self._run(partial(call.run, ask))
        asked.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return asked

    async def _end(self, project_id: int, blocks: Generator[bytes], running: Sequence["asyncio.Future[Any]"]) -> None:
        """Close a stream and release its slot, without waiting for a thread that still waits for the store."""
        ending = asyncio.create_task(self._ended(project_id, blocks, running))
        self._closing.add(ending)
        ending.add_done_callback(self._closing.discard)
        if all(each.done() for each in running):
            await asyncio.shield(ending)

    async def _ended(self, project_id: int, blocks: Generator[bytes], running: Sequence["asyncio.Future[Any]"]) -> None:
        try:
            if running:
                await asyncio.wait(running)
            await self._run(blocks.close)
        finally:
            self._turns.give(project_id)


def _settings(asked_by: Workload, project_id: int, time_s: float | None) -> dict[str, str]:
    named = {"quota_key": asked_by.quota_key(project_id)}
    return named if time_s is None else named | {"max_execution_time": f"{time_s:.3f}"}


class Readers(NamedTuple):
    """The readers of an edge process, by workload."""

    api: Reader
    pages: Reader
    exports: Reader
    reports: Reader
    lookup_tables: Reader
    health: Reader

    def close(self) -> None:
        for reader in self:
            reader.close()

    async def give_up_unless_it_answers(self) -> None:
        """At the end of a process: requests may wait for the store only while it answers at all."""
        try:
            await self.health.ping()
        except StoreError:
            for reader in self:
                reader.give_up()


def open_readers(url: str, result_bytes_max: int = 0) -> Readers:
    """All readers; nothing is connected yet. `result_bytes_max`: bytes of results of reports that are kept, 0 for
    none. A cluster's are never kept: the replica that says what has changed may know more than the one that answers."""
    kept = ResultCache(result_bytes_max) if result_bytes_max else None
    workloads = (workload.API, workload.PAGES, workload.EXPORT, workload.REPORTS, workload.LOOKUP, workload.HEALTH)
    readers = Readers(*(Reader(url, each) for each in workloads))
    if not readers.reports.on_cluster:
        readers.reports.results = kept
    return readers


def open_alerts_reader(url: str) -> Reader:
    """The reader of the process of alerts; nothing is connected yet."""
    return Reader(url, workload.ALERTS)
