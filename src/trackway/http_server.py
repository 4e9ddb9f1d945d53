"""How our processes serve HTTP: uvicorn with httptools and uvloop on a socket that somebody else opened.

uvicorn bounds neither how long a client may take to send a request nor how large its head may grow, so the protocol
below does: a connection that keeps half a request open is closed, without a timer for every request.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trackway.http_accept import Acceptor, ConnectionCounts
from trackway.limits import (
    HEAD_BYTES_MAX,
    HEAD_READ_S_MAX,
    KEEP_ALIVE_S,
    LISTEN_BACKLOG,
    REQUEST_READ_S_MAX,
    STALLED_LOOK_S,
)

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\ncontent-length: 0\r\n"
    b"connection: close\r\n\r\n"
)


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `reading_since_s` is when the request being read began, None between requests."""

    reading_since_s: float | None = None
    in_head = False
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        self.in_head, self._head_bytes = True, 0
        self.reading_since_s = time.monotonic()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.reading_since_s = None
        super().on_message_complete()

    def is_stalled(self, now_s: float) -> bool:
        if self.reading_since_s is None:
            return False
        return now_s - self.reading_since_s > (HEAD_READ_S_MAX if self.in_head else REQUEST_READ_S_MAX)


class _Server(uvicorn.Server):
    """uvicorn's server, but a stop by signal is a normal return and not the signal raised again.

    It is given no sockets: connections come from `Acceptor`.
    """

    acceptor: Acceptor

    def make_protocol(self) -> asyncio.Protocol:
        return BoundedProtocol(config=self.config, server_state=self.server_state, app_state={})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.acceptor.close()
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
) -> None:
    """Serve an ASGI application until SIGTERM or SIGINT; requests in flight get `grace_s` to finish.

    `process` is this one's place in `counts`, among all that accept from `sock`.
    """
    # It would report every connection that a client cuts; real failures are answered and logged by the application.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
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
    server.acceptor = Acceptor(
        sock, server.make_protocol, counts, process, lambda: len(server.server_state.connections)
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
            if isinstance(connection, BoundedProtocol) and connection.is_stalled(now_s):
                connection.transport.close()
