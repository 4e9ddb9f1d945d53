"""Properties that are mapped to lookup tables: over HTTP and by command, by which roles, and what the audit holds."""

import json

import pytest

from tests.conftest import MakeProjects
from tests.support.command_line import trackway
from tests.support.http.exchange import Request
from tests.support.lookup.mapped import PRODUCTS, ask_mappings, map_table, mappings, new_table, unmap
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import ask_json, new_account
from trackway.projects.roles import ROLES

NOBODYS = "6f1c0b52-9c1e-4f0e-8a57-0d6a3c1f7e21"


@pytest.fixture(scope="module", autouse=True)
def loaded(server: Server) -> None:
    """The server has its tables in the store."""
    server.wait_loaded()


@pytest.fixture
def project(make_projects: MakeProjects) -> Project:
    return make_projects(1)[0]


def test_a_mapping_is_made_listed_changed_and_deleted(server: Server, project: Project) -> None:
    assert mappings(server, project) == []
    first, second = (new_table(server, project, PRODUCTS, name) for name in ("First", "Second"))
    made = map_table(server, project, first, "sku")
    assert map_table(server, project, second, "sku") == made
    of_user = map_table(server, project, first, "sku", "user")
    assert mappings(server, project) == [
        {"id": made, "property": "sku", "resource": "event", "table_id": second},
        {"id": of_user, "property": "sku", "resource": "user", "table_id": first},
    ]
    unmap(server, project, made)
    assert [each["id"] for each in mappings(server, project)] == [of_user]
    assert ask_mappings(server, project, "DELETE", f"/{made}").status == 404
    actions = [(each.action, each.subject) for each in server.projects.audit(20, None, project.project_id)]
    assert [each for each in actions if "mapped" in each[0]] == [
        ("lookup table unmapped", f"{made} sku"),
        ("lookup table mapped", f"{of_user} sku"),
        ("lookup table mapped", f"{made} sku"),
        ("lookup table mapped", f"{made} sku"),
    ]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"property": "P", "table_id": NOBODYS}, 404, f"Lookup table with id '{NOBODYS}' was not found."),
        ({"property": "P", "table_id": "'; --"}, 404, "Lookup table with id ''; --' was not found."),
        ({"property": "", "table_id": "mine"}, 400, "property must be 1 to 255 characters, without NUL"),
        ({"property": "a\0", "table_id": "mine"}, 400, "property must be 1 to 255 characters, without NUL"),
        ({"property": "P", "table_id": "mine", "resource": "group"}, 400, "resource must be event or user"),
        ({"table_id": "mine"}, 400, "property"),
        ([], 400, "object"),
    ],
)
def test_bad_mappings_are_refused(server: Server, project: Project, body: object, status: int, error: str) -> None:
    if isinstance(body, dict) and body["table_id"] == "mine":
        body = {**body, "table_id": new_table(server, project, PRODUCTS)}
    reply = ask_mappings(server, project, "PUT", body=body)
    assert reply.status == status
    assert error in json.loads(reply.body)["error"]
    assert mappings(server, project) == []


def test_roles_have_the_rights_of_lookup_tables(server: Server, make_projects: MakeProjects) -> None:
    project, other = make_projects(2)
    path = f"/api/app/projects/{project.project_id}/lookup-mappings"
    body = {"property": "P", "table_id": new_table(server, project, PRODUCTS)}
    for role in ROLES:
        may_change = role in ("admin", "owner")
        account = new_account(server, {project.project_id: role, other.project_id: "consumer"})
        assert ask_json(server, "GET", path, account).status == 200
        changed = ask_json(server, "PUT", path, account, body)
        assert changed.status == (200 if may_change else 403), (role, changed)
    number = mappings(server, project)[0]["id"]
    stranger = new_account(server, {other.project_id: "owner"})
    for method, rest, sent in (("GET", "", None), ("PUT", "", body), ("DELETE", f"/{number}", None)):
        assert ask_json(server, method, path + rest, stranger, sent).status == 401
    theirs = f"/api/app/projects/{other.project_id}/lookup-mappings"
    assert ask_json(server, "DELETE", f"{theirs}/{number}", stranger).status == 404
    assert ask_json(server, "PUT", theirs, stranger, body).status == 404  # the table of another project
    token = server.ask(Request("GET", path, (basic(project.token),)))
    assert (token.status, json.loads(token.body)["error"]) == (403, "project token may not read lookup tables")


def run(server: Server, project: Project, *arguments: str) -> tuple[int, str, str]:
    where = ["--data-dir", str(server.data_dir), *server.projects_at, "--project", str(project.project_id)]
    done = trackway("lookup-table", *arguments, *where)
    return done.returncode, done.stdout, done.stderr


def test_commands_map_and_unmap(server: Server, project: Project) -> None:
    table_id = new_table(server, project, PRODUCTS)
    assert "No mappings yet" in run(server, project, "mappings")[2]
    assert run(server, project, "map", table_id, "sku") == (0, "", "")
    assert run(server, project, "map", table_id, "plan", "--user") == (0, "", "")
    code, out, _ = run(server, project, "mappings", "--json")
    assert (code, [(each["property"], each["resource"]) for each in json.loads(out)]) == (
        0,
        [("sku", "event"), ("plan", "user")],
    )
    assert table_id in run(server, project, "mappings")[1]
    assert run(server, project, "unmap", "plan")[0] == 1
    assert run(server, project, "unmap", "plan", "--user") == (0, "", "")
    assert [each["property"] for each in mappings(server, project)] == ["sku"]
    code, _, err = run(server, project, "map", NOBODYS, "sku")
    assert (code, "was not found" in err) == (1, True)
