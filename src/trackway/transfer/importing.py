"""An import: batches of all files, several on their way at once, counted in the order of the files.

The progress is saved only behind batches without a gap. So a batch that a killed import had sent ahead is sent again,
and stored once.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from trackway.domain.errors import StateError
from trackway.transfer.batch_sending import Sent, Target, send_batch
from trackway.transfer.batches import Batch, Forming, batches_of
from trackway.transfer.connection import Address, Connection
from trackway.transfer.formats import Format, format_of
from trackway.transfer.limits import BATCHES_PER_CONNECTION, PROGRESS_S
from trackway.transfer.progress_file import Progress
from trackway.transfer.readers import read_blocks
from trackway.transfer.rejected_file import RejectedFile
from trackway.transfer.sources import Source, opened


class Order(NamedTuple):
    """What to import. `forming` gives the form of records of a format. `given`: the format of all files, None to find
    it for each."""

    sources: list[Source]
    address: Address
    target: Target
    forming: Callable[[Format], Forming]
    given: Format | None
    connections: int
    rejected_path: Path


class Counts(NamedTuple):
    """How far an import is: records, and stored bytes of all files that were read."""

    imported: int
    rejected: int
    read_bytes: int


class FileBroken(StateError):
    """A file cannot be read to its end."""


class Import:
    """Runs an order. `tell` is called after each batch with the counts so far."""

    def __init__(self, order: Order, progress: Progress, tell: Callable[[Counts], object]):
        self._order = order
        self._progress = progress
        self._tell = tell
        self._stop = threading.Event()
        self._connections = threading.local()
        self._opened: list[Connection] = []
        self._saved_s = time.monotonic()
        self._rejected = RejectedFile(order.rejected_path, progress.rejected_bytes)

    def run(self) -> None:
        """Import everything. On leaving by an error or Ctrl-C the progress is saved.

        Raises StateError, FileBroken after all that could be read was imported.
        """
        under_way: deque[tuple[Batch, Future[Sent]]] = deque()
        room = self._order.connections * BATCHES_PER_CONNECTION
        pool = ThreadPoolExecutor(self._order.connections, "import")
        broken: StateError | None = None
        try:
            try:
                for batch in self._batches():
                    under_way.append((batch, pool.submit(self._send, batch)))
                    while len(under_way) > room:
                        self._count(under_way)
            except FileBroken as error:
                broken = error
            while under_way:
                self._count(under_way)
        finally:
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            while under_way and under_way[0][1].done() and not _failed(under_way[0][1]):
                self._count(under_way)
            self._progress.save()
            self._rejected.close()
            for connection in self._opened:
                connection.close()
        if broken is not None:
            raise broken

    def _batches(self) -> Iterator[Batch]:
        read_before = 0
        for source in self._order.sources:
            skipped = self._progress.begin(source)
            with opened(source) as file:
                format_ = self._order.given or format_of(source.name, file.head)
                blocks = read_blocks(format_, file, source)
                try:
                    for batch in batches_of(source, blocks, self._order.forming(format_), skipped):
                        yield batch._replace(read_bytes=read_before + file.read_bytes())
                except StateError as error:
                    raise FileBroken(f"{source.shown}: {error}") from error
            read_before += source.size_bytes

    def _send(self, batch: Batch) -> Sent:
        connection: Connection | None = getattr(self._connections, "own", None)
        if connection is None:
            connection = self._connections.own = Connection(self._order.address, self._stop)
            self._opened.append(connection)
        return send_batch(connection, self._order.target, batch)

    def _count(self, under_way: "deque[tuple[Batch, Future[Sent]]]") -> None:
        """Wait for the oldest batch, and count it. It stays where it is when it failed."""
        batch, future = under_way[0]
        imported, rejected = future.result()
        under_way.popleft()
        self._rejected.write(batch.source, rejected)
        progress = self._progress
        progress.rejected_bytes = self._rejected.size_bytes
        progress.count(batch.source, batch.end, imported, [each.reason for each in rejected])
        if time.monotonic() - self._saved_s >= PROGRESS_S:
            progress.save()
            self._saved_s = time.monotonic()
        self._tell(Counts(progress.imported, progress.rejected.total(), batch.read_bytes))


def _failed(future: "Future[Sent]") -> bool:
    return future.cancelled() or future.exception() is not None
