"""A backup of a server whose journal is a stream needs nothing of it, and goes on with it or with a new one."""

import json
from pathlib import Path

import pytest

from tests.support.backups import back_up, restore
from tests.support.command_line import printed, trackway
from tests.support.crash.process_tree import Tree
from tests.support.http.exchange import Request
from tests.support.journal.named_events import names, send
from tests.support.journal.nats_cluster import NatsCluster
from tests.support.journal.nats_site import new_streams, site
from tests.support.server import Project, basic


def number(tree: Tree, project: Project) -> int:
    [profile] = json.loads(tree.ask(Request("GET", "/api/2.0/engage", (basic(project.secret),))).body)["results"]
    return int(profile["$properties"]["n"])


@pytest.mark.timeout(240)
def test_a_restored_server_goes_on_with_its_stream_or_with_a_new_one(nats: NatsCluster, tmp_path: Path) -> None:
    new_streams(nats)
    place = tmp_path / "place"
    with site(nats, tmp_path / "data", "--journal-retention-s", "86400") as tree:
        tree.start()
        project = tree.create_project()
        send(tree, project, "before 1", "before 2")
        back_up(tree.data_dir, place)
        send(tree, project, "after")
        tree.wait_caught_up()
        tree.stop()

    restore(place, tmp_path / "same")
    with site(nats, tmp_path / "same") as tree:
        tree.start()
        tree.wait_caught_up()
        assert names(tree, project) == ["after", "before 1", "before 2"] and number(tree, project) == 3
        tree.stop()

    said = trackway("restore", str(place), "--data-dir", str(tmp_path / "new")).stdout
    assert "trackway journal init --generation" in said
    generation = said.partition("--generation ")[2].partition("`")[0]
    at = ("--data-dir", str(tmp_path / "new"), "--journal-url", nats.url)
    printed("journal", "init", "--again", "--discard-records", "--generation", generation, *at)
    with site(nats, tmp_path / "new") as tree:
        tree.start()
        tree.wait_caught_up()
        assert names(tree, project) == ["before 1", "before 2"] and number(tree, project) == 2
        send(tree, project, "new")
        tree.wait_caught_up()
        assert names(tree, project) == ["before 1", "before 2", "new"] and number(tree, project) == 3
        tree.stop()
