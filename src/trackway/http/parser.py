"""httptools' parser for a server of HTTP/1.1 only: it ignores offers of another protocol (RFC 9110 §7.8).

A request may offer to continue in another protocol (`Connection: Upgrade`, `Upgrade: h2c`). Java's HttpClient and
`curl --http2` do so in each request over plain HTTP. The parser treats every offer as accepted: it skips the request's
body, and loses the beginning of the next request. Here a fresh parser reads such a head again without its `Upgrade`
lines, and then reads what follows. So the parser alone decides about framing, and no byte is read twice or skipped.
"""

from typing import Any, Final

import httptools

_OFFER: Final = b"upgrade"


class RequestParser:
    """Feeds `protocol`, which keeps the request's `url` and `headers` (names in lower case) as httptools gives them.

    The methods are those of `httptools.HttpRequestParser`, for the request that is being read.
    """

    def __init__(self, protocol: Any):
        self._protocol = protocol
        self._offered = False
        for name in ("on_message_begin", "on_url", "on_header", "on_body"):
            setattr(self, name, getattr(protocol, name))
        self._begin()

    def _begin(self) -> None:
        self._parser = parser = httptools.HttpRequestParser(self)
        # As in uvicorn: a pipelined request may announce that it is the last, and is still answered.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._offered = False
        self.get_method = parser.get_method
        self.get_http_version = parser.get_http_version
        self.should_keep_alive = parser.should_keep_alive

    def should_upgrade(self) -> bool:
        """Never. uvicorn calls this."""
        return False

    def feed_data(self, data: bytes | memoryview) -> None:
        """Parse the bytes that arrived. Raises httptools.HttpParserError."""
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                data = memoryview(data)[offer.args[0] :]
                head = self._head_without_offer()
                self._begin()
                self._parser.feed_data(head)
            else:
                return

    def close(self) -> None:
        """At the end of the connection: break the reference cycle, so that no garbage collection is needed."""
        self.__dict__.clear()

    def on_headers_complete(self) -> None:
        self._offered = self._parser.should_upgrade()
        if not self._offered:
            self._protocol.on_headers_complete()
        elif self.get_method() == b"CONNECT":
            raise httptools.HttpParserError("no tunnels here")

    def on_message_complete(self) -> None:
        if not self._offered:
            self._protocol.on_message_complete()

    def _head_without_offer(self) -> bytes:
        url, headers = self._protocol.url, self._protocol.headers
        lines = [b"%b %b HTTP/%b" % (self.get_method(), url, self.get_http_version().encode())]
        lines += [b"%b: %b" % header for header in headers if header[0] != _OFFER]
        return b"\r\n".join((*lines, b"", b""))
