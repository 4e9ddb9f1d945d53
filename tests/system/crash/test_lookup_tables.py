"""A lookup table that is being replaced when a process dies or the server stops: the old one stays, nothing hangs."""

import json
import signal
import socket
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.crash.process_tree import Tree
from tests.support.lookup.requests import OK, PATH, creating, listing, refused, replacing
from tests.support.server import Project, basic, running_server
from tests.support.store.process import running_store
from tests.support.store.questions import Tables
from tests.support.waiting import wait_until
from trackway.edge.limits import LOOKUP_UPLOADS_AT_ONCE_MAX
from trackway.store.client import Store

OLD, NEW = b"id,a\n1,old\n", b"id,a\n" + b"".join(b"%d,new\n" % row for row in range(50_000))
TIMEOUT_S = 60.0


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with Tree(tmp_path / "data", "--workers", "1", "--shutdown-grace-s", "1") as tree:
        tree.start()
        yield tree


@pytest.fixture
def project(tree: Tree) -> Project:
    return tree.create_project()


@pytest.fixture
def table_id(tree: Tree, project: Project) -> str:
    """A table with OLD in it."""
    wait_until(lambda: tree.ask(creating(project, "Songs")).status == 200, TIMEOUT_S, tree.log_end)
    table_id = str(json.loads(tree.ask(creating(project, "Songs")).body)["results"][0]["id"])
    assert tree.ask(replacing(project, table_id, OLD)).body == OK
    return table_id


@contextmanager
def upload_begun(tree: Tree, project: Project, table_id: str) -> Iterator[socket.socket]:
    """A replacement by NEW of which half was sent; a process reads it."""
    head = (
        f"PUT {PATH}/{table_id} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(NEW)}\r\n{': '.join(basic(project.secret))}"
        "\r\nContent-Type: text/csv\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", tree.port), TIMEOUT_S) as connection:
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(NEW[: len(NEW) // 2])
        yield connection


def rows_in(tree: Tree, project: Project, table_id: str) -> list[tuple[str, dict[str, Any]]]:
    """The table as it lies in the store of a stopped tree; nothing but it is left there."""
    with running_store(tree.data_dir / "store") as running, closing(Store(running.url)) as store:
        tables = Tables(store)
        table = tables.find(project.project_id, uuid.UUID(table_id))
        assert table is not None
        rows = Tables(store).rows(project.project_id, table)
        tables.drop_ended(kept_s=0)
        assert store.query("SELECT count() FROM lookup_rows") == [(len(rows),)]
    return rows


def test_an_edge_killed_during_an_upload_leaves_the_old_table(tree: Tree, project: Project, table_id: str) -> None:
    with upload_begun(tree, project, table_id) as connection:
        killed = tree.signal_when_there("edge-0", signal.SIGKILL)
        with suppress(ConnectionResetError):
            assert connection.recv(100) == b""
    wait_until(lambda: tree.roles().get("edge-0", killed) != killed, TIMEOUT_S, tree.log_end)
    tree.stop()
    assert rows_in(tree, project, table_id) == [("1", {"a": "old"})]


def test_a_client_that_leaves_during_an_upload_leaves_the_old_table(
    tree: Tree, project: Project, table_id: str
) -> None:
    for _ in range(2):
        for _ in range(LOOKUP_UPLOADS_AT_ONCE_MAX):
            with upload_begun(tree, project, table_id):
                pass
        wait_until(lambda: tree.ask(replacing(project, table_id, OLD)).status == 200, TIMEOUT_S, tree.log_end)
    tree.stop()
    assert rows_in(tree, project, table_id) == [("1", {"a": "old"})]


def test_a_server_stops_in_time_during_an_upload(tree: Tree, project: Project, table_id: str) -> None:
    with upload_begun(tree, project, table_id):
        tree.stop()
    assert rows_in(tree, project, table_id) == [("1", {"a": "old"})]


def test_without_the_store_nothing_is_acknowledged(tmp_path: Path) -> None:
    with (
        running_store(tmp_path / "store") as store,
        running_server(tmp_path / "data", "--workers", "1", "--store-url", store.url) as server,
    ):
        server.wait_loaded()
        project = server.project
        table_id = str(json.loads(server.ask(creating(project, "Songs")).body)["results"][0]["id"])
        store.close()
        for request in (replacing(project, table_id, NEW), creating(project, "More"), listing(project)):
            reply = server.ask(request)
            body = refused("the store cannot be reached now", 503, "Service Unavailable")
            assert (reply.status, reply.body, reply.header("retry-after")) == (503, body, "5")
