"""Commands that ask the running server, where it speaks TLS below a path, or has its projects in PostgreSQL."""

import json
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import Authority, authority
from tests.support.command_line import trackway
from tests.support.http.events import record, track
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic, running_server
from tests.support.service_accounts import everywhere
from trackway.projects.database import ProjectsDatabase

KINDS = ["tls below a path", "postgresql"]


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module", params=KINDS)
def other(
    request: pytest.FixtureRequest, trusted: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("other")
    if request.param == "postgresql":
        url = request.getfixturevalue("cluster").new_database()
        with running_server(place / "data", "--workers", "1", "--projects-url", url) as server:
            yield known(server, server.project)
        return
    certificate, key = place / "server.pem", place / "server-key.pem"
    trusted.sign(certificate, key)
    context = ssl.create_default_context(cafile=str(trusted.certificate))
    arguments = ("--workers", "1", "--tls-cert", str(certificate), "--tls-key", str(key), "--path-prefix", "/events")
    with running_server(place / "data", *arguments, tls=context) as server:
        yield known(server, server.project)


def known(server: Server, project: Project) -> Server:
    """The server, when it knows the project and its store has tables: of PostgreSQL it hears within two seconds."""
    limits = Request("GET", f"{server.prefix}/api/app/rate-limits", (basic(project.secret),))
    assert everywhere(lambda: server.ask(limits).status == 200, times=1)
    server.wait_loaded()
    return server


def run(server: Server, *arguments: str, code: int = 0) -> str:
    """What a command prints; that it fails, of one that should."""
    where = ("--data-dir", str(server.data_dir), *server.projects_at)
    done = trackway(*arguments, *where)
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


@pytest.fixture
def project(other: Server) -> Project:
    made = other.create_project()
    known(other, made)
    return made


def test_a_lookup_table_is_created_replaced_and_deleted(other: Server, project: Project, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_bytes(b"id,name\n1,Ann\n")
    [made] = json.loads(run(other, "lookup-table", "create", "Users", "--project", project.name, "--json"))
    run(other, "lookup-table", "replace", made["id"], str(tmp_path / "users.csv"), "--project", project.name)
    (tmp_path / "users.csv").write_bytes(b"id,name\n,Ann\n")
    told = run(
        other, "lookup-table", "replace", made["id"], str(tmp_path / "users.csv"), "--project", project.name, code=1
    )
    assert "primary key is required and cannot be blank" in told
    assert json.loads(run(other, "lookup-table", "list", "--project", project.name, "--json")) == [made]
    run(other, "lookup-table", "delete", made["id"], "--project", project.name)
    assert json.loads(run(other, "lookup-table", "list", "--project", project.name, "--json")) == []


def test_ids_are_shown_previewed_and_unlinked(other: Server, project: Project) -> None:
    track(other, record(project, distinct_id="somebody"))
    other.wait_loaded()
    shown = json.loads(run(other, "identity", "show", "somebody", "--project", project.name, "--json"))
    assert (shown["known"], shown["ids"]) == (True, ["somebody"])
    assert "would not be merged" in run(other, "identity", "preview", "a", "b", "--project", project.name)
    told = run(other, "identity", "unlink", "a", "--reason", "a test", "--project", project.name)
    assert told == "a is a person of its own from now on.\n"


def test_how_ids_are_linked_is_changed_while_a_project_is_empty(other: Server, project: Project) -> None:
    if other.projects_at:  # in PostgreSQL: other servers may share them, and none of those can be asked
        refused = run(other, "project", "identity", project.name, "original", code=1)
        assert "other servers that share the projects may have data" in refused
        return
    changed = json.loads(run(other, "project", "identity", project.name, "original", "--json"))
    assert changed["identity_mode"] == "original"
    track(other, record(other.project))
    other.wait_loaded()
    told = run(other, "project", "identity", other.project.name, "original", code=1)
    assert told == f"trackway: project {other.project.project_id} has events\n"


def test_whoever_listens_where_a_killed_server_did_is_sent_nothing(other: Server, tmp_path: Path) -> None:
    """Its file is still there, with an address that anybody may have taken."""
    shutil.copytree(
        other.data_dir / "run", tmp_path / "run", ignore=shutil.ignore_patterns("rates", "metrics", "*.sock")
    )
    state = json.loads((tmp_path / "run" / "server.json").read_text())
    ProjectsDatabase(tmp_path / "projects.db").migrate()
    ProjectsDatabase(tmp_path / "projects.db").create("Shop", "us")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        state["url"] = f"http://127.0.0.1:{listener.getsockname()[1]}"
        (tmp_path / "run" / "server.json").write_text(json.dumps(state))
        done = trackway("lookup-table", "list", "--data-dir", str(tmp_path))
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    told = f"trackway: no server runs on {tmp_path}: start it, or name one with --url\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_a_named_server_must_have_a_certificate_that_is_trusted(other: Server, project: Project) -> None:
    """The one of the data directory is known by its file; any other proves what it is before it gets a secret."""
    if other.tls is None:
        assert (
            json.loads(run(other, "lookup-table", "list", "--project", project.name, "--url", other.url, "--json"))
            == []
        )
    else:
        told = run(other, "lookup-table", "list", "--project", project.name, "--url", other.url, code=1)
        assert "certificate verify failed" in told
