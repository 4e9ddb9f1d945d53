"""One HTTP exchange, byte for byte: what is sent is exactly what the test wrote, headers and body included.

A `Request` goes in, a `Reply` comes out. No client library adds, sorts or repairs anything, so that broken requests
reach the server as broken as they are meant to be.
"""

import http.client
import ssl
from dataclasses import dataclass

REPLY_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Request:
    """A request as it stands on the wire. With `chunk_bytes` the body goes out in chunks of that size."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    chunk_bytes: int = 0


@dataclass(frozen=True)
class Reply:
    """A reply as it came: header names in lower case, the body still as it was encoded."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header, several of one name joined by commas."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else None


def ask(
    port: int,
    request: Request,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    timeout_s: float = REPLY_TIMEOUT_S,
    source: tuple[str, int] | None = None,
) -> Reply:
    """Send one request on a connection of its own, with `tls` over HTTPS, from the address `source`. Raises OSError or
    HTTPException when there is no reply."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s, source_address=source)
    if tls is not None:
        connection = http.client.HTTPSConnection(host, port, timeout=timeout_s, context=tls, source_address=source)
    try:
        _send(connection, request)
        response = connection.getresponse()
        body = response.read()
        headers = tuple((name.lower(), value) for name, value in response.getheaders())
        return Reply(response.status, headers, body)
    finally:
        connection.close()


def _send(connection: http.client.HTTPConnection, request: Request) -> None:
    connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
    names = {name.lower() for name, _ in request.headers}
    if "host" not in names:
        connection.putheader("Host", f"{connection.host}:{connection.port}")
    for name, value in request.headers:
        connection.putheader(name, value)
    if request.chunk_bytes:
        connection.putheader("Transfer-Encoding", "chunked")
    elif "content-length" not in names and (request.body or request.method in ("POST", "PUT")):
        connection.putheader("Content-Length", str(len(request.body)))
    connection.endheaders()
    try:
        for piece in _pieces(request):
            connection.send(piece)
    except (BrokenPipeError, ConnectionResetError):
        pass  # a server may answer and hang up before it has read a body it refuses; the answer is read next


def _pieces(request: Request) -> list[bytes]:
    if not request.chunk_bytes:
        return [request.body] if request.body else []
    parts = [
        request.body[start : start + request.chunk_bytes] for start in range(0, len(request.body), request.chunk_bytes)
    ]
    return [b"%x\r\n%b\r\n" % (len(part), part) for part in parts] + [b"0\r\n\r\n"]
