"""Group commit: many requests of one event loop share one write and one sync.

Takes payloads of requests. Each request gets the position of its record once the record is durable. One thread writes
and syncs; meanwhile new payloads gather for the next batch. So a slower disk gets larger batches, and a single request
waits for one sync only.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Protocol

from trackway.domain.errors import StorageError
from trackway.journal.limits import JOURNAL_BATCH_BYTES_MAX, JOURNAL_PENDING_BYTES_MAX
from trackway.journal.log import Done, OnSync, Refusal
from trackway.journal.settling import call, settle_future
from trackway.runtime.background import start_thread

_Batch = tuple[list[bytes], list[Done], int]


class BatchWriter(Protocol):
    """Makes batches durable. Its calls block, and one thread makes them."""

    def prepare(self) -> None:
        """Prepare for the first append."""

    def append(self, payloads: Sequence[bytes]) -> list[int]:
        """Append all payloads or none; their positions. They are durable at return. Raises StorageError."""

    def close(self) -> None: ...


class GroupCommit:
    """An `Appender` (`journal.log`) over a batch writer, which it owns."""

    def __init__(
        self,
        writer: BatchWriter,
        on_sync: OnSync | None = None,
        pending_bytes_max: int = JOURNAL_PENDING_BYTES_MAX,
        batch_bytes_max: int = JOURNAL_BATCH_BYTES_MAX,
        refusal: Refusal = str,
    ):
        self._writer = writer
        self._on_sync = on_sync
        self._pending_bytes_max = pending_bytes_max
        self._batch_bytes_max = batch_bytes_max
        self._refusal = refusal
        self._loop = asyncio.get_running_loop()
        self._gathered: deque[tuple[bytes, Done]] = deque()
        self._pending_bytes = 0
        self._busy = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False
        self._free: list[Callable[[], None]] = []
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        self._thread = start_thread(self._run, "journal-commit")

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
            self._gathered.append((payload, done))
            self._pending_bytes += size
            if not self._busy:
                self._busy = True
                self._idle.clear()
                self._loop.call_soon(self._send)

    def check(self) -> None:
        if fault := self._refusal():
            raise StorageError(fault)

    def call_when_free(self, callback: Callable[[], None]) -> None:
        if self._busy:
            self._free.append(callback)
        else:
            callback()

    async def close(self) -> None:
        """Finish all appends, stop the thread, and close the writer."""
        self._closing = True
        await self._idle.wait()
        self._batches.put(None)
        await asyncio.to_thread(self._thread.join)
        self._writer.close()

    def _send(self) -> None:
        """Pass the gathered payloads to the thread, up to the size of a batch."""
        gathered = self._gathered
        if not gathered:
            self._busy = False
            self._idle.set()
            return
        payloads: list[bytes] = []
        waiting: list[Done] = []
        size = 0
        while gathered and (not payloads or size + len(gathered[0][0]) <= self._batch_bytes_max):
            payload, done = gathered.popleft()
            payloads.append(payload)
            waiting.append(done)
            size += len(payload)
        self._batches.put((payloads, waiting, size))

    def _run(self) -> None:
        """The thread's loop. It must settle each batch, or requests would wait for ever."""
        self._writer.prepare()
        while batch := self._batches.get():
            positions: list[int] = []
            failure: Exception | None = None
            began = time.perf_counter()
            try:
                positions = self._writer.append(batch[0])
            except Exception as error:
                failure = error
            duration_s = time.perf_counter() - began
            self._loop.call_soon_threadsafe(self._settle, batch, positions, failure, duration_s)

    def _settle(self, batch: _Batch, positions: list[int], failure: Exception | None, duration_s: float) -> None:
        """Hand over the results of a batch. Who waits to put more into the next one is called when the loop has read
        what arrived meanwhile: replies bring requests, and a batch costs nearly the same whatever is in it."""
        payloads, waiting, size = batch
        self._pending_bytes -= size
        if failure is not None:
            results: list[int | Exception] = [_own(failure) for _ in waiting]
        else:
            results = [*positions]
        for done, result in zip(waiting, results, strict=True):
            call(partial(done, result))
        if self._free:
            self._loop.call_soon(self._next)
        else:
            self._send()
        if failure is None and self._on_sync is not None:
            self._on_sync(duration_s, len(payloads), size)

    def _next(self) -> None:
        free, self._free = self._free, []
        for callback in free:
            call(callback)
        self._send()


def _own(failure: Exception) -> Exception:
    """An exception of its own for each request: one that is raised twice collects tracebacks."""
    if not isinstance(failure, StorageError):
        return failure
    own = StorageError(str(failure))
    own.__cause__ = failure
    return own
