"""What settings change on the wire: rate limits, a path prefix, unknown tokens; and what a restart must not change."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http.encodings import JSON
from tests.support.http.events import record, track
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic, running_server

PREFIX = "/collect/mp"
LIMITED = (
    b'{"code":429,"error":"Project exceeded rate limits. Please retry the request with exponential backoff. '
    b"The limit is import_requests_per_hour: 'trackway project set NAME import_requests_per_hour=NUMBER' changes "
    b'it, 0 lifts it.","status":"Too Many Requests"}'
)


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    arguments = ["--rate-limits", "--workers", "2", "--import-requests-per-hour", "3", "--accept-unknown-tokens"]
    with running_server(tmp_path_factory.mktemp("limited") / "data", *arguments) as running:
        yield running


def import_one(server: Server, project: Project, name: str) -> tuple[int, bytes, str | None]:
    body = json.dumps([record(project, insert_id=name, time=1_600_000_000)]).encode()
    reply = server.ask(Request("POST", "/import?strict=1", (JSON, basic(project.secret)), body))
    return reply.status, reply.body, reply.header("retry-after")


def test_import_over_the_rate_is_a_429_until_later(limited: Server) -> None:
    project = limited.create_project()
    answers = [import_one(limited, project, f"id-{number}") for number in range(5)]
    assert [status for status, _, _ in answers] == [200, 200, 200, 429, 429]
    assert [body for status, body, _ in answers if status == 429] == [LIMITED, LIMITED]
    assert all(0 < int(after or 0) <= 3840 for status, _, after in answers if status == 429)


def test_rate_of_one_project_does_not_bind_another(limited: Server) -> None:
    first, second = limited.create_project(), limited.create_project()
    for number in range(4):
        status, _, _ = import_one(limited, first, f"id-{number}")
    assert status == 429
    assert import_one(limited, second, "id-1")[0] == 200


def test_wrong_credentials_do_not_use_up_the_rate(limited: Server) -> None:
    project = limited.create_project()
    for _ in range(5):
        reply = limited.ask(Request("POST", "/import?project_id=999", (JSON, basic(project.secret)), b"[]"))
        assert reply.status == 401
    assert import_one(limited, project, "id-1")[0] == 200


def test_track_has_no_hourly_rate(limited: Server) -> None:
    for number in range(10):
        track(limited, record(limited.project, insert_id=f"id-{number}"))


def test_unknown_token_is_accepted_silently_when_so_set(limited: Server) -> None:
    body = json.dumps({"event": "a", "properties": {"token": "f" * 32, "distinct_id": "u"}}).encode()
    reply = limited.ask(Request("POST", "/track?verbose=1", (JSON,), body))
    assert (reply.status, reply.body) == (200, b'{"error":null,"status":1}')


def test_restart_keeps_events_projects_and_deduplication(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", "--path-prefix", PREFIX) as server:
        prefixed = server.create_project()
        body = json.dumps(record(prefixed, insert_id="a", sent="before")).encode()
        assert server.ask(Request("POST", f"{PREFIX}/track/", (JSON,), body)).body == b"1"
        assert server.ask(Request("POST", "/track", (JSON,), body)).status == 404
        for path in (f"/{PREFIX}/track", f"{PREFIX}//track//", "//collect//mp///track/?verbose=0"):
            assert server.ask(Request("POST", path, (JSON,), body)).body == b"1"
    with running_server(tmp_path / "data") as server:
        track(server, record(prefixed, insert_id="a", sent="after"))
        track(server, record(prefixed, insert_id="b", sent="after"))
        server.wait_loaded()
        lines = server.export_when(prefixed, 2)
    assert [(line["properties"]["$insert_id"], line["properties"]["sent"]) for line in lines] == [
        ("a", "before"),
        ("b", "after"),
    ]
