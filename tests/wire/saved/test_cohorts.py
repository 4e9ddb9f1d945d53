"""Cohorts over HTTP: saved, listed with their members, and as a filter of profiles."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import MakeProjects
from tests.support.http.encodings import FORM, JSON
from tests.support.http.events import import_all, import_numbered, record
from tests.support.http.exchange import Reply, Request
from tests.support.reports import wait_for_facts
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import ask_json, new_account
from tests.support.waiting import wait_until

PRO = {"selector": {"property": "user", "value": "plan", "operator": "==", "operand": "pro"}}
BUYERS = {
    "selector": {
        "operator": "and",
        "children": [{"property": "behaviors", "value": "b", "operator": ">=", "operand": 2}],
    },
    "behaviors": {
        "b": {"count": {"event_selector": {"event": "buy", "selector": None}}, "window": {"unit": "day", "value": 30}}
    },
}


def cohort(name: str, definition: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "description": f"all {name}", **definition}


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    """Profiles of a (pro), b (free) and c (pro). Within 30 days a buys twice, b once, and once before. So does d three
    times, without a profile."""
    [project] = make_projects(1)
    now_ms, day_ms = time.time_ns() // 1_000_000, 86_400_000
    buys = [("a", 0), ("a", 3), ("b", 1), ("b", 40), ("d", 5), ("d", 6), ("d", 7)]
    events = [record(project, "buy", time=now_ms - ago * day_ms - 1000, distinct_id=id_) for id_, ago in buys]
    events.append(record(project, "look", time=now_ms - 1000, distinct_id="c", **{"$device_id": "x", "$user_id": "c"}))
    import_numbered(server, project, events)
    updates = [
        {"$token": project.token, "$distinct_id": id_, "$set": {"plan": plan, "n": number}}
        for number, (id_, plan) in enumerate([("a", "pro"), ("b", "free"), ("c", "pro")])
    ]
    headers = (JSON, basic(project.secret))
    assert server.ask(Request("POST", "/engage", headers, json.dumps(updates).encode())).body == b"1"
    server.wait_loaded()
    wait_until(lambda: len(engage(server, project)) == 3, 30, lambda: "profiles are not loaded")
    return project


@pytest.fixture
def other(server: Server, make_projects: MakeProjects) -> Project:
    return make_projects(1)[0]


def ask(server: Server, project: Project, method: str, path: str, body: Any = None) -> Reply:
    text = b"" if body is None else json.dumps(body).encode()
    return server.ask(Request(method, path, (JSON, basic(project.secret)), text))


def saved(server: Server, project: Project, method: str = "GET", rest: str = "", body: Any = None) -> Any:
    reply = ask(server, project, method, f"/api/app/projects/{project.project_id}/cohorts{rest}", body)
    answer = json.loads(reply.body)
    return answer["results"] if reply.status in (200, 201) else (reply.status, answer["error"])


def engage(server: Server, project: Project, **parameters: Any) -> list[str]:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    reply = server.ask(Request("GET", f"/api/2.0/engage?{urlencode(texts)}", (basic(project.secret),)))
    assert reply.status == 200, reply
    return [each["$distinct_id"] for each in json.loads(reply.body)["results"]]


def test_a_cohort_is_saved_read_changed_and_deleted(server: Server, other: Project) -> None:
    account = new_account(server, {other.project_id: "analyst"})
    path = f"/api/app/projects/{other.project_id}/cohorts"
    reply = ask_json(server, "POST", path, account, cohort("Buyers", BUYERS) | {"is_visible": None})
    assert reply.status == 400
    reply = ask_json(server, "POST", path, account, cohort("Buyers", BUYERS))
    made = json.loads(reply.body)["results"]
    assert reply.status == 201
    fields = {
        "name": "Buyers",
        "description": "all Buyers",
        "is_visible": True,
        "project_id": other.project_id,
        **BUYERS,
    }
    assert {name: made[name] for name in fields} == fields
    assert made["created_by"] == {"id": account.account_id, "name": account.username}
    own = f"/{made['id']}"
    assert saved(server, other, rest=own) == made
    assert saved(server, other) == [made]

    changed = saved(server, other, "PATCH", own, {"name": "Pros", "is_visible": False, **PRO})
    assert changed == made | {
        "name": "Pros",
        "is_visible": False,
        "behaviors": {},
        **PRO,
        "last_edited": changed["last_edited"],
    }
    assert saved(server, other, "DELETE", own) == {"id": made["id"]}
    assert saved(server, other, rest=own) == (404, f"cohort {made['id']} was not found")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/api/query/cohorts/list", "/api/2.0/cohorts/list/"])
def test_the_list_counts_members_as_of_now(server: Server, other: Project, method: str, path: str) -> None:
    assert json.loads(ask(server, other, "GET", path).body) == []
    import_all(
        server, other, [record(other, "buy", insert_id="one", distinct_id="a", time=time.time_ns() // 1_000_000 - 1000)]
    )
    server.wait_loaded()
    once = json.loads(json.dumps(BUYERS).replace('"operand": 2', '"operand": 1'))
    made = [saved(server, other, "POST", "", cohort(name, of)) for name, of in (("one", once), ("two", BUYERS))]
    saved(server, other, "PATCH", f"/{made[1]['id']}", {"is_visible": False})
    reply = server.ask(Request(method, path, (FORM, basic(other.secret)), b""))
    found = json.loads(reply.body)
    assert reply.status == 200
    created = [each.pop("created") for each in found]
    assert all(
        datetime.now(UTC).replace(tzinfo=None) - datetime.fromisoformat(each) < timedelta(minutes=5) for each in created
    )
    shared = {"project_id": other.project_id, "data_group_id": None}
    assert found == [
        {"id": made[0]["id"], "name": "one", "description": "all one", "count": 1, "is_visible": 1, **shared},
        {"id": made[1]["id"], "name": "two", "description": "all two", "count": 0, "is_visible": 0, **shared},
    ]


@pytest.fixture(scope="module")
def ids(server: Server, project: Project) -> dict[str, int]:
    made = {
        name: saved(server, project, "POST", "", cohort(name, of))["id"] for name, of in (("pro", PRO), ("buy", BUYERS))
    }
    both = {
        "operator": "and",
        "children": [
            {"property": "cohort", "value": made["pro"], "operator": "in"},
            {"property": "cohort", "value": made["buy"], "operator": "not in"},
        ],
    }
    made["no buyers"] = saved(server, project, "POST", "", cohort("no buyers", {"selector": both}))["id"]
    return made


def test_profiles_are_those_of_members(server: Server, project: Project, ids: dict[str, int]) -> None:
    def found(name: str, **parameters: Any) -> list[str]:
        return engage(server, project, filter_by_cohort={"id": ids[name]}, **parameters)

    assert found("pro") == found("pro", include_all_users="false") == ["a", "c"]
    assert found("buy") == ["a", "d"], "a member without a profile is listed"
    assert found("buy", include_all_users="false") == ["a"]
    assert found("no buyers") == ["c"]
    assert found("buy", where='not defined(properties["plan"])') == ["d"]
    assert found("buy", sort_key="n", sort_order="descending") == ["a", "d"]
    assert found("pro", sort_key="n", sort_order="descending", include_all_users="false") == ["c", "a"]
    assert found("buy", search="D") == ["d"]
    assert found("buy", distinct_ids=["d", "c"]) == ["d"]
    assert found("buy", limit="1") == ["a"]
    assert engage(server, project, filter_by_cohort={"raw_cohort": {"name": "x", **BUYERS}}) == ["a", "d"]
    by_text = {"raw_cohort": {"selector": 'user["plan"] == "free" or properties["$distinct_id"] == "d"'}}
    assert engage(server, project, filter_by_cohort=by_text) == ["b", "d"]


def test_members_are_the_same_by_facts(server: Server, project: Project, ids: dict[str, int]) -> None:
    wait_for_facts(server, project)
    asked = Request("GET", "/api/query/cohorts/list?explain=sql", (basic(project.secret),))
    statements = json.loads(server.ask(asked).body)["statements"]
    assert ["FROM facts" in each["sql"] for each in statements] == [False, True, True]
    reply = server.ask(Request("GET", "/api/query/cohorts/list", (basic(project.secret),)))
    assert {each["name"]: each["count"] for each in json.loads(reply.body)} == {"pro": 2, "buy": 2, "no buyers": 1}
    test_profiles_are_those_of_members(server, project, ids)


def test_members_are_paged_and_shown_with_what_is_asked(server: Server, project: Project, ids: dict[str, int]) -> None:
    filtered = {"filter_by_cohort": {"id": str(ids["buy"])}, "output_properties": ["plan"], "page_size": 1}
    first = json.loads(ask(server, project, "POST", "/api/query/engage", filtered).body)
    assert first["results"] == [{"$distinct_id": "a", "$properties": {"plan": "pro"}}]
    assert first["total"] == 2
    second = filtered | {"session_id": first["session_id"], "page": 1}
    reply = json.loads(ask(server, project, "POST", "/api/query/engage", second).body)
    assert reply["results"] == [{"$distinct_id": "d", "$properties": {}}]
    other = second | {"filter_by_cohort": {"id": ids["pro"]}}
    assert ask(server, project, "POST", "/api/query/engage", other).status == 400
    form = f"filter_by_cohort=%7B%22id%22%3A{ids['buy']}%7D&include_all_users=False".encode()
    reply = json.loads(server.ask(Request("POST", "/api/2.0/engage", (FORM, basic(project.secret)), form)).body)
    assert [each["$distinct_id"] for each in reply["results"]] == ["a"]


BAD_FILTERS = [
    ("7", "filter_by_cohort must be a JSON object"),
    ("{}", 'filter_by_cohort must be {"id": the id of a cohort} or {"raw_cohort": its definition}'),
    ('{"id":99999999}', "filter_by_cohort: cohort 99999999 was not found"),
    ('{"raw_cohort":{"selector":{"property":"user","value":"p","operator":{}}}}', "filter_by_cohort: operator must be"),
    ('{"raw_cohort":{}}', "filter_by_cohort: selector is required: the conditions of the cohort"),
]


@pytest.mark.parametrize(("text", "error"), BAD_FILTERS)
def test_a_cohort_that_cannot_be_asked_is_a_400(server: Server, project: Project, text: str, error: str) -> None:
    target = f"/api/2.0/engage?{urlencode({'filter_by_cohort': text})}"
    reply = server.ask(Request("GET", target, (basic(project.secret),)))
    assert (reply.status, json.loads(reply.body)["error"][: len(error)]) == (400, error)
    target += "&data_group_id=company"
    reply = server.ask(Request("GET", target, (basic(project.secret),)))
    assert reply.status == 400


@pytest.mark.parametrize("operand", [10**30, json.loads("[" * 300 + "]" * 300)], ids=["number", "levels"])
def test_what_a_saved_definition_cannot_hold_is_a_400(server: Server, project: Project, operand: object) -> None:
    body = cohort("large", {"selector": {"property": "user", "value": "plan", "operator": "==", "operand": operand}})
    status, error = saved(server, project, "POST", "", body)
    assert (status, error[:38]) == (400, "selector and behaviors cannot be saved")


def test_a_cohort_of_another_project_is_not_found(
    server: Server, project: Project, other: Project, ids: dict[str, int]
) -> None:
    target = f"/api/2.0/engage?{urlencode({'filter_by_cohort': json.dumps({'id': ids['pro']})})}"
    reply = server.ask(Request("GET", target, (basic(other.secret),)))
    assert (reply.status, json.loads(reply.body)["error"]) == (
        400,
        f"filter_by_cohort: cohort {ids['pro']} was not found",
    )


def test_a_change_after_which_a_cohort_could_not_be_read_is_refused(server: Server, other: Project) -> None:
    one = saved(server, other, "POST", "", cohort("one", PRO))["id"]
    of_one = {"selector": {"property": "cohort", "value": one, "operator": "in"}}
    two = saved(server, other, "POST", "", cohort("two", of_one))["id"]
    of_two = {"selector": {"property": "cohort", "value": two, "operator": "in"}}
    error = f"cohort {one} must not refer to itself"
    assert saved(server, other, "PATCH", f"/{one}", of_two)[0] == 400
    assert error in saved(server, other, "PATCH", f"/{one}", of_two)[1]
    assert saved(server, other, "DELETE", f"/{one}") == (400, f"cohort {two} two: cohort {one} was not found")
    assert (
        saved(server, other, "POST", "", cohort("three", {"selector": {**of_one["selector"], "value": 10**8}}))[0]
        == 400
    )
    assert [each["name"] for each in saved(server, other)] == ["one", "two"]
    for field, body in (("groups", cohort("x", PRO) | {"groups": [1]}), ("selector", {"name": "x"}), ("name", PRO)):
        assert field in saved(server, other, "POST", "", body)[1]


def test_people_are_listed_to_those_who_may_query_profiles(
    server: Server, project: Project, ids: dict[str, int]
) -> None:
    account = new_account(server, {project.project_id: "consumer"})
    named = f"project_id={project.project_id}"
    target = f"/api/2.0/engage?{named}&{urlencode({'filter_by_cohort': json.dumps({'id': ids['pro']})})}"
    assert server.ask(Request("GET", target, (account.basic,))).status == 403
    reply = server.ask(Request("GET", f"/api/query/cohorts/list?{named}", (account.basic,)))
    assert [each["count"] for each in json.loads(reply.body)] == [2, 2, 1]
