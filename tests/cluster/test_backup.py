"""A backup of a server whose journal is in streams needs nothing of them, and goes on with them or with new ones."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.backups import back_up, restore
from tests.support.command_line import printed, trackway
from tests.support.crash.process_tree import Tree
from tests.support.http.exchange import Request
from tests.support.journal.named_events import names, send
from tests.support.journal.nats_cluster import NatsCluster
from tests.support.journal.nats_site import new_streams, site
from tests.support.server import ROOM_ENOUGH, Project, basic


def number(tree: Tree, project: Project) -> int:
    [profile] = json.loads(tree.ask(Request("GET", "/api/2.0/engage", (basic(project.secret),))).body)["results"]
    return int(profile["$properties"]["n"])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("partitions", [1, 3])
def test_a_restored_server_goes_on_with_its_streams_or_with_new_ones(
    nats: NatsCluster, tmp_path: Path, partitions: int
) -> None:
    new_streams(nats, partitions=partitions)
    place = tmp_path / "place"
    with site(nats, tmp_path / "data", "--journal-retention-s", "86400") as tree:
        tree.start()
        projects = [tree.create_project() for _ in range(partitions)]
        for project in projects:
            send(tree, project, "before 1", "before 2")
        back_up(tree.data_dir, place)
        for project in projects:
            send(tree, project, "after")
        tree.wait_caught_up()
        tree.stop()

    restore(place, tmp_path / "same")
    with site(nats, tmp_path / "same") as tree:
        tree.start()
        check(tree, projects, "after", "before 1", "before 2")
        tree.stop()

    said = trackway("restore", str(place), "--data-dir", str(tmp_path / "new")).stdout
    assert "trackway journal init --generation" in said
    generation = said.partition("--generation ")[2].partition("`")[0]
    new_journal(nats, tmp_path / "new", "--again", "--discard-records", "--generation", generation)
    with site(nats, tmp_path / "new") as tree:
        tree.start()
        check(tree, projects, "before 1", "before 2")
        for project in projects:
            send(tree, project, "new")
        check(tree, projects, "before 1", "before 2", "new")
        tree.stop()


@pytest.mark.timeout(240)
def test_a_backup_of_a_journal_in_files_goes_on_with_several_streams(nats: NatsCluster, tmp_path: Path) -> None:
    place, data_dir = tmp_path / "place", tmp_path / "restored"
    with Tree(tmp_path / "data", "--workers", "2") as tree:
        tree.start()
        projects = [tree.create_project() for _ in range(3)]
        for project in projects:
            send(tree, project, "before")
        back_up(tree.data_dir, place)
        tree.stop()

    restore(place, data_dir)
    assert trackway("journal", "drain", "--data-dir", str(data_dir), **ROOM_ENOUGH).returncode == 0
    new_journal(nats, data_dir, "--again", "--discard-records", "--partitions", "3")
    with site(nats, data_dir) as tree:
        tree.start()
        for project in projects:
            send(tree, project, "after")
        check(tree, projects, "after", "before")
        tree.stop()


def new_journal(nats: NatsCluster, data_dir: Path, *options: str) -> None:
    printed("journal", "init", *options, "--data-dir", str(data_dir), "--journal-url", nats.url)


def check(tree: Tree, projects: Sequence[Project], *events: str) -> None:
    """Every project has these events, once."""
    tree.wait_caught_up()
    for project in projects:
        assert names(tree, project) == list(events) and number(tree, project) == len(events)
