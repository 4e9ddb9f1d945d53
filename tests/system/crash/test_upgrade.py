"""Data of version 0.1.0 opens with the present build, what was not loaded yet included, and not the other way round.

The old build is that of commit a357e38, made from the history. It writes events, profiles, links and projects; its
loader is stopped before the last of them; then all its processes are killed.
"""

import json
import os
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import trackway
from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.old_build import OldBuild
from tests.support.server import Project, Server, basic, running_server

COMMIT = "a357e38"
LOADED, UNLOADED = 40, 10
TIME_S = 1_700_000_000
DAYS = {"from_date": "2023-11-14", "to_date": "2023-11-15"}


def projects_in(data_dir: Path) -> list[Project]:
    with closing(sqlite3.connect(data_dir / "projects.db")) as connection:
        rows = connection.execute("SELECT project_id, name, token, secret, region FROM projects ORDER BY 1").fetchall()
    return [Project(*row) for row in rows]


def post(server: Server, project: Project, path: str, body: list[dict[str, Any]]) -> None:
    reply = server.ask(Request("POST", path, (JSON, basic(project.secret)), json.dumps(body).encode()))
    assert reply.status == 200 and reply.body not in (b"0", b""), reply


def send(server: Server, project: Project, kind: str, count: int) -> None:
    """Events, an update of a profile and a link, all with names of this kind."""
    events = [
        {
            "event": "Seen",
            "properties": {"time": TIME_S + n, "distinct_id": f"user-{n % 5}", "$insert_id": f"{kind}-{n}", "n": n},
        }
        for n in range(count)
    ]
    device = {"time": TIME_S, "$device_id": f"{kind}-device", "$insert_id": f"{kind}-device"}
    user = {"time": TIME_S, "$device_id": f"{kind}-device", "$user_id": "user-1", "$insert_id": f"{kind}-link"}
    linked = [{"event": "Link", "properties": each} for each in (device, user)]
    post(server, project, "/import?strict=1", [*events, *linked])
    of_user = {"$token": project.token, "$distinct_id": "user-1"}
    post(server, project, "/engage?verbose=1", [of_user | {"$set": {kind: True}}, of_user | {"$add": {"visits": 1}}])


def ids(server: Server, project: Project, count: int) -> Counter[str]:
    return Counter(line["properties"]["$insert_id"] for line in server.export_when(project, count, **DAYS))


def written(kind: str, count: int) -> list[str]:
    return [*(f"{kind}-{n}" for n in range(count)), f"{kind}-device", f"{kind}-link"]


def profile(server: Server, project: Project) -> dict[str, Any]:
    asked = Request("GET", f"/api/query/engage?project_id={project.project_id}", (basic(project.secret),))
    found: dict[str, Any] = json.loads(server.ask(asked).body)["results"][0]["$properties"]
    return found


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> OldBuild:
    return OldBuild(COMMIT, tmp_path_factory.mktemp("old"))


def test_version_0_1_0_opens_with_all_that_it_acknowledged_and_refuses_what_is_newer(
    old: OldBuild, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    with old.serving(data_dir, "--workers", "1", "--no-rate-limits", "--load-interval-ms", "100") as server:
        created = old.run("project", "create", "Shop", "--data-dir", str(data_dir))
        assert created.returncode == 0, created
        projects = projects_in(data_dir)
        assert [each.name for each in projects] == ["default", "Shop"]
        for project in projects:
            server.export_reply(project)  # it is known
            send(server, project, "loaded", LOADED)
            server.export_when(project, LOADED + 2, **DAYS)
        os.kill(server.processes()["loader"], signal.SIGSTOP)
        for project in projects:
            send(server, project, "unloaded", UNLOADED)

    expected = Counter(written("loaded", LOADED) + written("unloaded", UNLOADED))
    for _ in range(2):  # upgraded, and as it is after the old build has tried
        with running_server(data_dir, "--workers", "1") as today:
            for project in projects:
                assert ids(today, project, expected.total()) == expected
                persons = {line["properties"]["distinct_id"] for line in today.export(project, event="Link", **DAYS)}
                assert persons == {"user-1"}
                shown = profile(today, project)
                assert (shown["loaded"], shown["unloaded"], shown["visits"]) == (True, True, 2)
        refused = old.run("serve", "--port", "0", "--data-dir", str(data_dir))
        assert refused.returncode == 2, refused
        assert "projects database" in refused.stderr and "is of another version" in refused.stderr, refused
        assert "listens" not in refused.stdout


def test_the_present_build_refuses_the_directory_of_a_newer_one(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    newer = {"version": "9.9.9", "journal": 999, "store": 999, "projects": 999}
    (data_dir / "format.json").write_text(json.dumps(newer))
    done = trackway("serve", "--port", "0", "--data-dir", str(data_dir))
    assert done.returncode == 1 and "newer trackway (9.9.9)" in done.stderr, done
    assert sorted(each.name for each in data_dir.iterdir()) == ["format.json", "run"]
