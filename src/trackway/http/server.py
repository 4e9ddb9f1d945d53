"""The HTTP server of a process: uvicorn with httptools and uvloop, on a socket that the supervisor opened."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import uvicorn

from trackway.domain.limits import LISTEN_BACKLOG
from trackway.http.accept import Acceptor, ConnectionCounts
from trackway.http.connections import Connections
from trackway.http.limits import KEEP_ALIVE_S, STALLED_LOOK_S
from trackway.http.protocol import Direct, Protocol
from trackway.http.tls import ServerCertificate
from trackway.runtime.background import start_task

STRICT_TRANSPORT: Final = ("strict-transport-security", "max-age=31536000")
"""A browser that used TLS once does not connect without it for a year."""
_NONE: Mapping[bytes, Direct] = MappingProxyType({})


class Listening(NamedTuple):
    """A socket that several processes accept from, and the counts of their connections."""

    sock: socket.socket
    counts: ConnectionCounts


class _Server(uvicorn.Server):
    """uvicorn's server, except that a stop by signal is a normal return and does not raise the signal again.

    It has no sockets: `Acceptor` provides the connections.
    """

    acceptors: list[Acceptor]
    direct: Mapping[bytes, Direct]
    connections: Connections
    on_stop: Callable[[], None]

    def make_protocol(self) -> asyncio.Protocol:
        return Protocol(self.config, self.server_state, self.direct, self.connections.peer_of)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for acceptor in self.acceptors:
            acceptor.close()
        self.on_stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()


async def serve(
    app: Any,
    sock: socket.socket,
    grace_s: int,
    counts: ConnectionCounts,
    process: int,
    keep_alive_s: int = KEEP_ALIVE_S,
    direct: Mapping[bytes, Direct] = _NONE,
    certificate: ServerCertificate | None = None,
    on_stop: Callable[[], None] = lambda: None,
    ops: Listening | None = None,
    ops_app: Any = None,
    connections: Connections | None = None,
) -> None:
    """Serve an ASGI application until SIGTERM or SIGINT; requests in flight get `grace_s` to finish.

    `process` is this process's index in `counts`, among all that accept from `sock`. `direct`: paths of the application
    with a fast path (`http.protocol`). `certificate`: for TLS. `on_stop` is called when the stop begins. `ops_app` is
    served too, on the socket of `ops`, without TLS. `connections` holds and bounds those of this process.
    """
    # It would log every connection that a client cuts. The application answers and logs real failures.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = _config(app, grace_s, keep_alive_s, [STRICT_TRANSPORT] if certificate else [])
    server = _Server(config)
    server.direct = direct
    server.on_stop = on_stop
    server.connections = held = connections or Connections()
    held.held = server.server_state.connections
    server.acceptors = [Acceptor(sock, server.make_protocol, counts, process, held, certificate)]
    if ops is not None:
        ops_config = _config(ops_app, grace_s, keep_alive_s, [])
        make_protocol = partial(Protocol, ops_config, server.server_state, _NONE, held.peer_of)
        server.acceptors.append(Acceptor(ops.sock, make_protocol, ops.counts, process, held))
    looking = start_task(_close_stalled(held), "stalled connections")
    try:
        await server.serve(sockets=[])
    finally:
        looking.cancel()


def _config(app: Any, grace_s: int, keep_alive_s: int, headers: list[tuple[str, str]]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Protocol,  # only make_protocol makes one
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=LISTEN_BACKLOG,
        headers=headers,
        timeout_keep_alive=keep_alive_s,
        timeout_graceful_shutdown=grace_s,
    )


async def _close_stalled(connections: Connections) -> None:
    """Close stalled connections, periodically."""
    while True:
        await asyncio.sleep(STALLED_LOOK_S)
        now_s = time.monotonic()
        for connection in list(connections.held):
            connection.close_if_stalled(now_s)
