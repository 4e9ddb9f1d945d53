"""A receiver of webhooks on 127.0.0.1, which verifies each signature with code of its own.

It answers as it is told: with a status, a redirect, slowly, or never. It keeps every request.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.waiting import wait_until

TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Received:
    """One request. `at_s`: when it came, by `time.monotonic`."""

    path: str
    headers: dict[str, str]
    body: bytes
    at_s: float

    @property
    def message(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    def is_signed_with(self, secret: str) -> bool:
        """Whether the signature is right, as the specification of Standard Webhooks says."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.message_id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        is_recent = abs(time.time() - int(self.headers["webhook-timestamp"])) < 60
        return is_recent and f"v1,{wanted}" in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """`answer` gets the handler of each request, after it was read and kept."""

    port: int = 0
    scheme: str = "http"
    requests: list[Received] = field(default_factory=list)
    answer: Callable[[BaseHTTPRequestHandler], None] = field(default=lambda handler: respond(handler, 200))

    def url(self, path: str = "/hook") -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[Received]:
        """The requests to a path, in order."""
        return [each for each in list(self.requests) if each.path == path]

    def wait(self, path: str, count: int, timeout_s: float = TIMEOUT_S) -> list[Received]:
        """The requests to a path as soon as there are so many."""
        wait_until(
            lambda: len(self.at(path)) >= count,
            timeout_s,
            lambda: f"{len(self.at(path))} requests to {path}, {count} expected",
        )
        return self.at(path)


def respond(handler: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    """A whole answer without a body."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


@contextlib.contextmanager
def running_receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    receiver = Receiver(scheme="https" if tls else "http")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.requests.append(Received(self.path, headers, body, time.monotonic()))
            with contextlib.suppress(OSError):  # the sender may be gone
                receiver.answer(self)

        def do_GET(self) -> None:
            receiver.requests.append(Received(f"GET {self.path}", {}, b"", time.monotonic()))
            respond(self, 200)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the tests look at `requests`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
