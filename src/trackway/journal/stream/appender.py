"""Appends to the stream, from the event loop of an edge process."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from trackway.domain.errors import StorageError
from trackway.domain.position import SUB_POSITIONS
from trackway.journal.limits import JOURNAL_PENDING_BYTES_MAX
from trackway.journal.log import Done, OnSync, Refusal
from trackway.journal.settling import call, settle_future
from trackway.journal.stream.breaker import Breaker
from trackway.journal.stream.connection import Connection
from trackway.journal.stream.progress import StreamProgress
from trackway.journal.stream.publisher import Append, Publisher, Unanswered, new_name
from trackway.journal.stream.streams import Stream
from trackway.telemetry import logs

_log = logs.get("journal")


class StreamAppender:
    """An `Appender` (`journal.log`). It owns the progress.

    Results come from the thread of the connection, and are settled in the event loop.
    """

    def __init__(
        self,
        connection: Connection,
        stream: Stream,
        progress: StreamProgress,
        on_sync: OnSync | None = None,
        refusal: Refusal = str,
        pending_bytes_max: int = JOURNAL_PENDING_BYTES_MAX,
    ):
        self._connection = connection
        self._progress = progress
        self._number = progress.new_appender()
        self._on_sync = on_sync
        self._refusal_of_caller = refusal
        self._breaker = Breaker()
        self._pending_bytes_max = pending_bytes_max
        self._loop = asyncio.get_running_loop()
        self._name = new_name()
        self._count = 0
        self._waiting: dict[Append, Done] = {}
        self._gathered: list[Append] = []
        self._pending_bytes = 0
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._free: list[Callable[[], None]] = []
        self._results: deque[tuple[Append, int | StorageError]] = deque()
        self._settling = False
        self._publisher = Publisher(connection, stream, self._settled)

    @property
    def pending_bytes(self) -> int:
        return self._pending_bytes

    def append(self, payload: bytes) -> "asyncio.Future[int]":
        future = self._loop.create_future()
        self.submit(payload, partial(settle_future, future))
        return future

    def submit(self, payload: bytes, done: Done) -> None:
        size = len(payload)
        if self._closing:
            done(StorageError("journal is closed"))
        elif self._pending_bytes and self._pending_bytes + size > self._pending_bytes_max:
            done(StorageError(f"more than {self._pending_bytes_max} bytes wait for the journal"))
        elif fault := self._refusal():
            done(StorageError(fault))
        else:
            self._count += 1
            append = Append(payload, f"{self._name}.{self._count}")
            self._breaker.let_through(append.id)
            self._waiting[append] = done
            self._pending_bytes += size
            self._idle.clear()
            if not self._gathered:
                self._loop.call_soon(self._send)
            self._gathered.append(append)

    def check(self) -> None:
        if fault := self._refusal():
            raise StorageError(fault)

    def call_when_free(self, callback: Callable[[], None]) -> None:
        if self._waiting:
            self._free.append(callback)
        else:
            callback()

    async def close(self) -> None:
        """Finish all appends."""
        self._closing = True
        await self._idle.wait()
        self._connection.post(self._publisher.close)
        self._progress.close()

    def _refusal(self) -> str:
        return self._refusal_of_caller() or self._breaker.refusal

    def _send(self) -> None:
        gathered, self._gathered = self._gathered, []
        self._connection.post(self._publisher.publish, gathered)

    def _settled(self, append: Append, result: int | StorageError) -> None:
        """In the thread of the connection."""
        self._results.append((append, result))
        if not self._settling:
            self._settling = True
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        self._settling = False  # before the first look, so that no result is left behind
        settled: list[tuple[Append, Done, int | StorageError]] = []
        while self._results:
            append, result = self._results.popleft()
            done = self._waiting.pop(append)
            self._pending_bytes -= append.size
            self._note(append, result)
            if isinstance(result, int):
                self._progress.appended(self._number, result + len(append.chunks) * SUB_POSITIONS)
            settled.append((append, done, result))
        if not self._waiting:
            self._idle.set()
        free, self._free = self._free, []
        for callback in free:
            call(callback)
        for append, done, result in settled:
            call(partial(done, result))
            if self._on_sync is not None and isinstance(result, int):
                self._on_sync(time.monotonic() - append.began_s, 1, append.size)

    def _note(self, append: Append, result: int | StorageError) -> None:
        if isinstance(result, Unanswered):
            if self._breaker.unanswered(append.id):
                _log.error("records are refused at once until the journal answers one", error=str(result))
        elif self._breaker.answered():
            _log.info("the journal answers again")
