"""What a client asks before its first question: `/api/app/me`, and the workspaces of projects."""

import json
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import ask_json, new_account

ME, INDEX = "/api/app/me", "/api/app/projects/metadata/index"


def workspace(project: Project) -> dict[str, Any]:
    fields = {"id": project.project_id, "project_id": project.project_id, "name": "All Project Data", "description": ""}
    return fields | {"is_default": True, "is_global": True, "is_restricted": False, "is_visible": True}


def test_an_account_sees_itself_and_its_projects(server: Server, make_projects: MakeProjects) -> None:
    one, two, _ = make_projects(3)
    account = new_account(server, {two.project_id: "consumer", one.project_id: "owner"})
    me = json.loads(ask_json(server, "GET", ME, account).body)["results"]
    assert (me["user_id"], me["user_email"]) == (account.account_id, account.username)
    assert me["organizations"] == {"1": {"id": 1, "name": "trackway"}}
    assert {number: each["name"] for number, each in me["projects"].items()} == {
        str(each.project_id): each.name for each in (one, two)
    }
    assert me["projects"][str(one.project_id)]["organization_id"] == 1
    assert me["projects"][str(one.project_id)]["timezone"] == "UTC"
    for project in (one, two):
        reply = ask_json(server, "GET", f"/api/app/projects/{project.project_id}/workspaces/public", account)
        [found] = json.loads(reply.body)["results"]
        assert workspace(project).items() <= found.items()
        assert me["workspaces"][str(project.project_id)] == found
    index = json.loads(ask_json(server, "GET", INDEX, account).body)["results"]
    assert {number: list(each["workspaces"]) for number, each in index.items()} == {
        str(each.project_id): [str(each.project_id)] for each in (one, two)
    }


def test_a_secret_sees_its_project_and_a_token_nothing(server: Server, project: Project) -> None:
    for path in (ME, INDEX, f"/api/app/projects/{project.project_id}/workspaces/public"):
        reply = server.ask(Request("GET", path, (basic(project.secret),)))
        assert reply.status == 200
        assert str(project.project_id) in reply.body.decode()
        assert project.secret not in reply.body.decode()
        assert project.token not in reply.body.decode()
        token = server.ask(Request("GET", path, (basic(project.token),)))
        assert (token.status, json.loads(token.body)) == (
            403,
            {"error": "project token may not run reports", "status": "error"},
        )
        assert server.ask(Request("GET", path)).status == 401
    assert "user_id" not in json.loads(server.ask(Request("GET", ME, (basic(project.secret),))).body)["results"]


@pytest.mark.parametrize("path", [ME, INDEX])
def test_they_are_read_only(server: Server, project: Project, path: str) -> None:
    reply = server.ask(Request("POST", path, (basic(project.secret),), b"{}"))
    assert (reply.status, reply.header("allow")) == (405, "GET")


def test_workspaces_of_a_project_of_others_are_refused(server: Server, make_projects: MakeProjects) -> None:
    mine, others = make_projects(2)
    account = new_account(server, {mine.project_id: "owner"})
    reply = ask_json(server, "GET", f"/api/app/projects/{others.project_id}/workspaces/public", account)
    assert reply.status == 401
