"""One HTTP connection: uvicorn's protocol, with bounds it lacks and a short way for the requests that come most.

Bounds: a connection that keeps half a request open, or sends a head without end, is closed, without a timer for every
request. The short way: uvicorn makes a task and half a dozen objects for each request, which for `/track` with one
event is more work than the event itself. A route that can be answered by a plain function gets its request here, whole
and in memory, and answers by calling back. Everything unusual (another method, a large body, HTTP/1.0, `Expect`, a
request sent before the last was answered) goes uvicorn's way, where the same route is served by the application.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from trackway.limits import DIRECT_BODY_BYTES_MAX, HEAD_BYTES_MAX, HEAD_READ_S_MAX, REQUEST_READ_S_MAX

Respond = Callable[[int, bytes, bytes], None]
"""Send the reply: status, `header_lines` (content-type and content-length among them), body. Once, in the loop."""
Direct = Callable[[dict[str, Any], bytes, Respond], None]
"""Answers a POST: the keys of an ASGI scope that a handler reads, the body, and whom to tell."""

_log = logging.getLogger("trackway.http")

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\ncontent-length: 0\r\n"
    b"connection: close\r\n\r\n"
)
_LARGE_DIGITS: Final = len(str(DIRECT_BODY_BYTES_MAX))
_FAILED: Final = b"content-type: text/plain; charset=utf-8\r\ncontent-length: 21\r\n"


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """As they are sent, each with its line end."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


class _Ignoring:
    """Stands for the event that uvicorn sets when a connection goes: nobody waits for it here."""

    def set(self) -> None: ...


class _Exchange:
    """A request on the short way, in the place of uvicorn's cycle: what the protocol asks of one."""

    message_event = _Ignoring()

    def __init__(self, keep_alive: bool):
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False


class Protocol(HttpToolsProtocol):
    """`direct` are the routes with a short way, by path. `reading_since_s`: when the request being read began.
    `idle_since_s`: when the last reply left or the connection began, while nothing follows."""

    def __init__(self, config: uvicorn.Config, server_state: ServerState, direct: Mapping[bytes, Direct]):
        super().__init__(config=config, server_state=server_state, app_state={})
        self._direct = direct
        self._handler: Direct | None = None
        self._parts: list[bytes] = []
        self._bytes = 0
        self._in_head = False
        self._head_bytes = 0
        self._is_last = False
        self._path = self._query = b""
        self._default_headers: list[tuple[bytes, bytes]] = []
        self._default_lines = b""
        self.reading_since_s: float | None = None
        self.idle_since_s: float | None = None

    def is_stalled(self, now_s: float) -> bool:
        if self.reading_since_s is not None:
            return now_s - self.reading_since_s > (HEAD_READ_S_MAX if self._in_head else REQUEST_READ_S_MAX)
        return self.idle_since_s is not None and now_s - self.idle_since_s > self.timeout_keep_alive

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.idle_since_s = time.monotonic()

    def data_received(self, data: bytes) -> None:
        in_head = self._in_head
        super().data_received(data)
        if in_head and self._in_head:  # else the head began or ended within these bytes
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self.reading_since_s = time.monotonic()
        self.idle_since_s = None
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._handler = self._direct_handler()
        if self._handler is None:
            self._to_uvicorn()

    def on_body(self, body: bytes) -> None:
        if self._handler is None:
            super().on_body(body)
            return
        self._parts.append(body)
        self._bytes += len(body)
        if self._bytes > DIRECT_BODY_BYTES_MAX:
            self._handler = None
            self._to_uvicorn()
            self.cycle.keep_alive &= not self._is_last
            super().on_body(self._body())

    def on_message_complete(self) -> None:
        self.reading_since_s = self.idle_since_s = None
        if self._handler is None:
            super().on_message_complete()
            return
        exchange = self.cycle = _Exchange(self.parser.should_keep_alive() and not self._is_last)  # type: ignore[assignment]
        scope = {
            "type": "http",
            "method": "POST",
            "path": self._path.decode(),
            "query_string": self._query,
            "headers": self.headers,
            "client": self.client,
        }
        respond = partial(self._respond, exchange)
        try:
            self._handler(scope, self._body(), respond)
        except Exception:  # the outermost place there is: whatever failed, this request gets an answer
            _log.exception("a request failed")
            exchange.keep_alive = False
            respond(500, _FAILED, b"Internal Server Error")

    def shutdown(self) -> None:
        """At the server's stop: a request whose body is still coming in is answered before the connection closes."""
        if self._handler is not None and self.reading_since_s is not None:
            self._is_last = True
        else:
            super().shutdown()

    def _direct_handler(self) -> Direct | None:
        """Who answers the request whose head is read, None for the application."""
        self._path, _, self._query = self.url.partition(b"?")
        handler = self._direct.get(self._path)
        if (
            handler is None
            or self.parser.get_method() != b"POST"
            or self.parser.get_http_version() != "1.1"
            or self.expect_100_continue
            or self.parser.should_upgrade()
            or self.flow.write_paused
            or not (self.cycle is None or self.cycle.response_complete)
            or self._is_large()
        ):
            return None
        return handler

    def _is_large(self) -> bool:
        """Whether the head announces a body that is not for the short way: the application may refuse it unread."""
        for name, value in self.headers:
            if name == b"content-length":
                return len(value) >= _LARGE_DIGITS and int(value) > DIRECT_BODY_BYTES_MAX
        return False

    def _to_uvicorn(self) -> None:
        """Begin the request as uvicorn does, with the head that was read."""
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = expect
        super().on_headers_complete()

    def _body(self) -> bytes:
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts, self._bytes = [], 0
        return body

    def _respond(self, exchange: _Exchange, status: int, headers: bytes, body: bytes) -> None:
        # Of requests sent at once uvicorn marks the last one only as cut off.
        if exchange.disconnected or exchange.response_complete or self.transport.is_closing():
            return
        default_headers = self.server_state.default_headers
        if default_headers is not self._default_headers:  # uvicorn makes new ones each second, for the date
            self._default_headers, self._default_lines = default_headers, header_lines(default_headers)
        end = b"\r\n" if exchange.keep_alive else b"connection: close\r\n\r\n"
        self.transport.write(b"".join((STATUS_LINE[status], self._default_lines, headers, end, body)))
        exchange.response_complete = True
        if not exchange.keep_alive:
            self.transport.close()
        elif self.pipeline:
            self.on_response_complete()
        else:
            self._begin_idle()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._begin_idle()

    def _begin_idle(self) -> None:
        """Idle connections are looked for, as stalled ones are, without a timer for each reply. Uvicorn's way has one,
        which a stray line end stops."""
        if self.reading_since_s is None and self.cycle.response_complete:
            self.idle_since_s = time.monotonic()
