"""A running machine moves to a replicated journal, and from one generation to the next: nothing is lost."""

import json
import re
import shlex
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import printed, trackway
from tests.support.crash.process_tree import Tree
from tests.support.http.exchange import Request
from tests.support.journal.named_events import names, send
from tests.support.journal.nats_cluster import NatsCluster
from tests.support.journal.nats_machine import request
from tests.support.journal.nats_site import site
from tests.support.server import ROOM_ENOUGH, Project, basic

PAGE = Path(__file__).parents[2] / "docs/operations/replicated-journal.md"


def remove_streams(nats: NatsCluster) -> None:
    """Of whatever test was before: there are at most three."""
    for number in range(3):
        request(nats.url, f"$JS.API.STREAM.DELETE.TRACKWAY_{number}")


class Recipe:
    """The commands below a heading of the page, run as they are written but for the address of the servers.

    A test starts the server itself, where the page says so.
    """

    def __init__(self, heading: str, nats: NatsCluster, directory: Path):
        section = PAGE.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
        typed = re.findall(r"^\$ (.*)$", section, re.MULTILINE)
        self._commands = [shlex.split(each, comments=True) for each in typed]
        self._variables = {"TRACKWAY_DATA_DIR": str(directory)}
        self._nats = nats

    def use_streams(self) -> None:
        """As a reader who exported the address before."""
        self._variables["TRACKWAY_JOURNAL_URL"] = self._nats.url

    def run_to_serve(self) -> None:
        """Run all commands up to the start of a server."""
        while (words := self._commands.pop(0))[:2] != ["trackway", "serve"]:
            if words[0] == "export":
                name, _, value = words[1].partition("=")
                assert (name, value.partition("@")[2]) == ("TRACKWAY_JOURNAL_URL", "nats-1,nats-2,nats-3")
                self._variables[name] = self._nats.url
            else:
                done = trackway(*words[1:], **self._variables, **ROOM_ENOUGH)
                assert done.returncode == 0, done.stderr
        assert self._commands == []


def status(nats: NatsCluster, data_dir: Path) -> dict[str, Any]:
    arguments = ("--data-dir", str(data_dir), "--journal-url", nats.url, "--json")
    found: dict[str, Any] = json.loads(printed("journal", "status", *arguments))
    return found


@pytest.mark.timeout(240)
def test_a_machine_moves_to_streams_and_to_their_next_generation_without_loss(
    nats: NatsCluster, tmp_path: Path
) -> None:
    directory, sent = tmp_path / "data", [f"local {number:02}" for number in range(30)]
    replicated = ("--data-dir", str(directory), "--journal-url", nats.url)
    with Tree(directory, "--workers", "2") as tree:
        tree.start()
        project = tree.create_project()
        send(tree, project, *sent[:10])
        tree.wait_caught_up()
        tree.signal_when_there("loader", signal.SIGSTOP)  # what comes now is in the journal alone
        send(tree, project, *sent[10:])
        tree.kill_all()

        refused = trackway("serve", "--port", "0", *replicated)
        assert refused.returncode == 1 and "trackway journal drain" in refused.stderr
        Recipe("Move a running machine", nats, directory).run_to_serve()
        [stream] = status(nats, directory)["streams"]
        assert (stream["generation"], stream["messages"], stream["fault"]) == (1, 0, "")

    with site(nats, directory, "--journal-retention-s", "86400") as tree:
        tree.start()
        assert names(tree, project) == sent
        sent += ["stream 1", "stream 2"]
        send(tree, project, *sent[30:])
        tree.wait_caught_up()
        assert names(tree, project) == sent
        shown = status(nats, directory)
        assert shown["streams"][0]["messages"] > 2 and not shown["progress"]["failing"]
        tree.stop()

    assert "drain it first" in trackway("journal", "init", "--again", *replicated).stderr
    again = Recipe("Replace the stream", nats, directory)
    again.use_streams()
    again.run_to_serve()
    [stream] = status(nats, directory)["streams"]
    assert (stream["generation"], stream["messages"], stream["fault"]) == (2, 0, "")
    with site(nats, directory) as tree:
        tree.start()
        sent += ["stream 3"]
        send(tree, project, "stream 3")
        tree.wait_caught_up()
        assert names(tree, project) == sorted(sent)
        target = Request("GET", "/api/2.0/engage", (basic(project.secret),))
        [profile] = json.loads(tree.ask(target).body)["results"]
        assert profile["$properties"]["n"] == len(sent)
        tree.stop()


def counted(tree: Tree, project: Project) -> int:
    """How many events `send` has counted in the profile."""
    target = Request("GET", "/api/2.0/engage", (basic(project.secret),))
    [profile] = json.loads(tree.ask(target).body)["results"]
    return int(profile["$properties"]["n"])


def check_all(tree: Tree, sent: dict[Project, list[str]]) -> None:
    """Every project has what was sent to it, once."""
    tree.wait_caught_up()
    for project, events in sent.items():
        assert names(tree, project) == sorted(events) and counted(tree, project) == len(events)


@pytest.mark.timeout(400)
def test_a_machine_moves_to_several_streams_and_to_another_number_without_loss(
    nats: NatsCluster, tmp_path: Path
) -> None:
    directory = tmp_path / "data"
    at = ("--data-dir", str(directory), "--journal-url", nats.url)
    remove_streams(nats)
    with Tree(directory, "--workers", "2") as tree:
        tree.start()
        sent = {tree.create_project(): [f"{number} loaded", f"{number} waits"] for number in range(4)}
        for project, (loaded, _) in sent.items():
            send(tree, project, loaded)
        tree.wait_caught_up()
        tree.signal_when_there("loader", signal.SIGSTOP)
        for project, (_, waits) in sent.items():
            send(tree, project, waits)
        tree.kill_all()
    drained("--data-dir", str(directory))
    printed("journal", "init", "--partitions", "3", *at)
    with site(nats, directory, "--journal-retention-s", "86400") as tree:
        tree.start()
        for project, events in sent.items():
            send(tree, project, "of three")
            events.append("of three")
        check_all(tree, sent)
        assert sum(each["messages"] > 0 for each in status(nats, directory)["streams"]) == 3
        tree.stop()

    refused = trackway("journal", "init", "--again", "--partitions", "2", *at)
    assert refused.returncode == 1 and "drain it first" in refused.stderr
    assert [each["generation"] for each in status(nats, directory)["streams"]] == [1, 1, 1]
    drained(*at)
    printed("journal", "init", "--again", "--partitions", "2", *at)
    assert [each["generation"] for each in status(nats, directory)["streams"]] == [2, 2]
    with site(nats, directory) as tree:
        tree.start()
        for project, events in sent.items():
            send(tree, project, "of two")
            events.append("of two")
        check_all(tree, sent)
        tree.stop()


def drained(*at: str) -> None:
    done = trackway("journal", "drain", *at, **ROOM_ENOUGH)
    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(120)
def test_a_new_server_starts_as_the_page_says(nats: NatsCluster, tmp_path: Path) -> None:
    remove_streams(nats)
    Recipe("Start a new server", nats, tmp_path / "data").run_to_serve()
    with site(nats, tmp_path / "data") as tree:
        tree.start()
        project = tree.create_project()
        send(tree, project, "first")
        tree.wait_caught_up()
        assert names(tree, project) == ["first"]
        tree.stop()


def test_generations_end_at_127(nats: NatsCluster, tmp_path: Path) -> None:
    remove_streams(nats)
    arguments = ("--data-dir", str(tmp_path), "--journal-url", nats.url)
    printed("journal", "init", "--generation", "127", *arguments)
    refused = trackway("journal", "init", "--again", *arguments)
    assert refused.returncode == 1 and "generations end at 127" in refused.stderr
    assert "exists already" in trackway("journal", "init", *arguments).stderr
    remove_streams(nats)


def test_drain_is_refused_beside_a_server(nats: NatsCluster, tmp_path: Path) -> None:
    with Tree(tmp_path / "data") as tree:
        tree.start()
        refused = trackway("journal", "drain", "--data-dir", str(tmp_path / "data"))
        assert refused.returncode == 1 and "another trackway server" in refused.stderr
        tree.stop()
