"""A process that hangs is killed and started again, a machine that slept kills nobody, and a stop waits for no one."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.crash.process_tree import Tree
from tests.support.crash.times import READ_S
from tests.support.http.exchange import Request
from tests.support.server import Project, basic
from tests.support.waiting import wait_until

HANG_S = 5
RESTART_TIMEOUT_S = 60
STOP_S_MAX = 35
"""Five times what a stop with a frozen store takes; waiting for each process in turn took 75 s."""
ANSWER_S_MAX = 15
"""Five times what is waited for the store; requests that get on have 20 s."""
JSON = (("Content-Type", "application/json"),)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with Tree(tmp_path / "data", "--workers", "2", "--hang-s-max", str(HANG_S), "--load-interval-ms", "10") as tree:
        tree.start()
        yield tree


def send(tree: Tree, project: Project, name: str) -> None:
    """One event, acknowledged."""
    body = json.dumps({"event": name, "properties": {"token": project.token, "distinct_id": "a"}}).encode()
    reply = tree.ask(Request("POST", "/track", JSON, body))
    assert (reply.status, reply.body) == (200, b"1")


def hung(tree: Tree) -> int:
    return tree.log.read_text().count("process hangs")


def test_processes_that_hang_are_killed_and_started_again(tree: Tree) -> None:
    project = tree.create_project()
    send(tree, project, "before")
    tree.wait_caught_up()
    frozen = {role: tree.signal_when_there(role, signal.SIGSTOP) for role in ("edge-0", "loader", "store")}
    wait_until(
        lambda: all(tree.roles().get(role, pid) != pid for role, pid in frozen.items()), RESTART_TIMEOUT_S, tree.log_end
    )
    assert hung(tree) == len(frozen)
    send(tree, project, "after")
    tree.wait_caught_up()
    assert sorted(line["event"] for line in tree.export(project)) == ["after", "before"]
    tree.stop()


def test_a_machine_that_slept_kills_no_process(tree: Tree) -> None:
    project = tree.create_project()
    tree.wait_caught_up()
    family = tree.family()
    for each in family:
        each.suspend()
    time.sleep(HANG_S + 3)
    for each in family:  # the supervisor first, which then sees how long the others have said nothing
        each.resume()
        time.sleep(0.1)
    send(tree, project, "awake")
    time.sleep(2)
    assert hung(tree) == 0
    tree.stop()


def test_stop_waits_neither_for_a_frozen_store_nor_for_what_waits_for_it(tmp_path: Path) -> None:
    with Tree(tmp_path / "data", "--workers", "2") as tree:
        tree.start()
        project = tree.create_project()
        tree.wait_caught_up()
        tree.signal_when_there("store", signal.SIGSTOP)
        send(tree, project, "kept")
        with closing(socket.create_connection(("127.0.0.1", tree.port))) as exporting:
            head = "GET /api/2.0/export?from_date=2020-01-01&to_date=2030-01-01 HTTP/1.1\r\nHost: x\r\n"
            exporting.sendall(f"{head}Authorization: {basic(project.secret)[1]}\r\n\r\n".encode())
            time.sleep(READ_S + 1.0)  # until the loader has begun to insert
            began_s = time.monotonic()
            tree.stop()
        took_s = time.monotonic() - began_s
        assert took_s < STOP_S_MAX
        tree.start()
        tree.wait_caught_up()
        assert [line["event"] for line in tree.export(project)] == ["kept"]
        tree.stop()


def test_stop_waits_for_no_store_elsewhere_that_hangs(tmp_path: Path) -> None:
    """It takes connections and never says a word; the health check waits three seconds for one."""
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as silent,
        Tree(tmp_path / "data", "--store-url", f"http://u:p@127.0.0.1:{silent.getsockname()[1]}/x") as tree,
    ):
        tree.start()
        project = tree.create_project()
        send(tree, project, "kept")
        with closing(socket.create_connection(("127.0.0.1", tree.port), timeout=ANSWER_S_MAX)) as exporting:
            head = "GET /api/2.0/export?from_date=2020-01-01&to_date=2030-01-01 HTTP/1.1\r\nHost: x\r\n"
            exporting.sendall(f"{head}Authorization: {basic(project.secret)[1]}\r\n\r\n".encode())
            time.sleep(READ_S)
            family = tree.family()
            os.kill(tree.pid, signal.SIGTERM)
            assert exporting.recv(12) == b"HTTP/1.1 503", "before the grace of requests that get on is over"
        tree.wait_stopped(family)


def test_stop_does_not_wait_for_frozen_processes(tmp_path: Path) -> None:
    with Tree(tmp_path / "data", "--workers", "2") as tree:
        tree.start()
        send(tree, tree.create_project(), "kept")
        for role in ("edge-0", "loader"):
            tree.signal_when_there(role, signal.SIGSTOP)
        began_s = time.monotonic()
        tree.stop()
        assert time.monotonic() - began_s < STOP_S_MAX
