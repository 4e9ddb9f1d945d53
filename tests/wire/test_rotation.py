"""Keys that are rotated by the command line beside a running server, whichever database the projects are in."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.command_line import printed
from tests.support.http.encodings import JSON
from tests.support.http.events import import_strict, record
from tests.support.http.exchange import Request
from tests.support.lookup.requests import creating, listing, replacing
from tests.support.server import Project, Server, basic, running_server

TAKEN_OVER_TIMEOUT_S = 30.0
IN_A_ROW = 6
"""Requests that must be answered alike before both edge processes count as having taken a change over."""


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def rotating_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if request.param == "sqlite":
        yield request.getfixturevalue("server")
        return
    url = request.getfixturevalue("cluster").new_database()
    with running_server(
        tmp_path_factory.mktemp("rotation") / "data", "--workers", "2", "--projects-url", url
    ) as server:
        yield server


@pytest.fixture
def owned(rotating_server: Server) -> Project:
    project = rotating_server.create_project()
    wait_answered(rotating_server, project, 200)
    return project


def rotate(server: Server, project: Project, *arguments: str) -> tuple[Project, list[dict[str, Any]]]:
    """The project with its new key, and its old keys."""
    where = ["--data-dir", str(server.data_dir), *server.projects_at]
    fields = json.loads(printed("project", "rotate", project.name, "--json", *arguments, *where))
    names = ("project_id", "name", "token", "secret", "region")
    return Project(**{name: fields[name] for name in names}), fields["old_keys"]


def status(server: Server, project: Project) -> int:
    """How a query with the project's secret is answered."""
    target = "/api/2.0/export?from_date=2026-01-01&to_date=2026-01-01"
    return server.ask(Request("GET", target, (basic(project.secret),))).status


def wait_answered(server: Server, project: Project, wanted: int) -> None:
    deadline_s = time.monotonic() + TAKEN_OVER_TIMEOUT_S
    in_a_row = 0
    while in_a_row < IN_A_ROW:
        in_a_row = in_a_row + 1 if status(server, project) == wanted else 0
        assert time.monotonic() < deadline_s, f"not answered with {wanted}"
        time.sleep(0.02)


def track(server: Server, project: Project, insert_id: str) -> bytes:
    body = json.dumps(record(project, insert_id=insert_id)).encode()
    return server.ask(Request("POST", "/track", (JSON,), body)).body


def test_both_tokens_reach_the_project_during_the_overlap_and_one_afterwards(
    rotating_server: Server, owned: Project
) -> None:
    assert track(rotating_server, owned, "before") == b"1"
    rotated, old_keys = rotate(rotating_server, owned, "--token")
    assert [(each["kind"], each["key"]) for each in old_keys] == [("token", owned.token)]
    # A second change, which is seen by its effect: a process that has the second has the first as well.
    secret_too, _ = rotate(rotating_server, rotated, "--secret", "--overlap", "1h")
    wait_answered(rotating_server, secret_too, 200)
    assert status(rotating_server, owned) == 200
    assert track(rotating_server, owned, "old-token") == b"1"
    assert track(rotating_server, rotated, "new-token") == b"1"
    for secret in (owned.secret, secret_too.secret):
        sender = replace(secret_too, secret=secret)
        assert import_strict(rotating_server, sender, [record(owned, insert_id=f"with-{secret[:4]}")]).status == 200
    events = rotating_server.export_when(secret_too, 5)
    assert {event["properties"]["$insert_id"] for event in events} >= {"before", "old-token", "new-token"}

    rotate(rotating_server, secret_too, "--token", "--overlap", "0")
    ended, _ = rotate(rotating_server, secret_too, "--secret", "--overlap", "0")
    wait_answered(rotating_server, ended, 200)
    wait_answered(rotating_server, owned, 401)
    assert status(rotating_server, secret_too) == 401
    assert track(rotating_server, owned, "too-late") == b"0"
    assert track(rotating_server, rotated, "too-late") == b"0"
    assert len(rotating_server.export(ended)) == 5


def test_both_secrets_open_tables_ids_and_limits_during_the_overlap_and_one_afterwards(
    rotating_server: Server, owned: Project
) -> None:
    rotating_server.wait_loaded()
    [table] = json.loads(rotating_server.ask(creating(owned, "Songs")).body)["results"]
    rotated, _ = rotate(rotating_server, owned, "--secret", "--overlap", "1h")
    wait_answered(rotating_server, rotated, 200)
    assert [_opened(rotating_server, each, table["id"]) for each in (owned, rotated)] == [[200] * 7] * 2
    ended, _ = rotate(rotating_server, rotated, "--secret", "--overlap", "0")
    wait_answered(rotating_server, ended, 200)
    wait_answered(rotating_server, owned, 401)
    opened = [_opened(rotating_server, each, table["id"]) for each in (owned, rotated, ended)]
    assert opened == [[401] * 7, [401] * 7, [200] * 7]


def _opened(server: Server, project: Project, table: str) -> list[int]:
    """The statuses of everything that the secret opens, besides imports, exports and profiles."""
    key, path = basic(project.secret), "/api/app/identity"
    requests = [
        listing(project),
        creating(project, "Songs"),
        replacing(project, table, b"id,a\n1,2\n"),
        Request("GET", f"{path}?distinct_id=a", (key,)),
        Request("GET", f"{path}/preview?ids=%5B%22a%22,%22b%22%5D", (key,)),
        Request("POST", f"{path}/unlink", (JSON, key), b'{"id":"a","reason":"b"}'),
        Request("GET", "/api/app/rate-limits", (key,)),
    ]
    return [server.ask(request).status for request in requests]


def test_no_key_is_logged(rotating_server: Server, owned: Project) -> None:
    rotated, _ = rotate(rotating_server, owned, "--token", "--overlap", "0")
    track(rotating_server, owned, "a")
    track(rotating_server, rotated, "b")
    status(rotating_server, owned)
    log = (rotating_server.data_dir / "serve.log").read_text()
    assert not [key for key in (owned.token, owned.secret, rotated.token) if key in log]
