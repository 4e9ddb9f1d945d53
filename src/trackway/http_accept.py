"""Taking connections from a socket that several processes share, so that each gets its part.

Left to themselves, the process that wakes first takes every connection of a burst, and a client's few lasting
connections then all hang on one core. Here each process tells in shared memory how many it holds; one that holds more
than another waits a millisecond before it takes the next, and the other takes it meanwhile.
"""

import asyncio
import mmap
import socket
from collections.abc import Callable
from typing import Any

from trackway import logs
from trackway.limits import ACCEPT_PAUSE_S, NO_RESOURCES_PAUSE_S, TLS_HANDSHAKE_S_MAX, TLS_SHUTDOWN_S_MAX
from trackway.tls import ServerCertificate

_log = logs.get("edge")


class ConnectionCounts:
    """Connections held by each process of a group. Made before the fork; a process writes only its own."""

    def __init__(self, processes: int):
        self._counts = memoryview(mmap.mmap(-1, 8 * processes)).cast("Q")

    def tell(self, process: int, count: int) -> None:
        self._counts[process] = count

    def is_fullest(self, process: int) -> bool:
        """Whether some other process holds fewer."""
        return self._counts[process] > min(self._counts)


class Acceptor:
    """Accepts on `sock` within the running event loop, one connection at a time, until `close`; with an `certificate`
    by TLS."""

    def __init__(
        self,
        sock: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        counts: ConnectionCounts,
        process: int,
        held: Callable[[], int],
        certificate: ServerCertificate | None = None,
    ):
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._make_protocol = make_protocol
        self._counts = counts
        self._process = process
        self._held = held
        self._identity = certificate
        self._paused: asyncio.TimerHandle | None = None
        self._connecting: set[asyncio.Task[None]] = set()
        self._counts.tell(process, 0)
        sock.setblocking(False)
        self._loop.add_reader(sock, self._readable)

    def close(self) -> None:
        """Accept no more; connections that wait stay in the socket for the other processes."""
        self._loop.remove_reader(self._sock)
        if self._paused is not None:
            self._paused.cancel()

    def _readable(self) -> None:
        self._counts.tell(self._process, self._held() + len(self._connecting))
        if self._counts.is_fullest(self._process):
            self._pause(ACCEPT_PAUSE_S)
        else:
            self._accept()

    def _pause(self, pause_s: float) -> None:
        self._loop.remove_reader(self._sock)
        self._paused = self._loop.call_later(pause_s, self._resume)

    def _resume(self) -> None:
        """After the pause take one, if nobody else did, however many are held here."""
        self._paused = None
        self._loop.add_reader(self._sock, self._readable)
        self._accept()

    def _accept(self) -> None:
        try:
            connection, _ = self._sock.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another process was quicker, or the client has gone
        except OSError as error:  # no file descriptors or memory left: others must end first
            _log.warning("cannot take a connection", error=error.strerror)
            self._pause(NO_RESOURCES_PAUSE_S)
            return
        connection.setblocking(False)
        task = self._loop.create_task(self._connect(connection))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def _tls(self) -> dict[str, Any]:
        if self._identity is None:
            return {}
        return {
            "ssl": self._identity.context,
            "ssl_handshake_timeout": TLS_HANDSHAKE_S_MAX,
            "ssl_shutdown_timeout": TLS_SHUTDOWN_S_MAX,
        }

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, connection, **self._tls())
        except OSError:
            connection.close()  # the client went away in between, or does not speak TLS as it should
        self._counts.tell(self._process, self._held())
