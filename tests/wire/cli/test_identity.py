"""`trackway identity` against a running server: what is told, in words and as JSON, and what is refused."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.command_line import trackway
from tests.support.identities import device, people, send
from tests.support.server import Project, Server
from trackway.projects.database import ProjectsDatabase


def run(server: Server, project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    common = ("--project", project.name, "--data-dir", str(server.data_dir))
    return trackway("identity", *arguments, *common)


def printed(server: Server, project: Project, *arguments: str) -> str:
    done = run(server, project, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_person_is_shown_with_its_history(server: Server, project: Project) -> None:
    send(server, project, device("D1"), device("D1", "U1"), device("D1", "U2"))
    server.wait_loaded()
    lines = printed(server, project, "show", "$device:D1").splitlines()
    assert lines[:3] == ["$device:D1 is U1, with 2 ids:", "  U1  (canonical)", "  $device:D1"]
    linked, refused = [line for line in lines if "$device:D1 " in line][1:]
    assert "$device:D1 belongs to U1" in linked
    assert "was refused to belong to U2" in refused and "device is linked to another user" in refused
    assert json.loads(printed(server, project, "show", "$device:D1", "--json"))["canonical_id"] == "U1"
    send(server, project, {"distinct_id": "U9"})
    server.wait_loaded()
    assert printed(server, project, "show", "U9") == "U9 has no other ids.\n"


def test_an_id_of_which_there_is_nothing_is_a_failure(server: Server, project: Project) -> None:
    send(server, project, {"distinct_id": "U1"})
    server.wait_loaded()
    for arguments in (["show", "u1"], ["show", "u1", "--json"]):
        done = run(server, project, *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"trackway: project {project.project_id} has nothing of the id 'u1'\n"


def test_a_merge_is_previewed_in_words_and_unlinked(server: Server, project: Project) -> None:
    send(server, project, device("D1"), device("D2", "U1"))
    server.wait_loaded()
    assert printed(server, project, "preview", "U1", "$device:D1").splitlines() == [
        "U1: 2 ids, 1 event, 0 profiles",
        "$device:D1: 1 id, 1 event, 0 profiles",
        "Merged, all events would belong to U1. These ids would move to it: $device:D1.",
        "Profiles would stay under their own ids. Later updates would go to the profile of the canonical id.",
    ]
    assert printed(server, project, "preview", "U1", "U2").splitlines()[-1].startswith("They would not be merged: ")
    assert printed(server, project, "preview", "U1", "$device:D2").endswith("They are one already: U1.\n")
    send(server, project, device("D2"))
    unlinked = printed(server, project, "unlink", "$device:D2", "--reason", "a shared tablet")
    assert unlinked == "$device:D2 is a person of its own from now on.\n"
    server.wait_loaded()
    assert people(server, project, 3) == ["$device:D1", "$device:D2", "U1"]
    assert "a shared tablet" in printed(server, project, "show", "$device:D2")


REFUSED = [
    (("show", "a", "--url", "http://127.0.0.1:1"), 1, "server did not answer at http://127.0.0.1:1"),
    (("show", "a", "--url", "file:///etc"), 2, "url must begin with http:// or https://"),
    (("show", ""), 1, "server refused: 400 distinct_id must be 1 to 263 characters"),
    (("unlink", "a"), 2, "missing option '--reason'"),
]


@pytest.mark.parametrize(("arguments", "code", "text"), REFUSED)
def test_what_is_refused_is_told_in_one_line(
    server: Server, project: Project, arguments: tuple[str, ...], code: int, text: str
) -> None:
    done = run(server, project, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"trackway: {text}") and done.stderr.count("\n") == 1


def test_a_project_and_a_server_must_be_there(server: Server, project: Project, tmp_path: Path) -> None:
    common = ("--data-dir", str(server.data_dir))
    done = trackway("identity", "show", "a", *common)
    assert done.stderr.startswith("trackway: --project must name one of the projects: ")
    ProjectsDatabase(tmp_path / "projects.db").migrate()
    ProjectsDatabase(tmp_path / "projects.db").create("Shop", "us")
    none = trackway("identity", "show", "a", "--data-dir", str(tmp_path))
    assert (none.returncode, none.stderr) == (
        1,
        f"trackway: no server runs on {tmp_path}: start it, or name one with --url\n",
    )
