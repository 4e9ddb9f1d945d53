"""Accepting connections from a socket that several processes share, so that each gets its part.

Otherwise the process that wakes first accepts every connection of a burst, and a client's few lasting connections all
use one core. Here each process writes the number of its connections to shared memory. A process with more connections
than another waits a millisecond before it accepts the next, and the other one accepts it meanwhile.
"""

import asyncio
import errno
import mmap
import socket
import time
from collections.abc import Callable
from typing import Any, Final

from trackway.http.connections import Connections
from trackway.http.limits import ACCEPT_PAUSE_S, NO_RESOURCES_PAUSE_S, TLS_HANDSHAKE_S_MAX, TLS_SHUTDOWN_S_MAX
from trackway.http.tls import ServerCertificate

_NO_ROOM: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class ConnectionCounts:
    """Connections of each process of a group. Made before the fork; a process writes only its own count."""

    def __init__(self, processes: int):
        self._counts = memoryview(mmap.mmap(-1, 8 * processes)).cast("Q")

    def tell(self, process: int, count: int) -> None:
        self._counts[process] = count

    def is_fullest(self, process: int) -> bool:
        """Whether some other process has fewer."""
        return self._counts[process] > min(self._counts)


class _Handshake:
    """A connection during its handshake, which takes time only with TLS; it may be closed like others."""

    size = 1
    is_waited_for = True
    is_idle = False

    def __init__(self, task: "asyncio.Task[None]", owner: bytes):
        self._task = task
        self.owner = owner
        self.heard_s = time.monotonic()

    def give_way(self) -> None:
        self._task.cancel()


class Acceptor:
    """Accepts connections on `sock` in the running event loop, one at a time, until `close`; with a `certificate`, by
    TLS."""

    def __init__(
        self,
        sock: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        counts: ConnectionCounts,
        process: int,
        connections: Connections,
        certificate: ServerCertificate | None = None,
    ):
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._make_protocol = make_protocol
        self._counts = counts
        self._process = process
        self._connections = connections
        self._certificate = certificate
        self._paused: asyncio.TimerHandle | None = None
        self._connecting: dict[asyncio.Task[None], _Handshake] = {}
        self._counts.tell(process, 0)
        sock.setblocking(False)
        self._loop.add_reader(sock, self._readable)

    def close(self) -> None:
        """Accept no more. Waiting connections stay in the socket for the other processes."""
        self._loop.remove_reader(self._sock)
        if self._paused is not None:
            self._paused.cancel()

    def _held(self) -> int:
        return len(self._connections.held) + len(self._connecting)

    def _readable(self) -> None:
        self._counts.tell(self._process, self._held())
        if self._counts.is_fullest(self._process):
            self._pause(ACCEPT_PAUSE_S)
        else:
            self._accept()

    def _pause(self, pause_s: float) -> None:
        self._loop.remove_reader(self._sock)
        self._paused = self._loop.call_later(pause_s, self._resume)

    def _resume(self) -> None:
        """After the pause accept one that no other process has accepted, however many this process has."""
        self._paused = None
        self._loop.add_reader(self._sock, self._readable)
        self._accept()

    def _accept(self) -> None:
        if self._held() >= self._connections.number_max:
            made = self._connections.make_room(self._connecting.values())
            self._pause(ACCEPT_PAUSE_S if made else NO_RESOURCES_PAUSE_S)
            return
        try:
            connection, address = self._sock.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another process was quicker, or the client has gone
        except OSError as error:
            if error.errno in _NO_ROOM:  # other connections must end first
                self._connections.make_room(self._connecting.values())
            self._pause(NO_RESOURCES_PAUSE_S)
            return
        connection.setblocking(False)
        task = self._loop.create_task(self._connect(connection))
        owner = self._connections.peer_of({"client": address, "headers": ()})
        self._connecting[task] = _Handshake(task, owner)
        task.add_done_callback(self._connecting.pop)

    def _tls(self) -> dict[str, Any]:
        if self._certificate is None:
            return {}
        return {
            "ssl": self._certificate.context,
            "ssl_handshake_timeout": TLS_HANDSHAKE_S_MAX,
            "ssl_shutdown_timeout": TLS_SHUTDOWN_S_MAX,
        }

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, connection, **self._tls())
        except OSError:
            connection.close()  # the client has gone, or its TLS is wrong
        finally:
            self._counts.tell(self._process, len(self._connections.held))
