"""Every kind of credentials at every endpoint that takes some: what each opens, and what it is told elsewhere."""

import json
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.http.encodings import FORM, JSON
from tests.support.http.events import record
from tests.support.http.exchange import Reply, Request
from tests.support.lookup.requests import CSV, creating
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import ORGANIZATION, Credentials, accounts_of, ask_json, everywhere, new_account
from trackway.projects.roles import ROLES

Header = tuple[str, str]


@dataclass(frozen=True)
class World:
    """A project with a lookup table and an account of each role, another project, and an owner of that one alone."""

    own: Project
    other: Project
    accounts: dict[str, Credentials]
    table: str


@pytest.fixture(scope="module")
def world(server: Server, make_projects: MakeProjects) -> World:
    own, other = make_projects(2)
    accounts: dict[str, Credentials] = {role: new_account(server, {own.project_id: role}) for role in ROLES}
    accounts["elsewhere"] = new_account(server, {other.project_id: "owner"})
    accounts["nowhere"] = new_account(server, {})
    soon_ms = int(time.time() * 1000) + 50
    accounts["expired"] = new_account(server, {own.project_id: "owner"}, soon_ms)
    accounts["revoked"] = new_account(server, {own.project_id: "owner"})
    accounts_of(server).revoke(accounts["revoked"].account_id)
    server.wait_loaded()  # until then the store may have no tables
    [table] = json.loads(server.ask(creating(own, "Songs")).body)["results"]
    return World(own, other, accounts, table["id"])


IMPORTED = '{"code":200,"num_records_imported":1,"status":"OK"}'
DATES = "from_date=2020-01-01&to_date=2020-01-02"
NO_TABLE = uuid.UUID(int=1)
UNLINK = b'{"id":"nobody","reason":"none"}'


def send_import(world: World, named: str) -> Request:
    body = json.dumps([record(world.own, insert_id="one", time=1_600_000_000)]).encode()
    return Request("POST", f"/import?strict=1{named}", (JSON,), body)


def mappings(world: World) -> str:
    return f"/api/app/projects/{world.own.project_id}/lookup-mappings"


ENDPOINTS: dict[str, Callable[[World, str], Request]] = {
    "import": send_import,
    "export": lambda world, named: Request("GET", f"/api/2.0/export?{DATES}{named}"),
    "profiles": lambda world, named: Request("GET", f"/api/2.0/engage?{named}"),
    "query": lambda world, named: Request("POST", "/api/query/engage", (FORM,), named.lstrip("&").encode()),
    "identity": lambda world, named: Request("GET", f"/api/app/identity?distinct_id=a{named}"),
    "preview": lambda world, named: Request("GET", f"/api/app/identity/preview?ids=%5B%22a%22,%22b%22%5D{named}"),
    "unlink": lambda world, named: Request("POST", f"/api/app/identity/unlink?{named}", (JSON,), UNLINK),
    "tables": lambda world, named: Request("GET", f"/lookup-tables?{named}"),
    "create table": lambda world, named: Request("POST", f"/lookup-tables?name=Songs{named}"),
    "replace table": lambda world, named: Request(
        "PUT", f"/lookup-tables/{world.table}?{named}", (CSV,), b"id,a\n1,2\n"
    ),
    "delete table": lambda world, named: Request("DELETE", f"/lookup-tables/{NO_TABLE}?{named}"),
    "mappings": lambda world, named: Request("GET", f"{mappings(world)}?{named}"),
    "map": lambda world, named: Request(
        "PUT", f"{mappings(world)}?{named}", (JSON,), json.dumps({"property": "P", "table_id": world.table}).encode()
    ),
    "facts": lambda world, named: Request("GET", f"/api/app/facts?{named}"),
    "loaded": lambda world, named: Request("GET", f"/api/app/loaded-events/days?{named}"),
    "rebuild": lambda world, named: Request("POST", f"/api/app/facts/rebuild?{named}", (JSON,), b"{}"),
    "retention": lambda world, named: Request("GET", f"/api/app/retention?{named}"),
    "limits": lambda world, named: Request("GET", f"/api/app/rate-limits?{named}"),
    "accounts": lambda world, named: Request("GET", ORGANIZATION),
}
OF_PATHS = ["mappings", "map"]
"""Endpoints whose path names the project, which counts more than a parameter."""
OF_A_PROJECT = [endpoint for endpoint in ENDPOINTS if endpoint not in ("accounts", *OF_PATHS)]

NAMED = {
    "other": "{other}",
    "unknown": "1099511627776",
    "no number": "x",
    "number with a zero": "0{own}",
    "negative": "-{own}",
    "with a sign": "%2B{own}",
    "with a blank": "{own}%20",
    "fraction": "{own}.0",
    "huge": "9" * 400,
    "digits of another script": "%D9%A1%D9%A2%D9%A3",
    "list": "[{own}]",
}
"""Values of `project_id`, as they stand in a URL, that name no project of the credentials."""

OPEN = None
INVALID, NO_ACCOUNT = (401, "Invalid credentials"), (401, "Not a valid service account username")
OTHER = (401, "Credentials in request did not match project_id URL parameter")
UNNAMED = (400, "project_id is required with the credentials of a service account")
LOW = (403, "managing accounts takes the role owner or admin")
Told = tuple[int, str] | None

CREDENTIALS: dict[str, Callable[[World], Header]] = {
    "none": lambda world: ("X-None", ""),
    "bearer": lambda world: ("Authorization", f"Bearer {world.own.secret}"),
    "secret": lambda world: basic(world.own.secret),
    "token": lambda world: basic(world.own.token),
    "unknown key": lambda world: basic("f" * 32),
    "secret as a password": lambda world: basic("", world.own.secret),
    "unknown user": lambda world: basic("x.000000.mp-service-account", "y"),
    "wrong secret": lambda world: basic(world.accounts["owner"].username, "y"),
    "secret of another": lambda world: basic(world.accounts["owner"].username, world.accounts["admin"].secret),
    "unencoded": lambda world: (
        "Authorization",
        f"Basic {world.accounts['owner'].username}:{world.accounts['owner'].secret}",
    ),
} | {
    name: (lambda world, name=name: world.accounts[name].basic)
    for name in (*ROLES, "elsewhere", "nowhere", "expired", "revoked")
}

ACTS = {
    "import events": ["import"],
    "export events": ["export", "loaded"],
    "query profiles": ["profiles", "query", "identity", "preview"],
    "unlink ids": ["unlink"],
    "read lookup tables": ["tables", "mappings"],
    "replace lookup tables": ["create table", "replace table", "delete table", "map"],
    "check and rebuild facts": ["facts", "rebuild"],
    "run reports": ["retention"],
    "see rate limits": ["limits"],
}
"""What the endpoints of a project do, in the words of a refusal."""

READING = ["read lookup tables", "run reports", "see rate limits"]
RAW = [*READING, "export events", "query profiles"]
ALLOWED: dict[str, tuple[str, Collection[str]]] = {
    "secret": ("project secret", ACTS),
    "token": ("project token", ["import events"]),
    "unencoded": ("role owner", ACTS),
    "owner": ("role owner", ACTS),
    "admin": ("role admin", ACTS),
    "analyst": ("role analyst", RAW),
    "consumer": ("role consumer", READING),
}
"""What may be done with credentials of a project, and what these are called in a refusal of all the rest."""

REFUSED: dict[str, Told] = {
    "none": INVALID,
    "bearer": INVALID,
    "unknown key": INVALID,
    "secret as a password": INVALID,
    "unknown user": NO_ACCOUNT,
    "wrong secret": INVALID,
    "secret of another": INVALID,
    "elsewhere": OTHER,
    "nowhere": OTHER,
    "expired": INVALID,
    "revoked": NO_ACCOUNT,
}
"""What all others are told, whatever they ask of the project."""

MANAGING = dict.fromkeys(("unencoded", "owner", "admin", "elsewhere"), OPEN) | {
    "secret": INVALID,
    "token": INVALID,
    "secret as a password": NO_ACCOUNT,
    "analyst": LOW,
    "consumer": LOW,
    "nowhere": LOW,
}
"""What the service accounts API tells, where it is not what REFUSED says."""


def told(credentials: str, endpoint: str) -> Told:
    """What is told of that endpoint to whoever comes with the credentials and names the project they are for."""
    if endpoint == "accounts":
        return MANAGING[credentials] if credentials in MANAGING else REFUSED[credentials]
    if credentials in REFUSED:
        return REFUSED[credentials]
    [act] = [act for act, endpoints in ACTS.items() if endpoint in endpoints]
    who, allowed = ALLOWED[credentials]
    return OPEN if act in allowed else (403, f"{who} may not {act}")


def asked(server: Server, world: World, credentials: str, endpoint: str, named: str) -> Reply:
    request = ENDPOINTS[endpoint](world, named)
    headers = (*request.headers, CREDENTIALS[credentials](world))
    return server.ask(Request(request.method, request.target, headers, request.body))


def assert_told(reply: Reply, told: Told, endpoint: str) -> None:
    if told is None and endpoint != "delete table":
        assert reply.status == 200, reply
        return
    status, error = told or (404, f"Lookup table with id '{NO_TABLE}' was not found.")
    phrase = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}[status]
    expected: dict[str, Any] = {"code": status, "error": error, "status": phrase}
    if endpoint in ("accounts", *OF_PATHS):
        expected = {"error": error, "status": "error"}
    assert (reply.status, json.loads(reply.body)) == (status, expected)


def test_every_kind_of_credentials_and_every_endpoint_of_a_project_is_in_the_tables() -> None:
    assert CREDENTIALS.keys() == ALLOWED.keys() ^ REFUSED.keys()
    assert sorted([*OF_A_PROJECT, *OF_PATHS]) == sorted(
        endpoint for endpoints in ACTS.values() for endpoint in endpoints
    )


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("credentials", CREDENTIALS)
def test_credentials_open_what_they_should_and_nothing_else(
    server: Server, world: World, credentials: str, endpoint: str
) -> None:
    reply = asked(server, world, credentials, endpoint, f"&project_id={world.own.project_id}")
    assert_told(reply, told(credentials, endpoint), endpoint)


@pytest.mark.parametrize("endpoint", OF_A_PROJECT)
@pytest.mark.parametrize("credentials", ["secret", "owner"])
@pytest.mark.parametrize("named", [*NAMED, "empty", "absent"])
def test_project_id_must_be_that_of_the_credentials(
    server: Server, world: World, credentials: str, endpoint: str, named: str
) -> None:
    own, other = world.own.project_id, world.other.project_id
    text = "" if named == "absent" else f"&project_id={NAMED.get(named, '').format(own=own, other=other)}"
    absent = OPEN if credentials == "secret" else UNNAMED
    expected = OTHER if named in NAMED else absent
    assert_told(asked(server, world, credentials, endpoint, text), expected, endpoint)


@pytest.mark.parametrize("credentials", ["secret", "owner"])
def test_the_first_of_two_project_ids_is_the_one_that_counts(server: Server, world: World, credentials: str) -> None:
    own, other = world.own.project_id, world.other.project_id
    for endpoint in OF_A_PROJECT:
        for first, second, expected in ((own, other, OPEN), (other, own, OTHER)):
            named = f"&project_id={first}&project_id={second}"
            assert_told(asked(server, world, credentials, endpoint, named), expected, endpoint)


def test_project_id_of_an_import_may_stand_in_the_form(server: Server, world: World) -> None:
    text = json.dumps([record(world.own, insert_id="form", time=1_600_000_000)])
    for project, expected in ((world.own, OPEN), (world.other, OTHER)):
        body = f"project_id={project.project_id}&strict=1&data={text}".encode()
        reply = server.ask(Request("POST", "/import", (FORM, world.accounts["admin"].basic), body))
        assert_told(reply, expected, "import")
    no_form = Request("POST", "/import", (JSON, world.accounts["admin"].basic), b"{")
    assert_told(server.ask(no_form), UNNAMED, "import")


def test_project_id_of_the_url_wins_over_that_of_the_form(server: Server, world: World) -> None:
    text = json.dumps([record(world.own, insert_id="both", time=1_600_000_000)])
    for in_url, in_form, expected in ((world.own, world.other, OPEN), (world.other, world.own, OTHER)):
        body = f"project_id={in_form.project_id}&data={text}".encode()
        target = f"/import?strict=1&project_id={in_url.project_id}"
        request = Request("POST", target, (FORM, world.accounts["owner"].basic), body)
        assert_told(server.ask(request), expected, "import")


def test_account_of_two_projects_has_its_role_in_each(server: Server, world: World) -> None:
    both = new_account(server, {world.own.project_id: "analyst", world.other.project_id: "admin"})
    statuses = []
    for project in (world.own, world.other):
        request = send_import(world, f"&project_id={project.project_id}")
        statuses.append(server.ask(Request("POST", request.target, (JSON, both.basic), request.body)).status)
    assert statuses == [403, 200]


def test_what_an_account_imports_is_the_named_projects(
    server: Server, world: World, make_projects: MakeProjects
) -> None:
    [project] = make_projects(1)
    account = new_account(server, {project.project_id: "owner"})
    body = json.dumps([record(world.other, insert_id="mine", time=1_600_000_000)]).encode()
    reply = server.ask(
        Request("POST", f"/import?strict=1&project_id={project.project_id}", (JSON, account.basic), body)
    )
    assert reply.body.decode() == IMPORTED
    assert [line["properties"]["$insert_id"] for line in server.export_when(project, 1)] == ["mine"]


def test_revoked_account_is_refused_by_every_edge_process_in_time(server: Server, project: Project) -> None:
    account = new_account(server, {project.project_id: "owner"})
    request = Request("GET", f"/api/2.0/engage?project_id={project.project_id}", (account.basic,))
    assert {server.ask(request).status for _ in range(16)} == {200}, "verified and remembered in each"
    accounts_of(server).revoke(account.account_id)
    assert everywhere(lambda: server.ask(request).status == 401)


def test_changed_role_is_taken_over_by_every_edge_process_in_time(server: Server, project: Project) -> None:
    account = new_account(server, {project.project_id: "consumer"})
    request = Request("GET", f"/api/2.0/engage?project_id={project.project_id}", (account.basic,))
    assert {server.ask(request).status for _ in range(16)} == {403}
    accounts_of(server).add([account.account_id], {project.project_id: "analyst"})
    assert everywhere(lambda: server.ask(request).status == 200)
    accounts_of(server).remove({project.project_id: [account.account_id]})
    assert everywhere(lambda: server.ask(request).status == 401)


def test_credentials_do_not_reach_the_log(server: Server, world: World) -> None:
    for name in ("owner", "wrong secret", "revoked"):
        asked(server, world, name, "export", "&project_id=x")
    ask_json(server, "POST", ORGANIZATION, world.accounts["owner"], {"username": "x", "role": "boss"})
    log = (server.data_dir / "serve.log").read_text()
    assert not [name for name, account in world.accounts.items() if account.secret in log]
