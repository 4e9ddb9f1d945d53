"""`trackway status` of a server that runs, that stands still, and that does not run."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import printed, trackway
from tests.support.crash.process_tree import Tree
from tests.support.free_port import free_port
from tests.support.http.exchange import Request
from tests.support.server import Project, Server
from trackway import __version__

JSON = (("Content-Type", "application/json"),)
WEDGED = "http://127.0.0.1:1/nowhere"


def send(server: Server, project: Project, *events: dict[str, object]) -> None:
    body = [{"event": "e", **each, "properties": {"token": project.token, "distinct_id": "u"}} for each in events]
    assert server.ask(Request("POST", "/track", JSON, json.dumps(body).encode())).status == 200


def test_a_running_server_is_shown_on_one_screen(server: Server, project: Project) -> None:
    send(server, project, {}, {"event": 1})
    server.wait_loaded()
    arguments = ("status", "--data-dir", str(server.data_dir))
    found = json.loads(printed(*arguments, "--json"))
    assert (found["accepting"], found["ready"], found["version"]) == (True, True, __version__)
    assert (found["pid"], found["processes"]) == (server.process.pid, server.processes())
    assert found["url"] == server.url and found["uptime_s"] >= 0
    assert found["records"]["accepted"] >= 1 and found["records"]["rejected"] >= 1
    assert found["rejected"] and found["disk"]["journal_bytes"] > 0
    assert found["rates"]["seconds"] >= 1
    shown = printed(*arguments)
    for words in (f"trackway {__version__}", "accepts data", server.url, "2 edges", "Rejected", "free"):
        assert words in shown
    assert len(shown.splitlines()) <= 30, "one screen"
    assert project.token not in shown


def test_health_alone_is_asked_for_by_probes(server: Server) -> None:
    assert printed("status", "--health", "--data-dir", str(server.data_dir)) == "ok\n"
    said = json.loads(printed("status", "--health", "--json", "--data-dir", str(server.data_dir)))
    assert said == {"status": "ok"}


@pytest.fixture(scope="module")
def unready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a server whose store is away, with its operators' page on a port of its own; and then of
    none, since it is killed at the end."""
    place = tmp_path_factory.mktemp("unready") / "data"
    with Tree(
        place, "--workers", "1", "--store-url", WEDGED, "--ops-port", str(free_port()), "--path-prefix", "/m"
    ) as tree:
        tree.start()
        done = trackway("status", "--json", "--data-dir", str(place))
        (place.parent / "said.json").write_text(json.dumps([done.returncode, done.stdout, done.stderr]))
        tree.kill_all()
    return place


def test_a_server_that_loads_nothing_ends_with_exit_code_1_and_says_why(unready: Path) -> None:
    code, said, errors = json.loads((unready.parent / "said.json").read_text())
    assert (code, errors) == (1, "")
    found = json.loads(said)
    assert (found["accepting"], found["ready"]) == (True, False)
    assert any("the store does not answer" in sentence for sentence in found["advice"])


def test_a_killed_server_does_not_run(unready: Path) -> None:
    done = trackway("status", "--data-dir", str(unready))
    wanted = f"trackway: no server runs on {unready}: start it with trackway serve\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", wanted)
