"""One of several streams is lost: the others go on, also over a restart, and it is replaced alone."""

import json
import signal
from pathlib import Path

import httpx
import pytest

from tests.support.command_line import printed, trackway
from tests.support.crash.process_tree import Tree
from tests.support.http.exchange import Request
from tests.support.journal.nats_cluster import NatsCluster
from tests.support.journal.nats_machine import request
from tests.support.journal.nats_site import new_streams, site
from tests.support.server import Project
from tests.support.waiting import wait_until

LOST = "TRACKWAY_1"
STEP_S_MAX = 60.0


def track(tree: Tree, project: Project, name: str) -> int:
    event = {"event": name, "properties": {"token": project.token, "distinct_id": "d", "$insert_id": name}}
    url = f"http://127.0.0.1:{tree.port}/track?verbose=1"
    return httpx.post(url, json=[event], timeout=60).status_code


def events(tree: Tree, project: Project) -> set[str]:
    found = [line["event"] for line in tree.export(project)]
    assert len(found) == len(set(found)), "an event is there twice"
    return set(found)


def of_partitions(tree: Tree) -> tuple[Project, Project]:
    """A project of stream 0 and one of stream 1."""
    one, other = sorted((tree.create_project(), tree.create_project()), key=lambda project: project.project_id % 2)
    return one, other


@pytest.mark.timeout(400)
def test_a_lost_stream_is_replaced_alone_and_what_it_had_is_counted_as_lost(nats: NatsCluster, tmp_path: Path) -> None:
    new_streams(nats, partitions=2)
    at = ("--data-dir", str(tmp_path / "data"), "--journal-url", nats.url)
    with site(nats, tmp_path / "data", "--journal-retention-s", "86400") as tree:
        tree.start()
        even, odd = of_partitions(tree)
        assert [track(tree, each, "loaded") for each in (even, odd)] == [200, 200]
        tree.wait_caught_up()
        tree.signal_when_there("loader", signal.SIGSTOP)
        assert [track(tree, odd, f"lost {number}") for number in range(3)] == [200] * 3
        request(nats.url, f"$JS.API.STREAM.DELETE.{LOST}")
        tree.signal_when_there("loader", signal.SIGCONT)
        assert track(tree, even, "meanwhile") == 200
        wait_until(lambda: "meanwhile" in events(tree, even), STEP_S_MAX, tree.log_end)
        tree.stop()

        shown = trackway("journal", "status", "--json", *at)
        faults = [each["fault"] for each in json.loads(shown.stdout)["streams"]]
        assert (shown.returncode, faults) == (1, ["", f"stream {LOST} does not exist"])
        tree.begin()
        tree.wait_listening()
        wait_until(lambda: track(tree, even, "after a start") == 200, STEP_S_MAX, tree.log_end)
        assert track(tree, odd, "refused") == 503
        wait_until(lambda: "after a start" in events(tree, even), STEP_S_MAX, tree.log_end)
        assert "a stream is away" in tree.log.read_text()

        refused = trackway("journal", "replace", "0", *at)
        assert refused.returncode == 1 and "TRACKWAY_0 is there" in refused.stderr
        assert "the numbers 0 to 1" in trackway("journal", "replace", "2", *at).stderr
        made = json.loads(printed("journal", "replace", "1", "--json", *at))
        assert [(each["generation"], each["fault"]) for each in made] == [(1, ""), (2, "")]
        assert track(tree, odd, "refused again") == 503, (
            "a running server publishes into a stream that it does not know"
        )
        tree.stop()

        tree.start()
        assert [track(tree, each, "after") for each in (even, odd)] == [200, 200]
        tree.wait_caught_up()
        assert events(tree, even) == {"loaded", "meanwhile", "after a start", "after"}
        assert events(tree, odd) == {"loaded", "after"}
        metrics = tree.ask(Request("GET", "/metrics")).body.decode()
        assert 'trackway_damage{place="journal"} 1.0' in metrics.splitlines(), metrics
        [said] = [line for line in tree.log.read_text().splitlines() if "acknowledged records are lost" in line]
        assert "records=3" in said
        tree.stop()

        tree.start()  # again, from a cursor of each generation
        assert [track(tree, each, "again") for each in (even, odd)] == [200, 200]
        tree.wait_caught_up()
        assert events(tree, odd) == {"loaded", "after", "again"}
        tree.stop()


@pytest.mark.timeout(300)
def test_a_start_does_without_a_stream_that_is_back_later(nats: NatsCluster, tmp_path: Path) -> None:
    new_streams(nats, partitions=2)
    with site(nats, tmp_path / "data") as tree:
        tree.start()
        even, odd = of_partitions(tree)
        tree.stop()
        config = json.loads(request(nats.url, f"$JS.API.STREAM.INFO.{LOST}"))["config"]
        request(nats.url, f"$JS.API.STREAM.DELETE.{LOST}")

        tree.begin()
        tree.wait_listening()
        wait_until(lambda: track(tree, even, "alone") == 200, STEP_S_MAX, tree.log_end)
        assert track(tree, odd, "refused") == 503
        request(nats.url, f"$JS.API.STREAM.CREATE.{LOST}", config)
        wait_until(lambda: track(tree, odd, "back") == 200, STEP_S_MAX, tree.log_end)
        tree.wait_caught_up()
        assert (events(tree, even), events(tree, odd)) == ({"alone"}, {"back"})
        tree.stop()

        request(nats.url, f"$JS.API.STREAM.DELETE.{LOST}")
        request(nats.url, f"$JS.API.STREAM.CREATE.{LOST}", config | {"discard": "old"})
        refused = trackway("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), "--journal-url", nats.url)
        assert refused.returncode == 2 and "discard must be new" in refused.stderr, "it is there, and not safe"
