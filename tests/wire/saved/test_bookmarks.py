"""Saved reports over HTTP: below `/api/app/projects/ID/bookmarks`, and the list of funnels."""

import json
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.http.encodings import FORM, JSON
from tests.support.http.exchange import Reply, Request
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import ask_json, new_account
from trackway.projects.limits import SAVED_JSON_BYTES_MAX
from trackway.projects.roles import Role

NEW: dict[str, Any] = {
    "v": 2,
    "name": "Checkout",
    "type": "funnels",
    "params": {"steps": [{"event": "View"}, {"event": "Buy"}], "n": 1.0},
    "description": "from view to sale",
    "dashboard_id": 1,
}


def path_of(project: Project, rest: str = "") -> str:
    return f"/api/app/projects/{project.project_id}/bookmarks{rest}"


def ask(server: Server, project: Project, method: str, path: str, body: Any = None) -> Reply:
    """With the project's secret."""
    text = b"" if body is None else json.dumps(body).encode()
    return server.ask(Request(method, path, (JSON, basic(project.secret)), text))


def results(reply: Reply, status: int = 200) -> Any:
    answer = json.loads(reply.body)
    assert (reply.status, answer["status"], list(answer)) == (status, "ok", ["status", "results"]), answer
    return answer["results"]


def test_a_report_is_saved_read_changed_and_deleted(server: Server, project: Project) -> None:
    account = new_account(server, {project.project_id: "analyst"})
    made = results(ask_json(server, "POST", path_of(project), account, NEW), 201)
    fields = {name: NEW[name] for name in ("name", "type", "params", "description")}
    fields |= {"project_id": project.project_id, "workspace_id": project.project_id}
    fields |= {"creator_id": account.account_id, "creator_name": account.username}
    assert {name: made[name] for name in fields} == fields
    assert made["created"] == made["modified"]
    own = path_of(project, f"/{made['id']}")
    assert results(ask(server, project, "GET", own)) == made == results(ask(server, project, "GET", own + "/"))

    changed = results(ask_json(server, "PATCH", own, account, {"name": "Renamed", "params": {}, "v": 2}))
    assert changed == made | {"name": "Renamed", "params": {}, "modified": changed["modified"]}
    by_secret = results(ask(server, project, "POST", path_of(project), NEW | {"type": "insights"}), 201)
    assert (by_secret["creator_id"], by_secret["creator_name"]) == (None, "project secret")

    assert results(ask(server, project, "GET", path_of(project))) == [changed, by_secret]
    assert results(ask(server, project, "GET", path_of(project, "?v=2&type=funnels"))) == {"results": [changed]}
    assert results(ask(server, project, "GET", path_of(project, f"?ids={by_secret['id']},7"))) == [by_secret]
    below_workspace = f"/api/app/workspaces/{project.project_id}/bookmarks"
    assert results(ask(server, project, "GET", below_workspace)) == [changed, by_secret]

    assert results(ask_json(server, "DELETE", own, account)) == {"id": made["id"]}
    reply = ask(server, project, "GET", own)
    error = {"error": f"report {made['id']} was not found", "status": "error"}
    assert (reply.status, json.loads(reply.body)) == (404, error)
    noted = [each for each in server.projects.audit(20, None, project.project_id) if "report" in each.action]
    assert [(each.name, each.action, each.subject.split()[1]) for each in reversed(noted)] == [
        (account.username, "report saved", "Checkout"),
        (account.username, "report changed", "Renamed"),
        ("project secret", "report saved", "Checkout"),
        (account.username, "report deleted", "Renamed"),
    ]


@pytest.mark.parametrize("path", ["/api/query/funnels/list", "/api/2.0/funnels/list/"])
def test_funnels_are_listed(server: Server, project: Project, path: str) -> None:
    assert json.loads(ask(server, project, "GET", path).body) == []
    made = [results(ask(server, project, "POST", path_of(project), NEW | {"name": name}), 201) for name in "ba"]
    results(ask(server, project, "POST", path_of(project), NEW | {"type": "insights"}), 201)
    expected = [{"funnel_id": each["id"], "name": each["name"]} for each in made]
    for method in ("GET", "POST"):
        reply = server.ask(Request(method, path + "?query_origin=x", (FORM, basic(project.secret)), b""))
        assert (reply.status, json.loads(reply.body)) == (200, expected)
    refused = server.ask(Request("GET", path))
    message = "Unable to authenticate request: invalid credentials"
    assert (refused.status, json.loads(refused.body)["error"]) == (401, message)


@pytest.mark.parametrize("role", ["owner", "admin", "analyst", "consumer"])
def test_every_role_reads_and_analysts_save(server: Server, project: Project, role: Role) -> None:
    account = new_account(server, {project.project_id: role})
    number = results(ask(server, project, "POST", path_of(project), NEW), 201)["id"]
    own = path_of(project, f"/{number}")
    for path in (path_of(project), own):
        results(ask_json(server, "GET", path, account))
    replies = [
        ask_json(server, "POST", path_of(project), account, NEW),
        ask_json(server, "PATCH", own, account, {"name": "n"}),
        ask_json(server, "DELETE", own, account),
    ]
    allowed = [201, 200, 200] if role != "consumer" else [403, 403, 403]
    assert [reply.status for reply in replies] == allowed
    if role == "consumer":
        error = "role consumer may not save reports, cohorts and annotations"
        assert {reply.body for reply in replies} == {
            json.dumps({"error": error, "status": "error"}, separators=(",", ":")).encode()
        }
        assert results(ask(server, project, "GET", own))["name"] == NEW["name"]


def test_a_token_and_other_projects_see_and_change_nothing(server: Server, make_projects: MakeProjects) -> None:
    mine, others = make_projects(2)
    number = results(ask(server, others, "POST", path_of(others), NEW), 201)["id"]
    account = new_account(server, {mine.project_id: "owner"})
    for header in (basic(mine.secret), account.basic, basic(others.token)):
        for method, path, body in [
            ("GET", path_of(others), b""),
            ("GET", path_of(others, f"/{number}"), b""),
            ("POST", path_of(others), json.dumps(NEW).encode()),
            ("PATCH", path_of(others, f"/{number}"), b'{"name":"x"}'),
            ("DELETE", path_of(others, f"/{number}"), b""),
        ]:
            reply = server.ask(Request(method, path, (JSON, header), body))
            assert (reply.status, json.loads(reply.body)["status"]) in ((401, "error"), (403, "error"))
    for method, change in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        assert ask(server, mine, method, path_of(mine, f"/{number}"), change).status == 404
    assert [each["name"] for each in results(ask(server, others, "GET", path_of(others)))] == [NEW["name"]]


BAD: list[tuple[Any, str]] = [
    (NEW | {"name": ""}, "name must be 1 to 255 printable characters"),
    (NEW | {"name": "a\nb"}, "name must be 1 to 255 printable characters"),
    (NEW | {"name": "x" * 256}, "name must be 1 to 255 printable characters"),
    (NEW | {"name": 5}, "body is not as documented: expected `str`, got `int` - at `$.name`"),
    (NEW | {"description": "a\0"}, "description must be at most 1024 characters, without NUL"),
    (
        NEW | {"type": "cake"},
        "type must be one of insights, funnels, retention, flows, user, launch-analysis, not 'cake'",
    ),
    (NEW | {"params": "{}"}, "params must be a JSON object"),
    (NEW | {"params": [1]}, "params must be a JSON object"),
    (
        NEW | {"params": {"a": "x" * SAVED_JSON_BYTES_MAX}},
        f"params must not be larger than {SAVED_JSON_BYTES_MAX} bytes",
    ),
    ({"name": "a", "type": "flows"}, "params is required"),
    ({"type": "flows", "params": {}}, "name is required"),
    ([], "body is not as documented: expected `object`, got `array`"),
]


@pytest.mark.parametrize(("body", "error"), BAD, ids=[row[1][:40] for row in BAD])
def test_what_cannot_be_saved_is_a_400_that_says_why(server: Server, project: Project, body: Any, error: str) -> None:
    reply = ask(server, project, "POST", path_of(project), body)
    assert (reply.status, json.loads(reply.body)) == (400, {"error": error, "status": "error"})
    assert results(ask(server, project, "GET", path_of(project))) == []


def test_other_paths_methods_and_forms_are_refused(server: Server, project: Project) -> None:
    for method, path, status, error in [
        ("GET", path_of(project, "?ids=a"), 400, "ids must be at most 1000 ids with commas between them"),
        ("GET", path_of(project, "?type=cake"), 400, "type must be one of"),
        ("PUT", path_of(project), 405, "method PUT is not allowed here"),
        ("GET", path_of(project, "/abc"), 404, "no such path: /api/app/projects/"),
        ("GET", path_of(project, f"/{2**31}"), 404, f"id {2**31} was not found"),
        ("PATCH", path_of(project, "/1"), 400, "body is not as documented"),
    ]:
        reply = ask(server, project, method, path)
        assert (reply.status, json.loads(reply.body)["status"]) == (status, "error"), path
        assert json.loads(reply.body)["error"].startswith(error)
    number = results(ask(server, project, "POST", path_of(project), NEW), 201)["id"]
    reply = ask(server, project, "PATCH", path_of(project, f"/{number}"), {"deleted": True})
    assert (reply.status, "DELETE" in json.loads(reply.body)["error"]) == (400, True)
    form = server.ask(Request("POST", path_of(project), (FORM, basic(project.secret)), json.dumps(NEW).encode()))
    assert (form.status, json.loads(form.body)["error"]) == (400, "content-type must be application/json")
    origin = ("Origin", "https://elsewhere.example")
    reply = server.ask(Request("GET", path_of(project), (basic(project.secret), origin)))
    assert not [name for name, _ in reply.headers if name.startswith("access-control")]
