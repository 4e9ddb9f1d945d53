"""One HTTP connection: uvicorn's protocol, with bounds that it lacks and a fast path for the most frequent requests.

Bounds: a connection that keeps half a request open, or sends an endless head, is closed, without a timer for every
request. A head over HEAD_BYTES_MAX is a 431 however it arrives: whole, in pieces, or behind a request that is still
being answered, whose reply comes first.

The fast path: uvicorn makes a task and half a dozen objects for each request, which costs more than a single event on
`/track`. A route with a direct function gets its request here, whole and in memory, and answers by a callback.
Everything unusual (another method, a large body, HTTP/1.0, `Expect`, a pipelined request) takes uvicorn's path, where
the application serves the same route.

Trailers of a chunked body are parsed and skipped: a header must not arrive after the head was checked.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from trackway.domain.limits import DIRECT_BODY_BYTES_MAX, RETRY_AFTER_BUSY_S
from trackway.http.close_delimited import ending_with_connection
from trackway.http.connections import PeerOf
from trackway.http.limits import HEAD_BYTES_MAX, HEAD_READ_S_MAX, REPLY_READ_S_MAX, REQUEST_READ_S_MAX, UNREAD_REPLY_S
from trackway.http.pace import Pace
from trackway.http.parser import RequestParser
from trackway.telemetry import metrics

Respond = Callable[[int, bytes, bytes], None]
"""Send the reply: status, `header_lines` (content-type and content-length among them), body. Once, in the loop."""
Direct = Callable[[dict[str, Any], bytes, Respond], None]
"""Answers a POST: the keys of an ASGI scope that a handler reads, the body, and the callback for the reply."""

_log = logging.getLogger("trackway.http")

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\ncontent-length: 0\r\n"
    b"connection: close\r\n\r\n"
)
CUT: Final = "trackway.cut"
"""In the scope of a request that is still being read: call it with 408 or 503 to answer that and close."""
_CUT: Final = {
    408: b"content-type: text/plain; charset=utf-8\r\ncontent-length: 28\r\nconnection: close\r\n\r\n"
    b"the request came too slowly\n",
    503: b"content-type: text/plain; charset=utf-8\r\ncontent-length: 28\r\nconnection: close\r\n"
    b"retry-after: %d\r\n\r\ntoo many requests in flight\n" % RETRY_AFTER_BUSY_S,
}
_LARGE_DIGITS: Final = len(str(DIRECT_BODY_BYTES_MAX))
_FAILED: Final = b"content-type: text/plain; charset=utf-8\r\ncontent-length: 21\r\n"


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The headers as bytes to send, each with its line end."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


class _Ignoring:
    """In place of the event that uvicorn sets when a connection ends; nothing waits for it here."""

    def set(self) -> None: ...


class _Exchange:
    """A request on the fast path, in place of uvicorn's cycle, with the attributes that the protocol reads."""

    message_event = _Ignoring()

    def __init__(self, keep_alive: bool):
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False


class Protocol(HttpToolsProtocol):
    """`direct`: the routes with a fast path, by path. `reading_since_s`: when the request being read began.
    `idle_since_s`: when the last reply was sent or the connection began, while nothing follows. `unread_since_s`: since
    when the client has not read what is sent. `heard_s`: when bytes of a request last arrived."""

    size = 1

    def __init__(
        self, config: uvicorn.Config, server_state: ServerState, direct: Mapping[bytes, Direct], peer_of: PeerOf
    ):
        super().__init__(config=config, server_state=server_state, app_state={})
        self.parser = RequestParser(self)  # type: ignore[assignment]
        self._direct = direct
        self._peer_of = peer_of
        self._pace = Pace()
        self._read_bytes = 0
        self.heard_s = time.monotonic()
        self._handler: Direct | None = None
        self._parts: list[bytes] = []
        self._bytes = 0
        self._in_head = False
        self._piece_bytes = self._head_bytes_most = self._bodiless_bytes = 0
        self._refuse: Callable[[], None] | None = None
        self._is_last = False
        self._path = self._query = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._default_headers: list[tuple[bytes, bytes]] = []
        self._default_lines = b""
        self.reading_since_s: float | None = None
        self.idle_since_s: float | None = None
        self.unread_since_s: float | None = None
        self._answered: RequestResponseCycle | None = None

    def close_if_stalled(self, now_s: float) -> None:
        """Close the connection if it was idle for too long, its request arrives too slowly, or its reply is not
        read."""
        if self.unread_since_s is not None and now_s - self.unread_since_s > REPLY_READ_S_MAX:
            self.transport.abort()
            metrics.cut_off("slow")
        elif self.reading_since_s is not None:
            if self._is_slow(now_s, self.reading_since_s):
                self.cut(408)
                metrics.cut_off("slow")
        elif self.idle_since_s is not None and now_s - self.idle_since_s > self.timeout_keep_alive:
            self.transport.close()

    def _is_slow(self, now_s: float, began_s: float) -> bool:
        if self._in_head:
            return now_s - began_s > HEAD_READ_S_MAX
        if self._handler is None and (self.flow.read_paused or self.cycle.waiting_for_100_continue):
            self._pace.restart(now_s, began_s, self._read_bytes)  # the server does not read
            return False
        return now_s - began_s > REQUEST_READ_S_MAX or self._pace.is_slow(now_s, began_s, self._read_bytes)

    def cut(self, status: int) -> None:
        """Answer the request that is being read with 408 or 503, if no reply has begun, and close the connection."""
        if not self.transport.is_closing() and self._may_answer():
            self.transport.write(STATUS_LINE[status] + _CUT[status])
        self.transport.close()

    def _may_answer(self) -> bool:
        """Whether a reply now would belong to the request that is being read."""
        if self._in_head or self._handler is not None:
            return self.cycle is None or self.cycle.response_complete
        return not self.pipeline and not self.cycle.response_started

    @property
    def owner(self) -> bytes:
        return self._peer_of({"client": self.client, "headers": self._headers})

    @property
    def is_waited_for(self) -> bool:
        return (
            self.reading_since_s is not None
            or (self.idle_since_s is not None and self.cycle is None)
            or (self.unread_since_s is not None and time.monotonic() - self.heard_s > UNREAD_REPLY_S)
        )

    @property
    def is_idle(self) -> bool:
        return self.idle_since_s is not None

    def give_way(self) -> None:
        """Close immediately: a reply, or an orderly end of TLS, would keep the file descriptor for a while."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.idle_since_s = time.monotonic()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None:  # of pipelined requests, uvicorn notifies only the last one
            self._answered.disconnected = True
            self._answered.message_event.set()
        self.parser.close()  # type: ignore[attr-defined]
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.unread_since_s = time.monotonic()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.unread_since_s = None

    def data_received(self, data: bytes) -> None:
        if self._refuse is not None:
            return  # the connection ends with that refusal
        size = self._piece_bytes = len(data)
        self._bodiless_bytes += size
        self._head_bytes_most += size
        was_reading = self.reading_since_s
        super().data_received(data)
        if self.reading_since_s is None:
            self._bodiless_bytes = 0  # no request is being read
            return
        self._read_bytes += size
        self.heard_s = time.monotonic()
        if self.reading_since_s != was_reading:
            self._bodiless_bytes = 0  # one that began within these bytes is being read
        elif self._bodiless_bytes > HEAD_BYTES_MAX:  # an endless head, or endless trailers
            self._refuse_in_turn(self._too_large)

    def _refuse_in_turn(self, refuse: Callable[[], None]) -> None:
        """Refuse the request that is being read, and close, once the requests before it are answered. A request whose
        body is arriving cannot be answered first: it is refused at once, or cut off."""
        is_in_body = self.reading_since_s is not None and not self._in_head
        may_answer = is_in_body and self._may_answer()
        self._refuse = refuse
        self.reading_since_s = None
        if is_in_body and not may_answer:
            self.transport.close()
        elif is_in_body or self.cycle is None or self.cycle.response_complete:
            refuse()
        else:
            self.flow.pause_reading()

    def _too_large(self) -> None:
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """What could not be parsed, as uvicorn says it; a head that is refused has its own answer."""
        if self._refuse is None:
            self._refuse_in_turn(partial(super().send_400_response, msg))

    def on_header(self, name: bytes, value: bytes) -> None:
        """As uvicorn has it. Fields behind a body are not kept: nobody reads them, and there may be any number."""
        if self._in_head:
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_message_begin(self) -> None:
        if not self._in_head:  # otherwise it is read again, without its offer
            self._head_bytes_most = self._piece_bytes
        self._in_head = True
        self.reading_since_s = self.heard_s = time.monotonic()
        self.idle_since_s = None
        self._read_bytes = 0
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        if self._head_bytes_most > HEAD_BYTES_MAX and self._head_bytes() > HEAD_BYTES_MAX:
            self._refuse_in_turn(self._too_large)
            raise httptools.HttpParserError("head is too large")  # nothing more is parsed
        self._headers, self.headers = self.headers, []
        self._handler = self._direct_handler()
        if self._handler is None:
            self._to_uvicorn()
        self._in_head = False  # only now, since uvicorn may refuse the head

    def _head_bytes(self) -> int:
        """The size of the head that was read, in its usual notation."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def on_body(self, body: bytes) -> None:
        self._bodiless_bytes = 0
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
            "headers": self._headers,
            "client": self.client,
        }
        respond = partial(self._respond, exchange)
        try:
            self._handler(scope, self._body(), respond)
        except Exception:  # the outermost handler: this request gets an answer whatever failed
            _log.exception("a request failed")
            exchange.keep_alive = False
            respond(500, _FAILED, b"Internal Server Error")

    def shutdown(self) -> None:
        """At the server's stop: a request whose body is still arriving is answered before the connection closes."""
        if self._handler is not None and self.reading_since_s is not None:
            self._is_last = True
        else:
            super().shutdown()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        is_old = cycle.scope["http_version"] == "1.0"
        super()._start_asgi_task(cycle, ending_with_connection(app, cycle) if is_old else app)

    def _direct_handler(self) -> Direct | None:
        """The function that answers the request whose head was read, None for the application."""
        self._path, _, self._query = self.url.partition(b"?")
        handler = self._direct.get(self._path)
        if (
            handler is None
            or self.parser.get_method() != b"POST"
            or self.parser.get_http_version() != "1.1"
            or self.expect_100_continue
            or self.flow.write_paused
            or not (self.cycle is None or self.cycle.response_complete)
            or self._is_large()
        ):
            return None
        return handler

    def _is_large(self) -> bool:
        """Whether the head announces a body too large for the fast path; the application may refuse it unread."""
        for name, value in self._headers:
            if name == b"content-length":
                return len(value) >= _LARGE_DIGITS and int(value) > DIRECT_BODY_BYTES_MAX
        return False

    def _to_uvicorn(self) -> None:
        """Start the request as uvicorn does, with the head that was read."""
        url, expect = self.url, self.expect_100_continue
        super().on_message_begin()
        self.url = url
        self.headers.extend(self._headers)
        self.scope[CUT] = self.cut  # type: ignore[typeddict-unknown-key]
        self.expect_100_continue = expect
        super().on_headers_complete()
        self.headers = []

    def _body(self) -> bytes:
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts, self._bytes = [], 0
        return body

    def _respond(self, exchange: _Exchange, status: int, headers: bytes, body: bytes) -> None:
        # Of pipelined requests, uvicorn marks only the last one as disconnected.
        if exchange.disconnected or exchange.response_complete or self.transport.is_closing():
            return
        default_headers = self.server_state.default_headers
        if default_headers is not self._default_headers:  # uvicorn makes new ones each second, with the date
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
        """Idle connections are swept like stalled ones, without a timer for each reply. uvicorn has a timer, which a
        stray line end stops."""
        if self.reading_since_s is None and self.cycle.response_complete:
            if self._refuse is not None:
                self._refuse()
            self.idle_since_s = time.monotonic()
