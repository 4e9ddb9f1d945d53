"""Lookup tables that properties of a project are mapped to, made as clients do."""

import json
from typing import Any

from tests.support.http.encodings import JSON
from tests.support.http.exchange import Reply, Request
from tests.support.lookup.requests import creating, replacing
from tests.support.server import Project, Server, basic

PRODUCTS = "id,category,price\nP1,pants,100\nP2,shirt,54\nP3,shoes,109\nP4,music,199\n"
"""The table of the worked example."""


def new_table(server: Server, project: Project, csv: str, name: str = "Products") -> str:
    """The id of a table with these rows."""
    [table] = json.loads(server.ask(creating(project, name)).body)["results"]
    replace_table(server, project, table["id"], csv)
    return str(table["id"])


def replace_table(server: Server, project: Project, table_id: str, csv: str) -> None:
    assert server.ask(replacing(project, table_id, csv.encode())).status == 200


def ask_mappings(server: Server, project: Project, method: str = "GET", rest: str = "", body: Any = None) -> Reply:
    path = f"/api/app/projects/{project.project_id}/lookup-mappings{rest}"
    text = b"" if body is None else json.dumps(body).encode()
    return server.ask(Request(method, path, (JSON, basic(project.secret)), text))


def mappings(server: Server, project: Project) -> list[dict[str, Any]]:
    reply = ask_mappings(server, project)
    assert reply.status == 200, reply
    found: list[dict[str, Any]] = json.loads(reply.body)["results"]
    return found


def map_table(server: Server, project: Project, table_id: str, property: str, resource: str = "event") -> int:
    """Map a property to a table; the id of the mapping."""
    body = {"property": property, "table_id": table_id, "resource": resource}
    reply = ask_mappings(server, project, "PUT", body=body)
    assert reply.status == 200, reply
    made = json.loads(reply.body)["results"]
    assert made == {"id": made["id"], **body}
    return int(made["id"])


def unmap(server: Server, project: Project, mapping_id: int) -> None:
    assert ask_mappings(server, project, "DELETE", f"/{mapping_id}").status == 200
