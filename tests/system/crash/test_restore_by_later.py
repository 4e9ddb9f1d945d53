"""A backup is restored by a later version, which migrates the store and the projects; and no earlier one opens that."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.support.backups import back_up
from tests.support.command_line import trackway
from tests.support.http.events import import_all, record
from tests.support.old_build import LaterBuild
from tests.support.server import Project, Server, running_server
from tests.support.store.served import ServedStore

Stores = tuple[tuple[str, ...], tuple[str, ...]]


@pytest.fixture(params=["in the data directory", "by a URL"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    """The settings for the store that is backed up, and for the one to restore into."""
    with ExitStack() as closing_all:
        if request.param == "in the data directory":
            yield (), ()
        else:
            served = [closing_all.enter_context(ServedStore(tmp_path / name)) for name in ("first", "second")]
            yield ("--store-url", served[0].url), ("--store-url", served[1].url)


def send(server: Server, project: Project, numbers: range) -> None:
    import_all(server, project, [record(project, "e", insert_id=f"id-{number}") for number in numbers])


def test_a_later_version_restores_and_migrates_what_this_one_backed_up(tmp_path: Path, stores: Stores) -> None:
    (from_store, to_store), restored = stores, tmp_path / "restored"
    with running_server(tmp_path / "data", *from_store) as server:
        project = server.project
        send(server, project, range(50))
        back_up(server.data_dir, tmp_path / "place", *from_store)
    later = LaterBuild(tmp_path / "later")
    done = later.run("restore", str(tmp_path / "place"), "--data-dir", str(restored), *to_store)
    assert (done.returncode, done.stderr) == (0, "")
    with later.serving(restored, *to_store) as server:
        send(server, project, range(40, 60))  # ten of them are known
        assert len(server.export_when(project, 60)) == 60
        back_up_again = later.run("backup", str(tmp_path / "again"), "--data-dir", str(restored), "--json", *to_store)
        assert (back_up_again.returncode, back_up_again.stderr) == (0, "")
        assert json.loads(back_up_again.stdout)["events"] == 60
    with closing(sqlite3.connect(restored / "projects.db")) as database:
        assert set(database.execute("SELECT later FROM projects")) == {(7,)}
    assert json.loads((restored / "format.json").read_text())["store"] == LaterBuild.MIGRATION
    refused = trackway("serve", "--port", "0", "--data-dir", str(restored), *to_store)
    assert refused.returncode == 1 and "was written by a newer trackway" in refused.stderr
    refused = trackway("restore", str(tmp_path / "again"), "--data-dir", str(tmp_path / "other"), *to_store)
    assert refused.returncode == 1 and "restore it with that version or a later" in refused.stderr
