"""Lookup tables over HTTP (protocol §13): what is answered, byte for byte, and what is refused."""

import json
from urllib.parse import quote

from tests.running import Project, Server, basic
from tests.wire.exchange import Reply, Request

CSV = b"id,artist,listens\r\nc994bb,Drake,1700000000\r\nd8d949,Gipsy Kings,1170000\r\n"
OK = b'{"code":200,"status":"OK"}'
TEXT_CSV = ("Content-Type", "text/csv")


Header = tuple[str, str]


def ask(
    server: Server, project: Project | None, method: str, path: str, body: bytes = b"", *headers: tuple[str, str]
) -> Reply:
    own = (basic(project.secret),) if project else ()
    return server.ask(Request(method, path, (*own, *headers), body))


def create(server: Server, project: Project, name: str = "Songs") -> str:
    reply = ask(server, project, "POST", f"/lookup-tables?name={quote(name)}")
    assert reply.status == 200, reply
    [created] = json.loads(reply.body)["results"]
    assert created["name"] == name
    return str(created["id"])


def put(server: Server, project: Project, table_id: str, body: bytes = CSV, *headers: tuple[str, str]) -> Reply:
    return ask(server, project, "PUT", f"/lookup-tables/{table_id}", body, TEXT_CSV, *headers)


def test_table_is_created_listed_replaced_and_deleted(server: Server, project: Project) -> None:
    assert ask(server, project, "GET", "/lookup-tables").body == b'{"code":200,"status":"OK","results":[]}'
    table_id = create(server, project)
    listed = b'{"code":200,"status":"OK","results":[{"id":"%s","name":"Songs"}]}' % table_id.encode()
    assert ask(server, project, "GET", "/lookup-tables").body == listed
    reply = put(server, project, table_id)
    assert (reply.status, reply.body, reply.header("content-type")) == (200, OK, "application/json")
    assert ask(server, project, "DELETE", f"/lookup-tables/{table_id}").body == OK
    assert ask(server, project, "GET", "/lookup-tables").body == b'{"code":200,"status":"OK","results":[]}'
    assert put(server, project, table_id).status == 404
