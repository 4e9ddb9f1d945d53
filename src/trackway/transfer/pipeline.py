"""Batches on their way: several are sent at once, and counted in their order."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from trackway.domain.errors import StateError
from trackway.transfer.batch_sending import Sent, Target, send_batch
from trackway.transfer.batches import Batch
from trackway.transfer.connection import Address, Connection
from trackway.transfer.limits import BATCHES_PER_CONNECTION

_UnderWay = deque[tuple[Batch, "Future[Sent]"]]


class SourceBroken(StateError):
    """What is read cannot be read to its end."""


class Pipeline:
    """A few connections to a server. `count` gets each batch with its outcome, without a gap, in this thread."""

    def __init__(self, address: Address, target: Target, connections: int, count: Callable[[Batch, Sent], object]):
        self._address = address
        self._target = target
        self._connections = connections
        self._count = count
        self._stop = threading.Event()
        self._own = threading.local()
        self._opened: list[Connection] = []

    def run(self, batches: Iterable[Batch]) -> None:
        """Send all batches. On leaving by an error or Ctrl-C those that were sent are counted, up to the first that was
        not. Raises StateError; SourceBroken after all batches before were sent."""
        under_way: _UnderWay = deque()
        pool = ThreadPoolExecutor(self._connections, "sending")
        broken: SourceBroken | None = None
        try:
            try:
                for batch in batches:
                    under_way.append((batch, pool.submit(self._send, batch)))
                    while len(under_way) > self._connections * BATCHES_PER_CONNECTION:
                        self._take(under_way)
            except SourceBroken as error:
                broken = error
            while under_way:
                self._take(under_way)
        finally:
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            while under_way and under_way[0][1].done() and not _failed(under_way[0][1]):
                self._take(under_way)
            for connection in self._opened:
                connection.close()
        if broken is not None:
            raise broken

    def _send(self, batch: Batch) -> Sent:
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = Connection(self._address, self._stop)
            self._opened.append(connection)
        return send_batch(connection, self._target, batch)

    def _take(self, under_way: _UnderWay) -> None:
        """Wait for the oldest batch, and count it. It stays where it is when it failed."""
        batch, future = under_way[0]
        sent = future.result()
        under_way.popleft()
        self._count(batch, sent)


def _failed(future: "Future[Sent]") -> bool:
    return future.cancelled() or future.exception() is not None
