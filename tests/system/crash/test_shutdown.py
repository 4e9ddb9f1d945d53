"""A stop is no excuse to lose a request: one that is on its way is finished, acknowledged, and kept."""

import gzip
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.crash.process_tree import END_TIMEOUT_S, Tree
from tests.support.crash.times import READ_S
from tests.support.server import Project, basic
from tests.support.waiting import wait_until

REPLY_TIMEOUT_S = 30
EXPECT = "Expect: 100-continue\r\n"
"""Makes the server say when it begins to read the body."""


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with Tree(tmp_path / "data", "--workers", "2") as tree:
        tree.start()
        yield tree


class Upload(NamedTuple):
    """A request in two parts, and the body of the reply it must get."""

    head: bytes
    body: bytes
    reply: bytes


def track(project: Project) -> Upload:
    body = json.dumps({"event": "sent", "properties": {"token": project.token, "distinct_id": "a"}}).encode()
    return _upload("/track", EXPECT, body, b"1")


def plain_track(project: Project) -> Upload:
    """Most clients do not ask before they send."""
    return track(project)._replace(head=track(project).head.replace(EXPECT.encode(), b""))


def gzip_import(project: Project) -> Upload:
    properties = {"time": 1_700_000_000, "distinct_id": "a", "$insert_id": "i-1"}
    body = gzip.compress(json.dumps([{"event": "sent", "properties": properties}]).encode())
    headers = f"{EXPECT}Content-Encoding: gzip\r\nAuthorization: {basic(project.secret)[1]}\r\n"
    return _upload("/import?strict=1", headers, body, b'{"code":200,"num_records_imported":1,"status":"OK"}')


def _upload(target: str, headers: str, body: bytes, reply: bytes) -> Upload:
    head = f"POST {target} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
    head += f"{headers}Content-Length: {len(body)}\r\n\r\n"
    return Upload(head.encode(), body, reply)


def _read_until(connection: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        piece = connection.recv(65536)
        assert piece, f"connection closed after {received!r}"
        received += piece
    return received


@pytest.mark.parametrize("make", [track, plain_track, gzip_import])
def test_request_whose_last_byte_comes_after_sigterm_is_acknowledged_and_kept(
    tree: Tree, make: Callable[[Project], Upload]
) -> None:
    project = tree.create_project()
    request = make(project)
    with closing(socket.create_connection(("127.0.0.1", tree.port), REPLY_TIMEOUT_S)) as connection:
        connection.sendall(request.head)
        if EXPECT.encode() in request.head:
            _read_until(connection, b"100 Continue\r\n\r\n")
        connection.sendall(request.body[:-1])
        time.sleep(READ_S)
        family = tree.family()
        idle = next(role for role in tree.roles() if role.startswith("edge"))
        os.kill(tree.pid, signal.SIGTERM)
        wait_until(lambda: "stopping" in tree.log_end(), END_TIMEOUT_S, tree.log_end)
        wait_until(lambda: edges(tree) == 1, END_TIMEOUT_S, lambda: f"the idle {idle} does not end")
        assert tree.running
        connection.sendall(request.body[-1:])
        reply = _read_until(connection, request.reply)
    assert reply.startswith(b"HTTP/1.1 200 OK")
    tree.wait_stopped(family)

    tree.start()
    tree.wait_caught_up()
    assert [line["event"] for line in tree.export(project)] == ["sent"]
    tree.stop()


def edges(tree: Tree) -> int:
    """Edge processes that have not ended yet."""
    return sum(role.startswith("edge") for role in tree.roles())
