"""Bodies over the limit are refused while they come in, or before, and held by nobody (protocol §3, §9)."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.http.events import record, track
from tests.support.server import Project, Server, basic

BODY_BYTES_MAX = 32 * 1024 * 1024
BUFFERED_BYTES_MAX = 24 * 1024 * 1024
"""What the buffers of two sockets may take in besides what the server reads."""
PIECE = b"x" * (1 << 20)
CHUNK = b"%x\r\n%b\r\n" % (len(PIECE), PIECE)
TAKING = ["/track", "/import?strict=1", "/engage", "/groups"]
ASKING = ["/api/2.0/engage"]


def head(project: Project, path: str, *lines: str) -> bytes:
    name, value = basic(project.secret)
    all_lines = (f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", f"{name}: {value}", *lines)
    return "\r\n".join((*all_lines, "", "")).encode()


def pieces(number: int, piece: bytes) -> Iterator[bytes]:
    return (piece for _ in range(number))


def sent_until_answered(connection: socket.socket, body: Iterator[bytes]) -> tuple[int, bytes]:
    """How many bytes went out before a reply came, and the beginning of that."""
    sent = 0
    connection.settimeout(30)
    for piece in body:
        connection.sendall(piece)
        sent += len(piece)
        connection.setblocking(False)
        try:
            return sent, connection.recv(4096)
        except BlockingIOError:
            connection.settimeout(30)
    return sent, connection.recv(4096)


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def whole_reply(connection: socket.socket) -> tuple[bytes, bytes]:
    """Head and body of the next reply."""
    text = b""
    while b"\r\n\r\n" not in text:
        text += connection.recv(1)
    head, _, body = text.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: ([0-9]+)", head)
    assert found
    while len(body) < int(found[1]):
        body += connection.recv(int(found[1]) - len(body))
    return head, body


@pytest.mark.parametrize("path", TAKING + ASKING)
@pytest.mark.parametrize("length", [BODY_BYTES_MAX + 1, 2 << 30, 10**18])
def test_an_announced_body_over_the_limit_is_refused_before_it_is_sent(
    server: Server, project: Project, path: str, length: int
) -> None:
    with closing(connected(server)) as connection:
        connection.sendall(head(project, path, f"Content-Length: {length}"))
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", TAKING)
def test_a_body_of_unknown_length_is_refused_at_the_limit(server: Server, project: Project, path: str) -> None:
    with closing(connected(server)) as connection:
        connection.sendall(head(project, path, "Transfer-Encoding: chunked"))
        sent, reply = sent_until_answered(connection, pieces(200, CHUNK))
    assert reply.startswith(b"HTTP/1.1 413 ")
    assert BODY_BYTES_MAX < sent < BODY_BYTES_MAX + BUFFERED_BYTES_MAX


def test_what_comes_after_a_refusal_is_held_by_nobody_and_the_connection_goes_on(
    server: Server, project: Project
) -> None:
    track(server, record(server.project))
    before = server.edge_bytes()
    event = json.dumps(record(project, insert_id="after")).encode()
    with closing(connected(server)) as connection:
        connection.sendall(head(project, "/import", f"Content-Length: {300 * len(PIECE)}"))
        assert whole_reply(connection)[0].startswith(b"HTTP/1.1 413 ")
        for piece in pieces(300, PIECE):
            connection.sendall(piece)
        assert server.edge_bytes() - before < 16 * len(PIECE)
        connection.sendall(head(project, "/track", f"Content-Length: {len(event)}") + event)
        assert whole_reply(connection)[1] == b"1"


def test_a_client_that_waits_for_leave_to_send_is_refused_without_it(server: Server, project: Project) -> None:
    with closing(connected(server)) as connection:
        connection.sendall(head(project, "/import", f"Content-Length: {2 << 30}", "Expect: 100-continue"))
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_client_with_wrong_credentials_is_refused_before_it_sends(server: Server, project: Project) -> None:
    stranger = Project(1, "", "", "f" * 32, "us")
    with closing(connected(server)) as connection:
        connection.sendall(head(stranger, "/import", "Content-Length: 1000000"))
        assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")
