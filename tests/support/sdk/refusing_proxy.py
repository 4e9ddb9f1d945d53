"""An HTTP proxy that lets clients reach some ports of this machine, and refuses and remembers everything else.

SDKs in any language honour `HTTP_PROXY` or can be given a proxy, so with this one in their way nothing that they send
elsewhere leaves the machine, and a test sees where it would have gone.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_TIMEOUT_S = 30.0
_OF_THE_CONNECTION = {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass
class Proxy:
    """Where it listens, the ports of 127.0.0.1 that it lets through, and what it refused: `host:port`, in order."""

    url: str
    allowed: set[int]
    refused: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """For programs; there is no exception, not even for this machine."""
        upper = {"HTTP_PROXY": self.url, "HTTPS_PROXY": self.url, "NO_PROXY": ""}
        return upper | {name.lower(): value for name, value in upper.items()}

    def lets(self, authority: str) -> bool:
        host, _, port = authority.rpartition(":")
        if host == "127.0.0.1" and port.isdigit() and int(port) in self.allowed:
            return True
        self.refused.append(authority)
        return False


class _Passing(BaseHTTPRequestHandler):
    proxy: Proxy

    def do_CONNECT(self) -> None:
        if not self.proxy.lets(self.path):
            self.send_error(403)
            return
        with socket.create_connection(("127.0.0.1", int(self.path.rpartition(":")[2])), _TIMEOUT_S) as inner:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pump, args=(inner, self.connection))
            back.start()
            _pump(self.connection, inner)
            back.join()
        self.close_connection = True

    def do_POST(self) -> None:
        target = urlsplit(self.path)
        authority = target.netloc if target.port else f"{target.netloc}:80"
        if not self.proxy.lets(authority):
            self.send_error(403)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sent = {name: value for name, value in self.headers.items() if name.lower() not in _OF_THE_CONNECTION}
        with contextlib.closing(HTTPConnection(authority, timeout=_TIMEOUT_S)) as inner:
            inner.request(self.command, target._replace(scheme="", netloc="").geturl(), body, sent)
            reply = inner.getresponse()
            answer = reply.read()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in _OF_THE_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_OPTIONS = do_POST

    def log_message(self, *_: object) -> None:
        """Nothing: pytest shows what a test prints."""


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def refusing_proxy(*allowed: int) -> Iterator[Proxy]:
    """The proxy, as long as the context lasts."""
    made = Proxy("", set(allowed))

    class Passing(_Passing):
        proxy = made

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
    made.url = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05}, name="refusing proxy")
    thread.start()
    try:
        yield made
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
