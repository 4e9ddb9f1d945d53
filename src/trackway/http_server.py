"""How our processes serve HTTP: uvicorn with httptools and uvloop on a socket that somebody else opened."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import uvicorn

from trackway.http_accept import Acceptor, ConnectionCounts
from trackway.http_protocol import Direct, Protocol
from trackway.limits import KEEP_ALIVE_S, LISTEN_BACKLOG, STALLED_LOOK_S
from trackway.tls import ServerCertificate

_NONE: Mapping[bytes, Direct] = MappingProxyType({})


class _Server(uvicorn.Server):
    """uvicorn's server, but a stop by signal is a normal return and not the signal raised again.

    It is given no sockets: connections come from `Acceptor`.
    """

    acceptor: Acceptor
    direct: Mapping[bytes, Direct]
    on_stop: Callable[[], None]

    def make_protocol(self) -> asyncio.Protocol:
        return Protocol(self.config, self.server_state, self.direct)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.acceptor.close()
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
) -> None:
    """Serve an ASGI application until SIGTERM or SIGINT; requests in flight get `grace_s` to finish.

    `process` is this one's place in `counts`, among all that accept from `sock`. `direct` are paths of the application
    with a short way (`http_protocol`). `certificate`: speak TLS with it. `on_stop` is called when the stop begins.
    """
    # It would report every connection that a client cuts; real failures are answered and logged by the application.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app,
        http=Protocol,  # made by make_protocol alone
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=LISTEN_BACKLOG,
        timeout_keep_alive=keep_alive_s,
        timeout_graceful_shutdown=grace_s,
    )
    server = _Server(config)
    server.direct = direct
    server.on_stop = on_stop
    server.acceptor = Acceptor(
        sock, server.make_protocol, counts, process, lambda: len(server.server_state.connections), certificate
    )
    looking = asyncio.create_task(_close_stalled(server))
    try:
        await server.serve(sockets=[])
    finally:
        looking.cancel()


async def _close_stalled(server: uvicorn.Server) -> None:
    """Close connections whose request does not come to an end."""
    while True:
        await asyncio.sleep(STALLED_LOOK_S)
        now_s = time.monotonic()
        for connection in list(server.server_state.connections):
            if isinstance(connection, Protocol) and connection.is_stalled(now_s):
                connection.transport.close()
