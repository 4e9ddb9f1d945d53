"""The service accounts API as its published document shows it: each operation and error, and generated requests."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import MakeProjects
from tests.support.contract.generated_requests import ASKED, generated, wire_request
from tests.support.contract.openapi_documents import document, resolved, validate
from tests.support.http.encodings import FORM, JSON
from tests.support.http.exchange import Reply, Request
from tests.support.server import Project, Server
from tests.support.service_accounts import ORGANIZATION, Credentials, accounts_of, ask_json, new_account

NAME = "service-accounts"
PATHS: dict[str, Any] = resolved(document(NAME)["paths"], NAME)
OPERATIONS = [(path, method.upper()) for path, item in PATHS.items() for method in item if method != "parameters"]
OF_ORGANIZATION = "/organizations/{organizationId}/service-accounts"
ONE, ADD, REMOVE = (
    f"{OF_ORGANIZATION}/{{serviceAccountId}}",
    f"{ORGANIZATION}/add-to-project",
    f"{ORGANIZATION}/remove-from-project",
)
MEMBERS = "/projects/{projectId}/service-accounts"


def validated(reply: Reply, path: str, method: str, status: int) -> Any:
    """The body of a reply that must have this status, held to the document; errors must have both keys."""
    assert reply.status == status, reply
    assert reply.header("content-type") == "application/json"
    body = json.loads(reply.body)
    schema = PATHS[path][method.lower()]["responses"][str(status)]["content"]["application/json"]["schema"]
    validate(schema, None, body)
    if status >= 400:
        assert body.keys() == {"error", "status"}
    return body


@pytest.fixture
def owner(server: Server, project: Project) -> Credentials:
    return new_account(server, {project.project_id: "owner"})


def create(server: Server, by: Credentials, **wanted: Any) -> Any:
    reply = ask_json(server, "POST", ORGANIZATION, by, wanted)
    return validated(reply, OF_ORGANIZATION, "POST", 201)["results"]


def members(server: Server, by: Credentials, project: Project) -> dict[int, str]:
    """Roles by account."""
    reply = ask_json(server, "GET", f"/api/app/projects/{project.project_id}/service-accounts", by)
    return {each["id"]: each["role"] for each in validated(reply, MEMBERS, "GET", 200)["results"]}


def test_account_is_created_read_listed_and_deleted(server: Server, project: Project, owner: Credentials) -> None:
    made = create(
        server,
        owner,
        username="Nightly import",
        expires="2999-01-31T12:00:00+02:00",
        projects=[{"id": project.project_id, "role": "admin"}],
    )
    assert made["username"].startswith("Nightly-import.")
    assert (made["expires"], made["creator"]) == ("2999-01-31T10:00:00Z", owner.account_id)
    secret = made.pop("token")
    one = ask_json(server, "GET", f"{ORGANIZATION}/{made['id']}", owner)
    assert validated(one, ONE, "GET", 200) == made
    listed = validated(ask_json(server, "GET", ORGANIZATION, owner), OF_ORGANIZATION, "GET", 200)["results"]
    assert made in listed
    assert members(server, owner, project) == {owner.account_id: "owner", made["id"]: "admin"}
    assert secret not in json.dumps(listed)
    own = Credentials(made["id"], made["username"], secret)
    assert ask_json(server, "GET", ORGANIZATION, own).status == 200, "the secret opens at once"
    gone = ask_json(server, "DELETE", f"{ORGANIZATION}/{made['id']}", owner)
    assert validated(gone, ONE, "DELETE", 200) == {"status": "ok"}
    validated(ask_json(server, "GET", f"{ORGANIZATION}/{made['id']}", owner), ONE, "GET", 404)


def test_role_of_a_project_is_its_own_else_the_accounts_else_the_least(
    server: Server, project: Project, owner: Credentials
) -> None:
    own = {"id": project.project_id}
    analyst = create(server, owner, username="a", role="analyst", projects=[own])
    admin = create(server, owner, username="a", role="analyst", projects=[{**own, "role": "admin"}])
    least = create(server, owner, username="a", projects=[own])
    nowhere = create(server, owner, username="a", role="owner")
    roles = members(server, owner, project)
    assert [roles.get(each["id"]) for each in (analyst, admin, least, nowhere)] == [
        "analyst",
        "admin",
        "consumer",
        None,
    ]


def test_accounts_are_added_to_projects_and_removed(server: Server, make_projects: MakeProjects) -> None:
    first, second = make_projects(2)
    boss = new_account(server, {first.project_id: "owner", second.project_id: "owner"})
    ids = [create(server, boss, username="a")["id"] for _ in range(2)]
    wanted = [{"id": first.project_id, "role": "analyst"}, {"id": second.project_id, "role": "consumer"}]
    for _ in range(2):
        added = ask_json(server, "POST", ADD, boss, {"projects": wanted, "service_account_ids": ids})
        assert validated(added, f"{OF_ORGANIZATION}/add-to-project", "POST", 200) == {"status": "ok"}
    assert {members(server, boss, first)[each] for each in ids} == {"analyst"}
    assert {members(server, boss, second)[each] for each in ids} == {"consumer"}
    leaving = {"projects": [{"id": second.project_id, "service_account_ids": ids}]}
    removed = ask_json(server, "POST", REMOVE, boss, leaving)
    assert validated(removed, f"{OF_ORGANIZATION}/remove-from-project", "POST", 200) == {"status": "ok"}
    assert members(server, boss, second) == {boss.account_id: "owner"}
    assert set(ids) < members(server, boss, first).keys()
    validated(ask_json(server, "POST", REMOVE, boss, leaving), f"{OF_ORGANIZATION}/remove-from-project", "POST", 404)


BAD_CREATIONS: list[tuple[Any, str]] = [
    ({}, "body is not as documented: object missing required field `username`"),
    ([], "body is not as documented: expected `object`, got `array`"),
    ({"username": 1}, "body is not as documented: expected `str`, got `int` - at `$.username`"),
    ({"username": ""}, "service account name must be 1 to 64 characters, not 0"),
    ({"username": "x" * 65}, "service account name must be 1 to 64 characters, not 65"),
    ({"username": "::"}, "service account name must have a letter or digit of ascii: '::'"),
    ({"username": "a", "role": "boss"}, "role must be one of owner, admin, analyst, consumer, not 'boss'"),
    ({"username": "a", "expires": "soon"}, "expires must be a date-time as 2027-01-31T00:00:00Z, not 'soon'"),
    ({"username": "a", "expires": "2020-01-01T00:00:00Z"}, "expires must lie in the future, before the year 10000"),
    ({"username": "a", "projects": [{"id": 0}]}, "projects must be ids, from 1 to 2147483647"),
    ({"username": "a", "projects": [{"id": 1}, {"id": 1}]}, "projects must name each once"),
    (
        {"username": "a", "projects": [{"id": n} for n in range(1001)]},
        "a request must not change more than 1000 memberships",
    ),
]


@pytest.mark.parametrize(("body", "error"), BAD_CREATIONS, ids=[str(row[1])[:60] for row in BAD_CREATIONS])
def test_what_cannot_be_created_is_a_400_that_says_why(
    server: Server, owner: Credentials, body: Any, error: str
) -> None:
    reply = ask_json(server, "POST", ORGANIZATION, owner, body)
    assert validated(reply, OF_ORGANIZATION, "POST", 400) == {"error": error, "status": "error"}


def test_body_that_a_page_of_others_could_send_is_refused(server: Server, owner: Credentials) -> None:
    origin = ("Origin", "https://elsewhere.example")
    for kind in (FORM, ("Content-Type", "text/plain")):
        request = Request("POST", ORGANIZATION, (kind, owner.basic, origin), b'{"username":"a"}')
        reply = server.ask(request)
        assert validated(reply, OF_ORGANIZATION, "POST", 400)["error"] == "content-type must be application/json"
    for reply in (
        server.ask(Request("GET", ORGANIZATION, (owner.basic, origin))),
        server.ask(Request("OPTIONS", ORGANIZATION, (origin, ("Access-Control-Request-Method", "POST")))),
    ):
        assert not [name for name, _ in reply.headers if name.startswith("access-control")]


def test_path_of_another_organization_and_unknown_ones_are_404(server: Server, owner: Credentials) -> None:
    for path in ("organizations/2/service-accounts", "organizations/01x/service-accounts", "you", "",
                 f"organizations/1/service-accounts/{2**31}", "projects/99999999/service-accounts"):  # fmt: skip
        reply = ask_json(server, "GET", f"/api/app/{path}", owner)
        assert (reply.status, json.loads(reply.body)["status"]) == (404, "error"), path


def test_other_method_is_a_405_that_names_the_right_ones(server: Server, owner: Credentials) -> None:
    reply = ask_json(server, "PUT", ORGANIZATION, owner, {})
    assert (reply.status, reply.header("allow")) == (405, "GET, POST")
    assert ask_json(server, "GET", ADD, owner).header("allow") == "POST"


def test_body_over_the_limit_is_a_413(server: Server, owner: Credentials) -> None:
    reply = server.ask(Request("POST", ORGANIZATION, (JSON, owner.basic), b" " * (64 * 1024 + 1)))
    assert (reply.status, json.loads(reply.body)["status"]) == (413, "error")


@pytest.fixture(scope="module")
def managed(server: Server, make_projects: MakeProjects) -> tuple[Project, Credentials, Credentials]:
    """A project, its owner, and an account of it."""
    [project] = make_projects(1)
    return (
        project,
        new_account(server, {project.project_id: "owner"}),
        new_account(server, {project.project_id: "consumer"}),
    )


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_any_generated_request_gets_a_documented_reply(
    server: Server, managed: tuple[Project, Credentials, Credentials], path: str, method: str
) -> None:
    project, owner, member = managed
    statuses: set[int] = set()

    @ASKED
    @given(case=generated(NAME, path, method), known=st.booleans(), ours=st.booleans(), named=st.booleans())
    def ask(case: Any, known: bool, ours: bool, named: bool) -> None:
        own = (owner.basic, JSON) if known else (JSON,)
        ids = {"organizationId": 1, "projectId": project.project_id, "serviceAccountId": 2**31 - 1}
        filled = (
            path.format(**ids) if ours else path.format(**{name: case.path_parameters.get(name, 0) for name in ids})
        )
        if "\r" in filled or not filled.isascii() or not filled.isprintable() or " " in filled:
            return
        if ours and isinstance(case.body, dict):
            case.body = _with_ids(case.body, project, member) | (NAMED if named and "username" in case.body else {})
        reply = server.ask(wire_request(case, f"/api/app{filled}", own, {}))
        statuses.add(reply.status)
        assert reply.status < 500, reply
        if reply.status in (405, 413):
            return
        documented = {int(status) for status in PATHS[path][method.lower()]["responses"]}
        assert reply.status in documented, reply
        validated(reply, path, method, reply.status)

    ask()
    assert 401 in statuses
    assert statuses - {401, 405}, "some got past the credentials"
    for account in accounts_of(server).of_project(project.project_id):
        if account.account_id not in (owner.account_id, member.account_id):
            accounts_of(server).revoke(account.account_id)


NAMED = {"username": "generated", "expires": "2100-01-01T00:00:00Z"}
"""A name and an expiry that are good, which those of chance rarely are both."""


def _with_ids(body: dict[str, Any], project: Project, member: Credentials) -> dict[str, Any]:
    """The same body about accounts and projects that exist."""
    changed = dict(body)
    if isinstance(body.get("projects"), list) and all(isinstance(each, dict) for each in body["projects"]):
        first = [{**each, "id": project.project_id} for each in body["projects"][:1]]
        changed["projects"] = [
            {**each, "service_account_ids": [member.account_id]} if "service_account_ids" in each else each
            for each in first
        ]
    if isinstance(body.get("service_account_ids"), list):
        changed["service_account_ids"] = [member.account_id]
    return changed
