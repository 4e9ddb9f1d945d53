"""Every kind of credentials at every endpoint that takes some: what each opens, and what it is told elsewhere."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.accounts import ORGANIZATION, Credentials, accounts_of, ask_json, everywhere, new_account
from tests.conftest import MakeProjects
from tests.running import Project, Server, basic
from tests.wire.encodings import FORM, JSON
from tests.wire.exchange import Reply, Request
from tests.wire.sending import record

from trackway.projects.roles import ROLES

Header = tuple[str, str]


@dataclass(frozen=True)
class World:
    """A project with an account of each role, another project, and an owner of that one alone."""

    own: Project
    other: Project
    accounts: dict[str, Credentials]


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
    time.sleep(0.1)
    return World(own, other, accounts)


IMPORTED = '{"code":200,"num_records_imported":1,"status":"OK"}'
DATES = "from_date=2020-01-01&to_date=2020-01-02"


def send_import(world: World, named: str) -> Request:
    body = json.dumps([record(world.own, insert_id="one", time=1_600_000_000)]).encode()
    return Request("POST", f"/import?strict=1{named}", (JSON,), body)


ENDPOINTS: dict[str, Callable[[World, str], Request]] = {
    "import": send_import,
    "export": lambda world, named: Request("GET", f"/api/2.0/export?{DATES}{named}"),
    "profiles": lambda world, named: Request("GET", f"/api/2.0/engage?{named}"),
    "query": lambda world, named: Request("POST", "/api/query/engage", (FORM,), named.lstrip("&").encode()),
    "accounts": lambda world, named: Request("GET", ORGANIZATION),
}

OPEN = None
INVALID, NO_ACCOUNT = (401, "Invalid credentials"), (401, "Not a valid service account username")
OTHER = (401, "Credentials in request did not match project_id URL parameter")
UNNAMED = (400, "project_id is required with the credentials of a service account")
LOW = "managing service accounts takes the role owner or admin"
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

# What each gets with `project_id` of its project, by endpoint: import, export, both profile queries, accounts.
TABLE: dict[str, tuple[Told, Told, Told, Told]] = {
    "none": (INVALID, INVALID, INVALID, INVALID),
    "bearer": (INVALID, INVALID, INVALID, INVALID),
    "secret": (OPEN, OPEN, OPEN, INVALID),
    "token": (
        OPEN,
        (403, "project token may not export events"),
        (403, "project token may not query profiles"),
        INVALID,
    ),
    "unknown key": (INVALID, INVALID, INVALID, INVALID),
    "secret as a password": (INVALID, INVALID, INVALID, NO_ACCOUNT),
    "unknown user": (NO_ACCOUNT, NO_ACCOUNT, NO_ACCOUNT, NO_ACCOUNT),
    "wrong secret": (INVALID, INVALID, INVALID, INVALID),
    "secret of another": (INVALID, INVALID, INVALID, INVALID),
    "unencoded": (OPEN, OPEN, OPEN, OPEN),
    "owner": (OPEN, OPEN, OPEN, OPEN),
    "admin": (OPEN, OPEN, OPEN, OPEN),
    "analyst": ((403, "role analyst may not import events"), OPEN, OPEN, (403, LOW)),
    "consumer": (
        (403, "role consumer may not import events"),
        (403, "role consumer may not export events"),
        (403, "role consumer may not query profiles"),
        (403, LOW),
    ),
    "elsewhere": (OTHER, OTHER, OTHER, OPEN),
    "nowhere": (OTHER, OTHER, OTHER, (403, LOW)),
    "expired": (INVALID, INVALID, INVALID, INVALID),
    "revoked": (NO_ACCOUNT, NO_ACCOUNT, NO_ACCOUNT, NO_ACCOUNT),
}
PLACES = {"import": 0, "export": 1, "profiles": 2, "query": 2, "accounts": 3}


def asked(server: Server, world: World, credentials: str, endpoint: str, named: str) -> Reply:
    request = ENDPOINTS[endpoint](world, named)
    headers = (*request.headers, CREDENTIALS[credentials](world))
    return server.ask(Request(request.method, request.target, headers, request.body))


def assert_told(reply: Reply, told: Told, endpoint: str) -> None:
    if told is None:
        assert reply.status == 200, reply
        return
    status, error = told
    phrase = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden"}[status]
    expected: dict[str, Any] = {"code": status, "error": error, "status": phrase}
    if endpoint == "accounts":
        expected = {"error": error, "status": "error"}
    assert (reply.status, json.loads(reply.body)) == (status, expected)


def test_every_kind_of_credentials_is_in_the_table() -> None:
    assert CREDENTIALS.keys() == TABLE.keys()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("credentials", TABLE)
def test_credentials_open_what_they_should_and_nothing_else(
    server: Server, world: World, credentials: str, endpoint: str
) -> None:
    reply = asked(server, world, credentials, endpoint, f"&project_id={world.own.project_id}")
    assert_told(reply, TABLE[credentials][PLACES[endpoint]], endpoint)


@pytest.mark.parametrize("endpoint", ["import", "export", "profiles", "query"])
@pytest.mark.parametrize("credentials", ["secret", "owner"])
@pytest.mark.parametrize("named", ["other", "unknown", "no number", "number with a zero", "empty", "absent"])
def test_project_id_must_be_that_of_the_credentials(
    server: Server, world: World, credentials: str, endpoint: str, named: str
) -> None:
    own = world.own.project_id
    values = {"other": world.other.project_id, "unknown": 2**40, "no number": "x", "number with a zero": f"0{own}"}
    text = "" if named == "absent" else f"&project_id={values.get(named, '')}"
    absent = OPEN if credentials == "secret" else UNNAMED
    told = absent if named in ("empty", "absent") else OTHER
    assert_told(asked(server, world, credentials, endpoint, text), told, endpoint)


def test_project_id_of_an_import_may_stand_in_the_form(server: Server, world: World) -> None:
    text = json.dumps([record(world.own, insert_id="form", time=1_600_000_000)])
    for project, told in ((world.own, OPEN), (world.other, OTHER)):
        body = f"project_id={project.project_id}&strict=1&data={text}".encode()
        reply = server.ask(Request("POST", "/import", (FORM, world.accounts["admin"].basic), body))
        assert_told(reply, told, "import")
    no_form = Request("POST", "/import", (JSON, world.accounts["admin"].basic), b"{")
    assert_told(server.ask(no_form), UNNAMED, "import")


def test_project_id_of_the_url_wins_over_that_of_the_form(server: Server, world: World) -> None:
    text = json.dumps([record(world.own, insert_id="both", time=1_600_000_000)])
    for in_url, in_form, told in ((world.own, world.other, OPEN), (world.other, world.own, OTHER)):
        body = f"project_id={in_form.project_id}&data={text}".encode()
        target = f"/import?strict=1&project_id={in_url.project_id}"
        request = Request("POST", target, (FORM, world.accounts["owner"].basic), body)
        assert_told(server.ask(request), told, "import")


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
