"""The data directory is its owner's alone: whatever a running server makes, and whatever an older one left."""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.crash.process_tree import Tree
from tests.support.http.exchange import Request
from tests.support.server import Project, basic

JSON = ("Content-Type", "application/json")


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    """That of most shells, under which what is not made private is everybody's to read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def readable_by_others(data_dir: Path) -> list[str]:
    """Everything in the directory, and itself, on which group or others have a right."""
    found = [data_dir, *(path for path in data_dir.rglob("*") if not path.is_symlink())]
    return [str(path) for path in found if _rights(path) & 0o077 and path.name != "serve.log"]


def _rights(path: Path) -> int:
    with suppress(FileNotFoundError):  # the engine renames and drops parts meanwhile
        return stat.S_IMODE(path.lstat().st_mode)
    return 0


def use(tree: Tree, project: Project) -> None:
    """Every kind of request that makes files: events, profiles, a lookup table, an export, a page."""
    event = {"event": "a", "properties": {"token": project.token, "distinct_id": "a"}}
    old = {"event": "a", "properties": {"distinct_id": "a", "time": 1_700_000_000, "$insert_id": "1"}}
    profile = [{"$token": project.token, "$distinct_id": "a", "$set": {"b": 1}}]
    secret = basic(project.secret)
    bodies = {"/track": [event], "/import?strict=1": [old], "/engage": profile, "/lookup-tables?name=a": None}
    tree.wait_caught_up()
    for path, body in bodies.items():
        reply = tree.ask(Request("POST", path, (JSON, secret), json.dumps(body).encode() if body else b""))
        assert reply.status == 200, (path, reply)
    tree.wait_caught_up()
    assert [line["event"] for line in tree.export(project)] == ["a", "a"]
    assert tree.ask(Request("GET", "/app/sign-in")).status == 200


def test_nothing_in_the_data_directory_of_a_running_server_is_for_others(tmp_path: Path) -> None:
    with Tree(tmp_path / "data", "--workers", "2") as tree:
        tree.start()
        use(tree, tree.create_project())
        names = {path.name for path in tree.data_dir.rglob("*")}
        assert {"store", "journal", "projects.db", "session.key"} <= names and len(names) > 100
        assert readable_by_others(tree.data_dir) == []
        tree.stop()


def test_what_an_older_server_left_for_others_is_closed_at_start(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("not the server's")
    outside.chmod(0o644)
    with Tree(tmp_path / "data", "--workers", "1") as tree:
        tree.start()
        project = tree.create_project()
        use(tree, project)
        tree.stop()
        for path in tree.data_dir.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        tree.data_dir.chmod(0o755)
        (tree.data_dir / "store" / "link").symlink_to(outside)
        tree.start()
        assert readable_by_others(tree.data_dir) == []
        assert stat.S_IMODE(outside.stat().st_mode) == 0o644, "links are not followed"
        tree.wait_caught_up()
        assert len(tree.export(project)) == 2
        tree.stop()
