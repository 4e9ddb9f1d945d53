"""Changing how a project links ids: while it has no data, and only where that is certain."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.command_line import trackway
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, create_project
from trackway.commands.options import open_database
from trackway.commands.preconditions import check_empty
from trackway.domain.errors import StateError
from trackway.projects.database import ProjectsDatabase
from trackway.settings.table import Settings

JSON = (("Content-Type", "application/json"),)


def change(data_dir: Path, project: Project, mode: str) -> subprocess.CompletedProcess[str]:
    return trackway("project", "identity", project.name, mode, "--json", "--data-dir", str(data_dir))


def send(server: Server, path: str, record: dict[str, object]) -> None:
    reply = server.ask(Request("POST", path, JSON, json.dumps(record).encode()))
    assert (reply.status, reply.body) == (200, b"1")
    server.wait_loaded()


def test_an_empty_project_changes_to_and_fro(server: Server, project: Project) -> None:
    server.wait_loaded()
    for mode in ("original", "simplified", "simplified"):
        done = change(server.data_dir, project, mode)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["identity_mode"] == mode


def test_a_project_with_an_event_keeps_its_mode(server: Server, project: Project) -> None:
    send(server, "/track", {"event": "a", "properties": {"token": project.token, "distinct_id": "u"}})
    done = change(server.data_dir, project, "original")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"trackway: project {project.project_id} has events\n"
    assert change(server.data_dir, project, "simplified").returncode == 0, "it has that mode"


def test_a_project_with_a_profile_keeps_its_mode(server: Server, project: Project) -> None:
    send(server, "/engage", {"$token": project.token, "$distinct_id": "u", "$set": {"a": 1}})
    done = change(server.data_dir, project, "original")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"trackway: project {project.project_id} has profiles\n"


def test_no_mode_is_changed_while_no_server_runs(tmp_path: Path) -> None:
    ProjectsDatabase(tmp_path / "projects.db").migrate()
    done = change(tmp_path, create_project(tmp_path / "projects.db", "Shop"), "original")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"trackway: no server runs on {tmp_path}: start it")


def test_no_mode_is_changed_where_other_servers_may_have_the_data(project: Project, server: Server) -> None:
    """Only this server can be asked; those that share its database of projects are not known."""
    shared = Settings(data_dir=server.data_dir, projects_url="postgresql://127.0.0.1/projects")
    with pytest.raises(StateError, match="other servers that share the projects may have data"):
        check_empty(shared, open_database(Settings(data_dir=server.data_dir)).named(project.name))
