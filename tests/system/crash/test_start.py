"""One tree for a data directory: a second one is refused, a killed one leaves nothing that would hinder the next."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.support.crash.process_tree import Tree, environment
from tests.support.http.exchange import Request
from tests.support.server import Project
from tests.support.store.process import running_store
from tests.support.waiting import wait_until
from trackway.store.client import Store
from trackway.store.migrate import migrate

JSON = (("Content-Type", "application/json"),)
REFUSED_TIMEOUT_S = 60
LAG_TIMEOUT_S = 15


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with Tree(tmp_path / "data", "--workers", "2") as tree:
        tree.start()
        yield tree


def send(tree: Tree, project: Project, name: str) -> None:
    """One event, acknowledged."""
    body = json.dumps({"event": name, "properties": {"token": project.token, "distinct_id": "a"}}).encode()
    reply = tree.ask(Request("POST", "/track", JSON, body))
    assert (reply.status, reply.body) == (200, b"1")


def exported(tree: Tree, project: Project) -> list[str]:
    tree.wait_caught_up()
    return sorted(line["event"] for line in tree.export(project))


def test_second_server_on_the_same_directory_is_refused(tree: Tree) -> None:
    project = tree.create_project()
    command = tree.command
    second = subprocess.run(command, env=environment(), capture_output=True, timeout=REFUSED_TIMEOUT_S, check=False)
    assert second.returncode == 1, second
    assert f"another trackway server (pid {tree.pid}) uses {tree.data_dir}" in second.stderr.decode()
    assert second.stderr.count(b"\n") == 1 and not second.stdout
    assert tree.state()["pid"] == tree.pid
    send(tree, project, "still here")
    assert exported(tree, project) == ["still here"]
    tree.stop()


def test_server_starts_again_at_once_after_the_whole_tree_was_killed(tree: Tree) -> None:
    project = tree.create_project()
    send(tree, project, "before")
    tree.kill_all()
    tree.start()
    send(tree, project, "after")
    assert exported(tree, project) == ["after", "before"]
    tree.stop()


def test_killed_supervisor_takes_its_children_along(tree: Tree) -> None:
    project = tree.create_project()
    send(tree, project, "before")
    family = tree.family()
    assert len(family) == 6  # supervisor, two edges, loader, store, alerts
    tree.kill_supervisor()
    wait_until(lambda: not any(map(lives, family)), REFUSED_TIMEOUT_S, lambda: f"left behind: {family}")
    tree.start()
    assert exported(tree, project) == ["before"]
    tree.stop()


def test_nothing_is_left_to_load_after_a_restart_without_new_events(tree: Tree) -> None:
    project = tree.create_project()
    send(tree, project, "before")
    tree.wait_caught_up()
    tree.stop()
    tree.start()
    wait_until(lambda: lag_bytes(tree) == 0, LAG_TIMEOUT_S, lambda: f"{lag_bytes(tree)} bytes are said to wait")
    assert [line["event"] for line in tree.export(project)] == ["before"]
    tree.stop()


def test_a_server_does_not_start_on_a_store_of_a_newer_version(tmp_path: Path) -> None:
    with running_store(tmp_path / "store") as running, closing(Store(running.url)) as store:
        migrate(store)
        store.command("INSERT INTO schema_migrations (number, name) SELECT 9999, 'later'")
        command = Tree(tmp_path / "data", "--store-url", running.url).command
        done = subprocess.run(command, env=environment(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 1, done
    assert "newer version of trackway" in done.stderr.decode() and done.stderr.count(b"\n") == 1


def lag_bytes(tree: Tree) -> object:
    """What `/readyz` says is still to be loaded; None while the loader has not said anything."""
    return json.loads(tree.ask(Request("GET", "/readyz")).body)["loader"]["lag_bytes"]


def lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
