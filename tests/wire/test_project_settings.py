"""`/api/app/projects/ID`: the time zone and the week start of a project, for its owners and admins alone."""

import json
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.http.encodings import JSON
from tests.support.http.exchange import Reply, Request
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import Credentials, accounts_of, ask_json, new_account
from trackway.projects.roles import Role


def path_of(project: Project) -> str:
    return f"/api/app/projects/{project.project_id}"


def answered(reply: Reply) -> tuple[int, Any]:
    return reply.status, json.loads(reply.body)


def stored(server: Server, project: Project) -> tuple[str, str]:
    found = server.projects.named(str(project.project_id))
    return found.time_zone, found.week_start


def whole(project: Project, time_zone: str, week_start: str, created: str) -> dict[str, Any]:
    fields = {"id": project.project_id, "name": project.name, "region": "us", "identity_mode": "simplified"}
    days: dict[str, Any] = {"time_zone": time_zone, "week_start": week_start, "created": created}
    days |= {"event_retention": None, "profile_retention": None}
    return {"results": fields | days, "status": "ok"}


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_owner_and_admin_see_and_change_it(server: Server, project: Project, role: Role) -> None:
    account = new_account(server, {project.project_id: role})
    status, before = answered(ask_json(server, "GET", path_of(project), account))
    created = before["results"]["created"]
    assert (status, before) == (200, whole(project, "UTC", "monday", created))
    for change, zone, week in [
        ({"time_zone": "Asia/Kathmandu"}, "Asia/Kathmandu", "monday"),
        ({"week_start": "sunday"}, "Asia/Kathmandu", "sunday"),
        ({}, "Asia/Kathmandu", "sunday"),
        ({"time_zone": "Europe/Berlin", "week_start": "monday"}, "Europe/Berlin", "monday"),
    ]:
        reply = ask_json(server, "PATCH", path_of(project), account, change)
        assert answered(reply) == (200, whole(project, zone, week, created)), change
        assert reply.header("cache-control") == "no-store"
        assert stored(server, project) == (zone, week)
        assert answered(ask_json(server, "GET", path_of(project) + "/", account)) == answered(reply)
    noted = [each for each in server.projects.audit(20, None, project.project_id) if "changed" in each.action]
    assert [(each.name, each.address, each.action, each.subject) for each in reversed(noted)] == [
        (account.username, "127.0.0.1", "time zone changed", "Asia/Kathmandu"),
        (account.username, "127.0.0.1", "week start changed", "sunday"),
        (account.username, "127.0.0.1", "time zone changed", "Europe/Berlin"),
        (account.username, "127.0.0.1", "week start changed", "monday"),
    ]


@pytest.mark.parametrize("role", ["analyst", "consumer"])
def test_lesser_roles_are_refused(server: Server, project: Project, role: Role) -> None:
    account = new_account(server, {project.project_id: role})
    error = f"role {role} may not see and replace keys, and change limits and settings"
    for method, body in (("GET", None), ("PATCH", {"time_zone": "Asia/Tokyo"})):
        reply = ask_json(server, method, path_of(project), account, body)
        assert answered(reply) == (403, {"error": error, "status": "error"})
    assert stored(server, project) == ("UTC", "monday")


def test_project_of_others_is_as_unknown_as_one_that_there_is_not(server: Server, make_projects: MakeProjects) -> None:
    mine, others = make_projects(2)
    account = new_account(server, {mine.project_id: "owner"})
    for number in (others.project_id, 99_999_999, 0, 2**31):
        for method, body in (("GET", None), ("PATCH", {"time_zone": "Asia/Tokyo"})):
            status, reply = answered(ask_json(server, method, f"/api/app/projects/{number}", account, body))
            assert (status, reply["status"]) == (404, "error")
            assert reply["error"].endswith(f"{number} was not found")
    assert stored(server, others) == ("UTC", "monday")


def test_no_key_and_no_unknown_account_opens_it(server: Server, project: Project) -> None:
    account = new_account(server, {project.project_id: "owner"})
    body = json.dumps({"time_zone": "Asia/Tokyo"}).encode()
    wrong = Credentials(account.account_id, account.username, "wrong")
    gone = new_account(server, {project.project_id: "owner"})
    accounts_of(server).revoke(gone.account_id)
    for headers in ((), (basic(project.secret),), (basic(project.token),), (wrong.basic,), (gone.basic,)):
        for method in ("GET", "PATCH"):
            reply = server.ask(Request(method, path_of(project), (JSON, *headers), body if method == "PATCH" else b""))
            assert (reply.status, json.loads(reply.body)["status"]) == (401, "error"), headers
    assert stored(server, project) == ("UTC", "monday")


BAD: list[tuple[Any, str]] = [
    (
        {"time_zone": "Europe/Berln"},
        "time zone must be a name of the IANA time zone database, such as America/New_York, not 'Europe/Berln'; "
        "did you mean Europe/Berlin?",
    ),
    ({"week_start": "friday"}, "week start must be one of monday, sunday, not 'friday'"),
    ({"time_zone": "Europe/Berlin", "week_start": ""}, "week start must be one of monday, sunday, not ''"),
    ({"timezone": "Europe/Berlin"}, "body is not as documented: object contains unknown field `timezone`"),
    ({"time_zone": "Europe/Berlin", "name": "x"}, "body is not as documented: object contains unknown field `name`"),
    ({"time_zone": None}, "body is not as documented: expected `str`, got `null` - at `$.time_zone`"),
    ({"week_start": 1}, "body is not as documented: expected `str`, got `int` - at `$.week_start`"),
    ([], "body is not as documented: expected `object`, got `array`"),
]


@pytest.mark.parametrize(("body", "error"), BAD, ids=[str(row[0])[:40] for row in BAD])
def test_what_cannot_be_changed_is_a_400_that_says_why(server: Server, project: Project, body: Any, error: str) -> None:
    account = new_account(server, {project.project_id: "owner"})
    reply = ask_json(server, "PATCH", path_of(project), account, body)
    assert answered(reply) == (400, {"error": error, "status": "error"})
    assert stored(server, project) == ("UTC", "monday")


def test_other_methods_and_bodies_are_refused(server: Server, project: Project) -> None:
    account = new_account(server, {project.project_id: "owner"})
    for method in ("POST", "PUT", "DELETE", "HEAD"):
        reply = server.ask(Request(method, path_of(project), (JSON, account.basic), b""))
        assert (reply.status, reply.header("allow")) == (405, "GET, PATCH")
    plain = ("Content-Type", "text/plain")
    reply = server.ask(Request("PATCH", path_of(project), (plain, account.basic), b'{"time_zone":"Asia/Tokyo"}'))
    assert answered(reply) == (400, {"error": "content-type must be application/json", "status": "error"})
    origin = ("Origin", "https://elsewhere.example")
    for method in ("GET", "OPTIONS"):
        reply = server.ask(Request(method, path_of(project), (account.basic, origin)))
        assert not [name for name, _ in reply.headers if name.startswith("access-control")]
    assert stored(server, project) == ("UTC", "monday")


def test_every_edge_process_knows_the_change(server: Server, project: Project) -> None:
    """The reply comes from the process that made it; others read the database, as this does."""
    account = new_account(server, {project.project_id: "admin"})
    for zone in ("Asia/Tokyo", "Pacific/Auckland"):
        assert ask_json(server, "PATCH", path_of(project), account, {"time_zone": zone}).status == 200
        for _ in range(8):
            reply = ask_json(server, "GET", path_of(project), account)
            assert json.loads(reply.body)["results"]["time_zone"] == zone
