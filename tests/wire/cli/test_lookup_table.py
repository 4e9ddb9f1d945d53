"""`trackway lookup-table` beside a running server."""

import gzip
import json
import os
import pty
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.support.lookup.requests import listing
from tests.support.profile_server import ProfileServer
from tests.support.server import Project
from tests.support.store.questions import Tables
from trackway.projects.database import ProjectsDatabase

TRACKWAY = str(Path(sys.executable).with_name("trackway"))
CSV = b"id,name\n1,Ann\n2,Bob\n"


class Commands:
    """The commands for one project."""

    def __init__(self, profile_server: ProfileServer, project: Project) -> None:
        self.server, self.store, self.project = profile_server.server, profile_server.store, project

    def command(self, *arguments: str) -> list[str]:
        where = ["--data-dir", str(self.server.data_dir), "--project", str(self.project.project_id)]
        return [TRACKWAY, "lookup-table", *arguments, *where]

    def run(self, *arguments: str, text: bytes = b"") -> tuple[int, str, str]:
        done = subprocess.run(self.command(*arguments), capture_output=True, input=text, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def create(self, name: str) -> str:
        code, out, err = self.run("create", name, "--json")
        assert (code, err) == (0, "")
        [table] = json.loads(out)
        assert table["name"] == name
        return str(table["id"])

    def rows(self, table_id: str) -> dict[str, object]:
        table = Tables(self.store).find(self.project.project_id, uuid.UUID(table_id))
        assert table is not None
        return {key: row["name"] for key, row in Tables(self.store).rows(self.project.project_id, table)}


@pytest.fixture
def commands(profile_server: ProfileServer, profile_project: Project) -> Commands:
    profile_server.wait_loaded()
    return Commands(profile_server, profile_project)


def test_a_table_is_created_replaced_listed_and_deleted(commands: Commands, tmp_path: Path) -> None:
    assert commands.run("list")[1] == ""
    table_id = commands.create("Users & more")
    (tmp_path / "users.csv").write_bytes(CSV)
    assert commands.run("replace", table_id, str(tmp_path / "users.csv")) == (0, "", "")
    assert commands.rows(table_id) == {"1": "Ann", "2": "Bob"}
    (tmp_path / "users.csv.gz").write_bytes(gzip.compress(b"id,name\n3,Cid\n"))
    assert commands.run("replace", table_id, str(tmp_path / "users.csv.gz")) == (0, "", "")
    assert commands.rows(table_id) == {"3": "Cid"}
    assert commands.run("replace", table_id, "-", text=CSV) == (0, "", "")
    assert commands.rows(table_id) == {"1": "Ann", "2": "Bob"}
    code, out, _ = commands.run("list")
    assert (code, table_id in out, "Users & more" in out) == (0, True, True)
    assert commands.run("delete", table_id) == (0, "", "")
    assert json.loads(commands.server.ask(listing(commands.project)).body)["results"] == []


def test_a_refused_table_names_its_rows_on_one_line(commands: Commands, tmp_path: Path) -> None:
    table_id = commands.create("Users")
    code, out, err = commands.run("replace", table_id, "-", text=b"id,name\n1\n,x\n")
    assert (code, out) == (1, "")
    assert err == (
        "trackway: server refused: row 1: invalid row: wrong number of fields; "
        "row 2: primary key is required and cannot be blank\n"
    )
    unknown = str(uuid.uuid4())
    assert (
        commands.run("delete", unknown)[2]
        == f"trackway: server refused: 404 Lookup table with id '{unknown}' was not found.\n"
    )
    with (tmp_path / "large.csv").open("wb") as large:
        large.truncate(100 * 1024 * 1024 + 1)
    code, out, err = commands.run("replace", table_id, str(tmp_path / "large.csv"))
    assert (code, "has 104857601 bytes, a lookup table at most 104857600" in err) == (2, True)


def test_a_terminal_sees_how_much_was_sent(commands: Commands, tmp_path: Path) -> None:
    table_id = commands.create("Users")
    (tmp_path / "users.csv").write_bytes(CSV)
    ours, theirs = pty.openpty()
    command = commands.command("replace", table_id, str(tmp_path / "users.csv"))
    subprocess.run(command, stderr=theirs, check=True, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"})
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "replacing" in shown
    assert f"{len(CSV)}/{len(CSV)} bytes" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--project", "999999"], "no project is named '999999'; the projects: "),
        (["--url", "http://127.0.0.1:1"], "server did not answer at http://127.0.0.1:1"),
    ],
)
def test_what_is_wrong_is_one_line(commands: Commands, arguments: list[str], message: str) -> None:
    done = subprocess.run([*commands.command("list"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"trackway: {message}")
    assert done.stderr.count("\n") == 1


def test_without_a_server_the_commands_say_so(tmp_path: Path) -> None:
    data = ["--data-dir", str(tmp_path)]
    ProjectsDatabase(tmp_path / "projects.db").migrate()
    ProjectsDatabase(tmp_path / "projects.db").create("Shop", "us")
    command = [TRACKWAY, "lookup-table", "list", "--project", "1", *data]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"trackway: no server runs on {tmp_path}: start it, or name one with --url\n"
