"""A client of HTTP/1.0 that reads an export."""

import gzip
import json
import socket
import time

from tests.support.http.events import record, track
from tests.support.server import Server, basic

EXPORT = "/api/2.0/export?from_date=1971-01-01&to_date=2100-01-01"


def ask_as_of_old(server: Server, path: str, *more: tuple[str, str], pause_s: float = 0) -> tuple[bytes, bytes]:
    """Head and body of a reply to HTTP/1.0, over the server's own TLS where it speaks that."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        if server.tls is not None:
            connection = server.tls.wrap_socket(connection, server_hostname="127.0.0.1")
        lines = (f"GET {path} HTTP/1.0", *(f"{name}: {value}" for name, value in more), "", "")
        connection.sendall("\r\n".join(lines).encode())
        got = connection.recv(1000)
        time.sleep(pause_s)
        while piece := connection.recv(65536):
            got += piece
        connection.close()
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    return head, body


def check_exports(server: Server) -> None:
    project = server.create_project()
    wide = {f"p{number}": "x" * 250 for number in range(200)}
    track(server, [record(project, insert_id=f"id-{number}", **wide) for number in range(300)])
    server.wait_loaded()
    head, body = ask_as_of_old(server, EXPORT, basic(project.secret), pause_s=0.5)
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body.endswith(b"}\n")
    assert len(body) > 10_000_000
    ids = {json.loads(line)["properties"]["$insert_id"] for line in body.splitlines()}
    assert ids == {f"id-{number}" for number in range(300)}
    head, packed = ask_as_of_old(server, EXPORT, basic(project.secret), ("Accept-Encoding", "gzip"))
    assert b"content-encoding: gzip" in head
    assert sorted(gzip.decompress(packed).splitlines()) == sorted(body.splitlines())
