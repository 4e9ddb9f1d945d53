"""Group commit: many requests of one event loop share one write and one sync.

Payloads come in from requests, and each request gets the position of its record once that is on disk. One thread
writes and syncs; while it does, new payloads gather and become the next batch. So the worse the disk, the larger the
batches, and a lone request still waits for one sync only.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue

from trackway import limits
from trackway.errors import StorageError
from trackway.journal.writer import Writer

_log = logging.getLogger(__name__)

OnSync = Callable[[float, int, int], None]
"""Called in the event loop after each sync: seconds it took, records, payload bytes."""

Done = Callable[[int | Exception], None]
"""Called in the event loop with the position of a record that is durable now, or with why it is not."""

_Batch = tuple[list[bytes], list[Done], int]


class GroupCommit:
    """Make it within the running event loop that will use it; `close` stops its thread, but not the writer."""

    def __init__(
        self,
        writer: Writer,
        on_sync: OnSync | None = None,
        pending_bytes_max: int = limits.JOURNAL_PENDING_BYTES_MAX,
        batch_bytes_max: int = limits.JOURNAL_BATCH_BYTES_MAX,
    ):
        self._writer = writer
        self._on_sync = on_sync
        self._pending_bytes_max = pending_bytes_max
        self._batch_bytes_max = batch_bytes_max
        self._loop = asyncio.get_running_loop()
        self._gathered: deque[tuple[bytes, Done]] = deque()
        self._pending_bytes = 0
        self._busy = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False
        self._free: list[Callable[[], None]] = []
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal-commit", daemon=True)
        self._thread.start()

    @property
    def pending_bytes(self) -> int:
        """Payload bytes whose sync is outstanding."""
        return self._pending_bytes

    def commit(self, payload: bytes) -> "asyncio.Future[int]":
        """Await it for the record's position; then it is durable. Order of calls is order in the journal.

        StorageError: the payload is not durable, or too many bytes are waiting already. Giving up the wait does not
        take the payload back.
        """
        future = self._loop.create_future()
        self.submit(payload, partial(_settle_future, future))
        return future

    def submit(self, payload: bytes, done: Done) -> None:
        """The same for a caller that does not wait: `done` is called instead, right away when nothing can be taken."""
        size = len(payload)
        if self._closing:
            done(StorageError("journal is closed"))
        elif self._pending_bytes and self._pending_bytes + size > self._pending_bytes_max:
            done(StorageError(f"more than {self._pending_bytes_max} bytes wait for the journal"))
        else:
            self._gathered.append((payload, done))
            self._pending_bytes += size
            if not self._busy:
                self._busy = True
                self._idle.clear()
                self._loop.call_soon(self._send)

    def call_when_free(self, callback: Callable[[], None]) -> None:
        """Call as soon as no sync is going on: what comes in until then can become one payload."""
        if self._busy:
            self._free.append(callback)
        else:
            callback()

    async def close(self) -> None:
        """Finish what was committed and stop the thread. Nothing can be committed afterwards."""
        self._closing = True
        await self._idle.wait()
        self._batches.put(None)
        await asyncio.to_thread(self._thread.join)

    def _send(self) -> None:
        """Hand what has gathered to the thread, as much as one batch may hold."""
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
        """The thread. It must answer each batch, or requests would wait for ever."""
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
        payloads, waiting, size = batch
        self._pending_bytes -= size
        free, self._free = self._free, []
        for callback in free:
            _call(callback)
        self._send()
        if failure is not None:
            for done in waiting:
                _call(partial(done, _own(failure)))
            return
        for done, position in zip(waiting, positions, strict=True):
            _call(partial(done, position))
        if self._on_sync is not None:
            self._on_sync(duration_s, len(payloads), size)


def _call(callback: Callable[[], None]) -> None:
    """One that fails must not keep the others from their answers, or the journal from going on."""
    try:
        callback()
    except Exception:
        _log.exception("a callback of the journal failed")


def _own(failure: Exception) -> Exception:
    """Each request gets an exception of its own, since one that is raised twice gathers tracebacks."""
    if not isinstance(failure, StorageError):
        return failure
    own = StorageError(str(failure))
    own.__cause__ = failure
    return own


def _settle_future(future: "asyncio.Future[int]", result: int | Exception) -> None:
    if future.done():
        return  # whoever waited has given up
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
