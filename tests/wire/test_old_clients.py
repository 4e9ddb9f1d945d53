"""A client of HTTP/1.0 gets exports and profiles without chunks, and the connection's end for their end."""

import json

from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.http.old_client import ask_as_of_old, check_exports
from tests.support.server import Project, Server, basic


def test_an_export_comes_whole_and_without_chunks(server: Server) -> None:
    check_exports(server)


def test_the_profile_query_comes_without_chunks(server: Server, project: Project) -> None:
    update = {"$token": project.token, "$distinct_id": "ada", "$set": {"plan": "pro"}}
    assert server.ask(Request("POST", "/engage", (JSON,), json.dumps(update).encode())).body == b"1"
    server.wait_loaded()
    _, body = ask_as_of_old(server, "/api/2.0/engage", basic(project.secret))
    assert [found["$distinct_id"] for found in json.loads(body)["results"]] == ["ada"]
    _, body = ask_as_of_old(server, "/api/2.0/engage", basic("nobody"))
    assert json.loads(body)["code"] == 401
