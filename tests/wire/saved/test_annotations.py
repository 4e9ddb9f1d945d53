"""Annotations over HTTP, of both generations."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import MakeProjects
from tests.support.http.encodings import FORM, JSON
from tests.support.http.exchange import Reply, Request
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import Credentials, ask_json, new_account


@pytest.fixture
def account(server: Server, project: Project) -> Credentials:
    return new_account(server, {project.project_id: "analyst"})


def path_of(project: Project, rest: str = "") -> str:
    return f"/api/app/projects/{project.project_id}/annotations{rest}"


def made(server: Server, project: Project, account: Credentials, date: str, text: str, **more: Any) -> Any:
    reply = ask_json(server, "POST", path_of(project), account, {"date": date, "description": text, **more})
    assert reply.status == 201, reply
    return json.loads(reply.body)["results"]


def found(reply: Reply, status: int = 200) -> Any:
    answer = json.loads(reply.body)
    assert (reply.status, answer["status"]) == (status, "ok"), answer
    return answer["results"]


def test_an_annotation_is_made_read_changed_and_deleted(server: Server, project: Project, account: Credentials) -> None:
    one = made(server, project, account, "2026-11-29 12:00:00", "v2.5 ☃")
    assert one == {
        "id": one["id"],
        "project_id": project.project_id,
        "date": "2026-11-29 12:00:00",
        "description": "v2.5 ☃",
        "tags": [],
        "user": {"id": account.account_id, "first_name": account.username, "last_name": ""},
    }
    own = path_of(project, f"/{one['id']}/")
    assert found(ask_json(server, "GET", own, account)) == one
    changed = found(ask_json(server, "PATCH", own, account, {"description": "v2.6"}))
    assert changed == one | {"description": "v2.6"}
    by_secret = server.ask(
        Request("POST", path_of(project), (JSON, basic(project.secret)), b'{"date":"2026-11-28","description":"x"}')
    )
    other = found(by_secret, 201)
    assert (other["date"], "user" in other) == ("2026-11-28 00:00:00", False)
    assert found(ask_json(server, "GET", path_of(project, "/"), account)) == [other, changed]
    assert found(ask_json(server, "DELETE", own, account)) == {"id": one["id"]}
    assert ask_json(server, "GET", own, account).status == 404
    noted = [each for each in server.projects.audit(20, None, project.project_id) if "annotation" in each.action]
    assert [(each.action, each.subject) for each in reversed(noted)] == [
        ("annotation saved", f"{one['id']} 2026-11-29 12:00:00"),
        ("annotation changed", f"{one['id']} 2026-11-29 12:00:00"),
        ("annotation saved", f"{other['id']} 2026-11-28 00:00:00"),
        ("annotation deleted", f"{one['id']} 2026-11-29 12:00:00"),
    ]


def test_annotations_are_chosen_by_time_and_tags(server: Server, project: Project, account: Credentials) -> None:
    tags = []
    for name in ("releases", "outages"):
        reply = ask_json(server, "POST", path_of(project, "/tags/"), account, {"name": name})
        tags.append(json.loads(reply.body))
        assert (reply.status, tags[-1]["name"], tags[-1]["has_annotations"]) == (200, name, False)
    again = ask_json(server, "POST", path_of(project, "/tags"), account, {"name": "releases"})
    assert (again.status, json.loads(again.body)["error"]) == (400, "tag 'releases' is there already")
    first, second = (tag["id"] for tag in tags)
    made(server, project, account, "2026-11-03 23:59:59", "c", tags=[first])
    made(server, project, account, "2026-11-01 00:00:00", "a")
    made(server, project, account, "2026-11-02 10:00:00", "b", tags=[first])

    def texts(**parameters: Any) -> list[str]:
        reply = ask_json(server, "GET", path_of(project, f"/?{urlencode(parameters)}"), account)
        return [each["description"] for each in found(reply)]

    assert texts() == ["a", "b", "c"]
    assert texts(fromDate="2026-11-02", toDate="2026-11-03") == ["b", "c"]
    assert texts(fromDate="2026-11-02 10:00:01") == ["c"]
    assert texts(toDate="2026-11-02 09:59:59") == ["a"]
    assert (texts(tags=str(first)), texts(tags=f"{second}"), texts(tags=f"{first},{second}")) == (
        ["b", "c"],
        [],
        ["b", "c"],
    )
    listed = json.loads(ask_json(server, "GET", path_of(project, "/tags/"), account).body)
    assert listed == [tags[0] | {"has_annotations": True}, tags[1]]
    [b] = [each for each in found(ask_json(server, "GET", path_of(project), account)) if each["description"] == "b"]
    assert b["tags"] == [{"id": first, "name": "releases"}]
    changed = found(ask_json(server, "PATCH", path_of(project, f"/{b['id']}"), account, {"tags": [second]}))
    assert changed["tags"] == [{"id": second, "name": "outages"}]


BAD: list[tuple[Any, str]] = [
    ({"date": "yesterday", "description": "a"}, "date must be a time as 2026-11-29 12:00:00, not 'yesterday'"),
    ({"date": "2026-02-30 12:00:00", "description": "a"}, "date must be a time as"),
    ({"date": "2026-W01-1", "description": "a"}, "date must be a time as"),
    ({"date": "2026-11-29", "description": ""}, "description must be 1 to 512 characters, without NUL"),
    ({"date": "2026-11-29", "description": "x" * 513}, "description must be 1 to 512 characters, without NUL"),
    (
        {"date": "2026-11-29", "description": "a", "tags": [99999]},
        "tags must be ids of the project's tags, which",
    ),
    ({"date": "2026-11-29"}, "body is not as documented: object missing required field `description`"),
]


@pytest.mark.parametrize(("body", "error"), BAD, ids=[row[1][:30] for row in BAD])
def test_what_cannot_be_saved_is_a_400(
    server: Server, project: Project, account: Credentials, body: Any, error: str
) -> None:
    reply = ask_json(server, "POST", path_of(project), account, body)
    assert (reply.status, json.loads(reply.body)["error"][: len(error)]) == (400, error)


@pytest.mark.parametrize("prefix", ["/api/2.0/annotations", "/api/query/annotations"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_older_clients_have_a_path_for_each_change(server: Server, project: Project, prefix: str, method: str) -> None:
    def ask(rest: str, **parameters: Any) -> tuple[int, Any]:
        text = urlencode(parameters)
        request = Request("GET", f"{prefix}{rest}?{text}", (basic(project.secret),))
        if method == "POST":
            request = Request("POST", prefix + rest, (FORM, basic(project.secret)), text.encode())
        reply = server.ask(request)
        answer = json.loads(reply.body)
        assert reply.status != 200 or "error" not in answer
        return reply.status, answer

    status, created = ask("/create", date="2026-11-29 12:00:00", description="a", format="json")
    [one] = created["annotations"]
    expected = {"id": one["id"], "date": "2026-11-29 12:00:00", "description": "a", "project_id": project.project_id}
    assert (status, created) == (200, {"annotations": [expected], "status": "ok"})
    assert ask("/", from_date="2026-11-29", to_date="2026-11-29")[1]["annotations"] == [expected]
    assert ask("", from_date="2026-11-30")[1]["annotations"] == []
    changed = expected | {"date": "2026-11-30 00:00:00", "description": "b"}
    assert ask("/update", id=one["id"], date="2026-11-30", description="b")[1]["annotations"] == [changed]
    assert ask("/delete", id=one["id"]) == (200, {"annotations": [], "status": "ok"})
    assert ask("/delete", id=one["id"])[0] == 404
    assert ask("/delete") == (400, {"code": 400, "error": "id is required", "status": "Bad Request"})
    assert ask("/create", date="x", description="y")[0] == 400


def test_no_page_of_another_site_changes_them(server: Server, project: Project) -> None:
    target = "/api/2.0/annotations/create?date=2026-11-29&description=a"
    for site, status in (("cross-site", 403), ("same-site", 403), ("none", 200)):
        reply = server.ask(Request("GET", target, (basic(project.secret), ("Sec-Fetch-Site", site))))
        assert reply.status == status


def test_consumers_read_and_others_see_nothing(server: Server, make_projects: MakeProjects) -> None:
    mine, others = make_projects(2)
    consumer = new_account(server, {mine.project_id: "consumer"})
    named = f"project_id={mine.project_id}"
    assert ask_json(server, "GET", path_of(mine), consumer).status == 200
    assert ask_json(server, "POST", path_of(mine), consumer, {"date": "2026-11-29", "description": "a"}).status == 403
    assert server.ask(Request("GET", f"/api/2.0/annotations?{named}", (consumer.basic,))).status == 200
    created = f"/api/2.0/annotations/create?{named}&date=2026-11-29&description=a"
    assert server.ask(Request("GET", created, (consumer.basic,))).status == 403
    assert ask_json(server, "GET", path_of(others), consumer).status == 401
    theirs = server.ask(Request("GET", f"{path_of(mine)}", (basic(others.secret),)))
    assert theirs.status == 401
