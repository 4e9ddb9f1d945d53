"""Clients that stall keep nobody out: half requests without number, and large bodies that never end."""

import contextlib
import json
import socket
import ssl
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.certificates import authority
from tests.support.crash.process_tree import Tree
from tests.support.http.exchange import Request, ask
from tests.support.server import Project
from trackway.http.limits import FILES_KEPT_FREE

JSON = (("Content-Type", "application/json"),)
FILES_MAX = 512
HALF_REQUESTS = 1500
"""More than two edge processes may hold with so few file descriptors."""
STALLED = 16
BODY_BYTES = 32 * 1024 * 1024
STALLED_BYTES = BODY_BYTES - 10
ANSWER_S_MAX = 10.0
"""At least five times what an answer takes beside them; without bounds it was a 503 for 300 s, or none at all."""
CUT_TIMEOUT_S = 60
"""Five times the ten seconds after which a large body that stands still is cut off."""


class FewFiles(Tree):
    """A tree that may open few files, whatever this machine's limits are."""

    @property
    def command(self) -> list[str]:
        return ["prlimit", f"--nofile={FILES_MAX}:{FILES_MAX}", *super().command]


@pytest.fixture
def few_files(tmp_path: Path) -> Iterator[Tree]:
    with FewFiles(tmp_path / "data", "--workers", "2") as tree:
        tree.start()
        yield tree


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with Tree(tmp_path / "data", "--workers", "1") as tree:
        tree.start()
        yield tree


def worst_answer_s(tree: Tree, project: Project, number: int, path: str = "/track") -> float:
    """Of so many requests with an event each, all of which must be acknowledged, on connections of their own."""
    worst_s = 0.0
    for index in range(number):
        event = {"event": f"honest {index}", "properties": {"token": project.token, "distinct_id": "a"}}
        began_s = time.monotonic()
        reply = tree.ask(Request("POST", path, JSON, json.dumps(event).encode()))
        assert (reply.status, reply.body) == (200, b"1")
        worst_s = max(worst_s, time.monotonic() - began_s)
    return worst_s


def connect(tree: Tree) -> socket.socket:
    return socket.create_connection(("127.0.0.1", tree.port), timeout=30)


def stall(tree: Tree, path: str = "/track") -> socket.socket:
    """A connection with a large body whose end never comes."""
    connection = connect(tree)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {BODY_BYTES}\r\n\r\n"
    with contextlib.suppress(ConnectionError, TimeoutError):  # cut off meanwhile
        connection.sendall(head.encode() + b" " * STALLED_BYTES)
    return connection


def test_half_requests_beyond_all_file_descriptors_keep_nobody_out(few_files: Tree) -> None:
    project = few_files.create_project()
    worst_answer_s(few_files, project, 3)
    with contextlib.ExitStack() as closing:
        for index in range(HALF_REQUESTS):
            connection = closing.enter_context(contextlib.closing(connect(few_files)))
            if index % 3:  # and some that send nothing at all
                connection.sendall(b"POST /track HTTP/1.1\r\nHost: x\r\nContent-Le")
        assert worst_answer_s(few_files, project, 20) < ANSWER_S_MAX
        assert few_files.ask(Request("GET", "/healthz")).status == 200
    assert few_files.log.read_text().count("too many connections") in (1, 2), "once a minute and process"
    few_files.wait_caught_up()
    assert len(few_files.export(project)) == 23
    few_files.stop()


def test_connections_that_never_shake_hands_keep_nobody_out(tmp_path: Path) -> None:
    trusted = authority(tmp_path)
    trusted.sign(tmp_path / "server.pem", tmp_path / "key.pem")
    context = ssl.create_default_context(cafile=str(trusted.certificate))
    files = ("--tls-cert", str(tmp_path / "server.pem"), "--tls-key", str(tmp_path / "key.pem"))
    with FewFiles(tmp_path / "data", "--workers", "1", *files) as tree, contextlib.ExitStack() as closing:
        tree.start()
        for _ in range(HALF_REQUESTS):
            closing.enter_context(contextlib.closing(connect(tree)))
        began_s = time.monotonic()
        assert ask(tree.port, Request("GET", "/healthz"), tls=context).status == 200
        assert time.monotonic() - began_s < ANSWER_S_MAX
        edge = psutil.Process(tree.roles()["edge-0"])
        assert edge.num_fds() < FILES_MAX - FILES_KEPT_FREE // 4
        tree.stop()


def test_large_bodies_that_stall_keep_nobody_out_and_are_cut_off(tree: Tree) -> None:
    project = tree.create_project()
    worst_answer_s(tree, project, 3)
    with contextlib.ExitStack() as closing:
        stalled: list[socket.socket] = []
        began_s = time.monotonic()

        def stall_all() -> None:
            for _ in range(STALLED):
                stalled.append(closing.enter_context(contextlib.closing(stall(tree))))

        stalling = threading.Thread(target=stall_all)
        stalling.start()
        worst_s = [worst_answer_s(tree, project, 1)]
        while stalling.is_alive() or len(worst_s) < 20:
            worst_s.append(worst_answer_s(tree, project, 1))
        stalling.join()
        assert max(worst_s) < ANSWER_S_MAX, statistics.quantiles(worst_s)
        large = json.dumps({"event": "large", "properties": {"token": project.token, "distinct_id": "a"}}).encode()
        large += b" " * (BODY_BYTES - len(large))
        while (reply := tree.ask(Request("POST", "/track", JSON, large))).status == 503:
            assert time.monotonic() - began_s < CUT_TIMEOUT_S
            time.sleep(0.2)
        assert (reply.status, reply.body) == (200, b"1")
        for connection in stalled:
            assert first_bytes(connection) in (b"HTTP/1.1 408", b"HTTP/1.1 503", b"")
        assert time.monotonic() - began_s < CUT_TIMEOUT_S
    tree.stop()


def first_bytes(connection: socket.socket) -> bytes:
    """Of the reply, as soon as there is one or the connection is closed."""
    connection.settimeout(CUT_TIMEOUT_S)
    try:
        return connection.recv(12)
    except ConnectionError:
        return b""
