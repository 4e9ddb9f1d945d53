"""What a server does when its stream is full, gone, another one, or never was safe."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import TRACKWAY
from tests.support.crash.process_tree import Tree, environment
from tests.support.http.exchange import Reply, Request
from tests.support.journal.nats_cluster import NatsCluster
from tests.support.journal.nats_machine import request
from tests.support.journal.nats_site import new_streams, site
from tests.support.server import Project
from tests.support.waiting import wait_until
from trackway.domain.errors import StateError, StorageError
from trackway.journal.stream import setup
from trackway.journal.stream.address import parse_address
from trackway.journal.stream.setup import make_streams, streams_status
from trackway.journal.stream.streams import Stream, config_of

STEP_S_MAX = 30.0
STREAM = "TRACKWAY_0"


@pytest.fixture
def tree(nats: NatsCluster, tmp_path: Path) -> Iterator[Tree]:
    new_streams(nats)
    with site(nats, tmp_path / "data") as tree:
        yield tree


def track(tree: Tree, project: Project, *names: str, ballast: int = 0) -> Reply:
    """Send events, each with so many properties of 200 characters."""
    events = []
    for name in names:
        extra = {f"p{number}": os.urandom(100).hex() for number in range(ballast)}
        own = {"token": project.token, "distinct_id": "a", "$insert_id": name}
        events.append({"event": name, "properties": own | extra})
    return tree.ask(Request("POST", "/track", (("Content-Type", "application/json"),), json.dumps(events).encode()))


def loader_state(tree: Tree) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tree.ask(Request("GET", "/readyz")).body)["loader"]
    return found


def wait(true: Callable[[], bool], tree: Tree) -> None:
    wait_until(true, STEP_S_MAX, tree.log_end)


def names(tree: Tree, project: Project) -> set[str]:
    return {line["event"] for line in tree.export(project)}


@pytest.mark.timeout(120)
def test_a_full_stream_refuses_with_503_until_the_loader_has_made_room(nats: NatsCluster, tmp_path: Path) -> None:
    new_streams(nats, bytes_max=2_000_000)
    with site(nats, tmp_path / "data", "--journal-retention-s", "0") as tree:
        tree.start()
        project = tree.create_project()
        loader = tree.signal_when_there("loader", signal.SIGSTOP)
        accepted: set[str] = set()
        for number in range(200):
            reply = track(tree, project, f"event {number}", ballast=200)
            if reply.status != 200:
                break
            accepted.add(f"event {number}")
        assert reply.status == 503 and int(reply.header("retry-after") or 0) > 0 and len(accepted) > 5
        os.kill(loader, signal.SIGCONT)
        wait(lambda: track(tree, project, "with room").status == 200, tree)
        tree.wait_caught_up()
        assert names(tree, project) == accepted | {"with room"}
        tree.stop()


@pytest.mark.timeout(120)
def test_a_stream_that_is_gone_stops_everything_and_one_made_again_is_not_used(nats: NatsCluster, tree: Tree) -> None:
    tree.start()
    project = tree.create_project()
    assert track(tree, project, "before").status == 200
    tree.wait_caught_up()
    request(nats.url, f"$JS.API.STREAM.DELETE.{STREAM}")
    wait(lambda: not loader_state(tree)["loading"], tree)
    wait(lambda: f"stream {STREAM} does not exist" in tree.log_end(), tree)
    make_streams(parse_address(nats.url))
    wait(lambda: "was made again" in tree.log_end(), tree)
    assert track(tree, project, "lost in another stream").status == 503
    assert streams_status(parse_address(nats.url))[0].messages == 0
    assert tree.ask(Request("GET", "/readyz")).status == 503


@pytest.mark.timeout(120)
def test_a_stream_of_the_same_generation_made_while_the_server_was_down_is_not_loaded(
    nats: NatsCluster, tree: Tree
) -> None:
    tree.start()
    project = tree.create_project()
    assert track(tree, project, "before").status == 200
    tree.wait_caught_up()
    tree.stop()
    [old] = streams_status(parse_address(nats.url))
    request(nats.url, f"$JS.API.STREAM.DELETE.{STREAM}")
    make_streams(parse_address(nats.url), generation=old.generation)
    nats.leader()
    tree.begin()
    tree.wait_listening()
    for number in range(10):  # so that the new stream is longer than the old one was
        assert track(tree, project, f"after {number}").status == 200
    wait(lambda: "of another journal" in tree.log_end() or "before the wanted" in tree.log_end(), tree)
    wait(lambda: "of another journal" in tree.log_end(), tree)
    assert not loader_state(tree)["loading"]
    assert names(tree, project) == {"before"}


@pytest.mark.timeout(120)
def test_a_later_generation_is_loaded_from_its_begin(nats: NatsCluster, tree: Tree) -> None:
    tree.start()
    project = tree.create_project()
    assert track(tree, project, "before").status == 200
    tree.wait_caught_up()
    tree.stop()
    new_streams(nats)
    tree.start()
    assert track(tree, project, "after").status == 200
    tree.wait_caught_up()
    assert names(tree, project) == {"before", "after"}
    tree.stop()


@pytest.mark.timeout(120)
def test_bodies_of_many_megabytes_are_kept_whole(nats: NatsCluster, tree: Tree) -> None:
    tree.start()
    project = tree.create_project()
    sent = [f"event {number}" for number in range(600)]
    assert track(tree, project, *sent, ballast=50).status == 200
    tree.wait_caught_up()
    assert names(tree, project) == set(sent)
    assert streams_status(parse_address(nats.url))[0].messages >= 4
    tree.stop()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"num_replicas": 1}, "num_replicas must be at least 3"),
        ({"discard": "old"}, "discard must be new"),
        ({"max_age": 3_600_000_000_000}, "max_age must be 0"),
        ({"allow_direct": False}, "allow_direct must be true"),
        ({"duplicate_window": 10_000_000_000}, "duplicate_window must be at least 60 s"),
    ],
)
def test_a_stream_that_is_not_safe_is_refused(
    nats: NatsCluster, tmp_path: Path, change: dict[str, Any], fault: str
) -> None:
    new_streams(nats)
    request(nats.url, f"$JS.API.STREAM.DELETE.{STREAM}")
    config = config_of(Stream(STREAM, 1, "0123456789abcdef", 0, 1), 0) | change
    assert b"did_create" in request(nats.url, f"$JS.API.STREAM.CREATE.{STREAM}", config)
    time.sleep(0.5)
    command = [TRACKWAY, "serve", "--port", "0", "--data-dir", str(tmp_path / "data"), "--journal-url", nats.url]
    ended = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, fault in ended.stderr) == (2, True), ended.stderr
    request(nats.url, f"$JS.API.STREAM.DELETE.{STREAM}")


def test_a_cluster_without_streams_is_refused(nats: NatsCluster, tmp_path: Path) -> None:
    new_streams(nats)
    request(nats.url, f"$JS.API.STREAM.DELETE.{STREAM}")
    command = [TRACKWAY, "serve", "--port", "0", "--data-dir", str(tmp_path / "data"), "--journal-url", nats.url]
    ended = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1 and f"stream {STREAM} does not exist" in ended.stderr
    assert "not-a-secret" not in ended.stderr


@pytest.mark.parametrize(
    ("up", "wait_s", "error", "text"),
    [([0], 3.0, StorageError, "once all its servers have met"), ([0, 1], 15.0, StateError, "peers")],
)
def test_streams_of_a_new_cluster_are_made_once_all_servers_have_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, up: list[int], wait_s: float, error: type[Exception], text: str
) -> None:
    """nats-server 2.15.1, `findings/nats-first-start-needs-all-servers.sh`. Two servers of three elect a leader, which
    takes a while on a busy machine; one alone waits in vain."""
    cluster = NatsCluster(tmp_path)
    try:
        cluster.start(*up)
        with monkeypatch.context() as patched, pytest.raises(error, match=text):
            patched.setattr(setup, "STREAM_START_S_MAX", wait_s)
            make_streams(parse_address(cluster.url_of(up)))
        cluster.start(*{0, 1, 2}.difference(up))
        [made] = make_streams(parse_address(cluster.url))
        assert (made.name, made.replicas) == (STREAM, 3)
    finally:
        cluster.close()
