"""Empty segments of a path are passed over, and lead nowhere else."""

import json

import pytest

from tests.support.http.encodings import JSON
from tests.support.http.events import record
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic


@pytest.mark.parametrize("slashes", ["//", "///", "/" * 1000])
def test_every_path_is_found_behind_empty_segments(server: Server, project: Project, slashes: str) -> None:
    secret = basic(project.secret)
    event = json.dumps(record(project, insert_id="same")).encode()
    user = json.dumps({"$token": project.token, "$distinct_id": "u", "$set": {"a": 1}}).encode()
    group = json.dumps({"$token": project.token, "$group_key": "g", "$group_id": "u", "$set": {"a": 1}}).encode()
    asked = [
        Request("POST", "track", (JSON,), event),
        Request("POST", "track/?verbose=1&ip=1", (JSON,), event),
        Request("POST", "import", (JSON, secret), event),
        Request("POST", "engage/", (JSON,), user),
        Request("POST", "groups", (JSON,), group),
        Request("GET", "api/2.0/export?from_date=2020-01-01&to_date=2020-01-01", (secret,)),
        Request("GET", "api/2.0//export/?from_date=2020-01-01&to_date=2020-01-01", (secret,)),
        Request("GET", "api/query/engage", (secret,)),
        Request("GET", "api/app/rate-limits", (secret,)),
        Request("GET", "lookup-tables", (secret,)),
        Request("GET", "flags/"),
        Request("GET", "settings"),
        Request("GET", "healthz"),
        Request("GET", "app/sign-in"),
        Request("OPTIONS", "track"),
    ]
    for request in asked:
        server.wait_loaded()
        reply = server.ask(Request(request.method, slashes + request.target, request.headers, request.body))
        assert reply.status in (200, 204), (request.target, reply.status, reply.body)
    assert server.ask(Request("GET", f"{slashes}nothing")).status == 404
    [line] = server.export_when(project, 1)  # the same event each time
    assert line["event"] == record(project)["event"]


@pytest.mark.parametrize(
    "target", ["//example.com", "//example.com/..", "//example.com/app/", "///", "//app", "/%2Fapp/"]
)
def test_a_path_that_begins_like_a_host_leads_to_no_other_server(server: Server, target: str) -> None:
    reply = server.ask(Request("GET", target, (("Accept", "text/html"),)))
    location = reply.header("location")
    assert reply.status == 404 if location is None else location.startswith("/app/"), (reply.status, location)


def test_signing_in_leads_to_no_other_server(server: Server) -> None:
    for wanted in ("//example.com", "/app//example.com", "//example.com/app/", "/app/\\example.com"):
        reply = server.ask(Request("GET", f"/app/projects/1//?next={wanted}", (("Accept", "text/html"),)))
        assert (reply.status, (reply.header("location") or "")[:19]) == (303, "/app/sign-in?next=%")
