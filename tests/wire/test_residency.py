"""Data for another region is rejected with the right host named, and nothing of it is stored (protocol §1, [M])."""

import json

import pytest
from tests.running import Project, Server, basic
from tests.wire.encodings import JSON
from tests.wire.exchange import Request
from tests.wire.sending import record

HOSTS = {"eu": "api-eu", "in": "api-in"}


@pytest.fixture(params=HOSTS)
def elsewhere(server: Server, request: pytest.FixtureRequest) -> Project:
    return server.create_project("", "--region", str(request.param))


def sentence(project: Project) -> str:
    return f"project belongs to region '{project.region}', this server to 'us': send to {HOSTS[project.region]}"


def test_an_event_for_another_region_is_rejected_with_the_right_host(server: Server, elsewhere: Project) -> None:
    body = json.dumps([record(elsewhere, insert_id="id-1")]).encode()
    verbose = server.ask(Request("POST", "/track?verbose=1", (JSON,), body))
    assert (verbose.status, json.loads(verbose.body)) == (200, {"error": f"token, {sentence(elsewhere)}", "status": 0})
    assert server.ask(Request("POST", "/track", (JSON,), body)).body == b"0"


@pytest.mark.parametrize(
    "method_and_path",
    [
        "POST /import?strict=1",
        "GET /api/2.0/export?from_date=2026-01-01",
        "POST /api/2.0/engage",
        "GET /api/query/engage",
    ],
)
def test_credentials_of_another_region_are_a_403_with_the_right_host(
    server: Server, elsewhere: Project, method_and_path: str
) -> None:
    method, _, path = method_and_path.partition(" ")
    reply = server.ask(Request(method, path, (JSON, basic(elsewhere.secret)), b"[]"))
    expected = {"code": 403, "error": sentence(elsewhere), "status": "Forbidden"}
    assert (reply.status, json.loads(reply.body)) == (403, expected)


def test_a_batch_keeps_what_belongs_here(server: Server, project: Project, elsewhere: Project) -> None:
    events = [record(elsewhere, insert_id="id-1"), record(project, insert_id="id-2")]
    assert server.ask(Request("POST", "/track", (JSON,), json.dumps(events).encode())).body == b"1"
    assert [line["properties"]["$insert_id"] for line in server.export_when(project, 1)] == ["id-2"]
