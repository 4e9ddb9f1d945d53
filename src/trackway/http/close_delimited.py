"""Replies of unknown length to HTTP/1.0 clients, which know no chunks: the end of the connection ends the reply.

Such a client (an old lighttpd, nginx by default, `ab`) would read the sizes of chunks as data. A closed connection
looks to it like a complete reply, so a broken reply is reset instead. During the reply the socket is configured so that
anything that closes it resets it, even the death of this process.
"""

import asyncio
import socket
import struct
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_RESET: Final = struct.pack("ii", 1, 0)
_ORDERLY: Final = struct.pack("ii", 0, 0)


def ending_with_connection(application: Any, cycle: RequestResponseCycle) -> Any:
    """The ASGI application for the one request of the cycle, with replies of unknown length ended in this way."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await application(scope, receive, _Sender(cycle, send))

    return answer


class _Sender:
    def __init__(self, cycle: RequestResponseCycle, send: Any):
        self._cycle = cycle
        self._send = send
        self._ends_connection = False

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._ends_connection = all(name.lower() != b"content-length" for name, _ in message["headers"])
            if self._ends_connection:
                self._cycle.chunked_encoding = False  # the cycle would choose chunks by default
                # So `drain` waits until everything was sent. A limit of 0 would pause TLS with nothing to wait for.
                self._cycle.transport.set_write_buffer_limits(high=1, low=0)
                _close_by(self._cycle.transport, _RESET)
        elif self._ends_connection:
            self._cycle.expected_content_length = len(message.get("body", b""))
            if not message.get("more_body", False):
                await self._cycle.flow.drain()
                _close_by(self._cycle.transport, _ORDERLY)
        await self._send(message)


def _close_by(transport: asyncio.Transport, linger: bytes) -> None:
    if transport.is_closing():  # its descriptor may be another connection's by now
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
