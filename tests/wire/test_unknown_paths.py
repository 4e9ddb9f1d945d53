"""A path that is not there is a 404 whoever asks: told of wrong credentials, a client would look for another key."""

import pytest

from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic

PATHS = [
    "/api/app",
    "/api/app/",
    "/api/app/data-deletions/v2.0",
    "/api/app/data-retrievals/v2.0?token=x",
    "/api/app/you",
    "/api/app/identity/merge",
    "/api/app/organizations/1",
    "/api/app/organizations/1/service-accounts/1/roles",
    "/api/app/projects/1/settings",
    "/api/2.0/segmentation/median",
    "/api/query/flows",
    "/lookup-tables/one/two",
    "/lib",
    "/lib/site.js",
    "/app/nothing",
    f"/app/projects/{'9' * 5000}",
    f"/app/projects/{'9' * 5000}/events",
    "/app/projects/1/nothing",
    "/app/projects/1/events/nothing/more",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_unknown_path_is_not_found_whatever_the_credentials(
    server: Server, project: Project, path: str, method: str
) -> None:
    json = ("Content-Type", "application/json")
    for headers in ((), (basic("nobody", "nothing"),), (basic(project.secret),), (basic(project.token),)):
        reply = server.ask(Request(method, path, (*headers, json), b"{}" if method == "POST" else b""))
        assert reply.status == 404, (headers, reply)


def test_what_was_not_found_is_named(server: Server) -> None:
    reply = server.ask(Request("GET", "/api/app/data-deletions/v2.0"))
    assert reply.body == b'{"error":"no such path: /api/app/data-deletions/v2.0","status":"error"}'


def test_known_path_asks_for_credentials(server: Server) -> None:
    for path in ("/api/app/organizations/1/service-accounts", "/api/app/projects/1/service-accounts"):
        assert server.ask(Request("GET", path)).status == 401
    assert server.ask(Request("PUT", "/api/app/projects/1/service-accounts")).status == 405
