"""Reports about profiles over HTTP: their properties, statistics of them, and what their owners paid."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import MakeProjects
from tests.support.http.encodings import FORM, JSON
from tests.support.http.exchange import Request
from tests.support.report_model.sent_events import set_profiles
from tests.support.reports import ask_report, report
from tests.support.server import Project, Server, basic

PAID = {"from_date": "2025-03-01", "to_date": "2025-03-03"}
PROFILES: dict[str, dict[str, Any]] = {
    "ann": {
        "plan": "pro", "age": 30, "seen": "2025-03-02T10:00:00", "tags": ["a", 1], "mixed": 5, "vip": True,
        "$transactions": [
            {"$amount": 10, "$time": "2025-03-01T09:00:00"}, {"$amount": 2.5, "$time": "2025-03-03T23:59:59"},
            {"$amount": "7", "$time": "2025-03-01T09:00:00"}, {"$amount": 1},
        ],
    },
    "bob": {
        "plan": "free", "age": 40, "seen": "2025-03-01T10:00:00", "tags": [], "mixed": "5",
        "$transactions": [{"$amount": 1, "$time": "2025-03-01T12:00:00"}],
    },
    "cyd": {"plan": "2025-03-01", "age": 50.5, "mixed": "x", "own": {"a": 1}},
}  # fmt: skip


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    [project] = make_projects(1)
    set_profiles(server, project, PROFILES)
    record = {"$token": project.token, "$group_key": "company", "$group_id": "acme", "$set": {"size": 7}}
    assert server.ask(Request("POST", "/groups", (JSON,), json.dumps([record]).encode())).body == b"1"
    server.wait_loaded()
    return project


def test_properties_with_the_type_of_most_values(server: Server, project: Project) -> None:
    answer = report(server, project, "engage/properties", limit=2000)
    assert answer["status"] == "ok"
    assert answer["results"]["$last_seen"] == {"count": 3, "type": "datetime"}  # which the server adds
    assert list(answer["results"].items())[1:] == [
        ("age", {"count": 3, "type": "number"}),
        ("mixed", {"count": 3, "type": "string"}),
        ("plan", {"count": 3, "type": "string"}),
        ("$transactions", {"count": 2, "type": "list"}),
        ("seen", {"count": 2, "type": "datetime"}),
        ("tags", {"count": 2, "type": "list"}),
        ("own", {"count": 1, "type": "object"}),
        ("vip", {"count": 1, "type": "boolean"}),
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"limit": 1}, {"$last_seen": 3}),
        ({"where": 'properties["vip"] == true', "limit": 2}, {"$last_seen": 1, "$transactions": 1}),
        ({"where": 'properties["seen"] >= "2025-03-02T00:00:00"', "limit": 1}, {"$last_seen": 1}),
        ({"data_group_id": "company"}, {"$last_seen": 1, "size": 1}),
        ({"where": 'properties["plan"] == "none"'}, {}),
    ],
)
def test_properties_of_some_profiles(server: Server, project: Project, asked: Any, expected: Any) -> None:
    found = report(server, project, "engage/properties", **asked)["results"]
    assert {name: each["count"] for name, each in found.items()} == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, 3),
        ({"action": "count()", "selector": 'properties["age"] > 35'}, 2),
        ({"action": "count()", "selector": 'properties["age"] > 99'}, 0),
        ({"action": 'extremes(properties["age"])'}, {"max": 50.5, "min": 30}),
        ({"action": 'extremes(properties["plan"])'}, {"max": None, "min": None}),
        ({"action": 'percentile(properties["age"], 50)'}, {"percentile": 50, "result": 40}),
        ({"action": 'percentile(properties["age"], 25)'}, {"percentile": 25, "result": 35}),
        ({"action": 'percentile(properties["none"], 25)'}, {"percentile": 25, "result": None}),
        ({"action": "count()", "data_group_id": "company"}, 1),
    ],
)
def test_statistics(server: Server, project: Project, asked: dict[str, str], expected: Any) -> None:
    answer = report(server, project, "engage/stats", **asked)
    assert (answer["results"], answer["status"]) == (expected, "ok")


def test_a_summary_of_numbers(server: Server, project: Project) -> None:
    found = report(server, project, "engage/stats", action='numeric_summary(properties["age"])')["results"]
    assert list(found) == ["count", "mean", "var", "sum_of_squares"]
    assert [*found.values()] == pytest.approx([3, 120.5 / 3, 70.0555555, 900 + 1600 + 50.5**2])
    none = report(server, project, "engage/stats", action='numeric_summary(properties["plan"])')["results"]
    assert none == {"count": 0, "mean": None, "var": None, "sum_of_squares": None}


def test_a_cohort_filters_statistics(server: Server, project: Project) -> None:
    older = {"selector": {"operator": "and", "children": [
        {"property": "user", "value": "age", "operator": ">", "operand": 35, "type": "number"}
    ]}, "behaviors": {}}  # fmt: skip
    members = json.dumps({"raw_cohort": older})
    asked = {"action": 'extremes(properties["age"])', "include_all_users": "false", "filter_by_cohort": members}
    assert report(server, project, "engage/stats", **asked)["results"] == {"max": 50.5, "min": 40}
    everybody = asked | {"include_all_users": "true"}
    assert report(server, project, "engage/stats", **everybody)["results"] == {"max": 50.5, "min": 40}
    form = urlencode(asked | {"action": "count()"}).encode()
    reply = server.ask(Request("POST", "/api/query/engage/stats", (basic(project.secret), FORM), form))
    assert json.loads(reply.body)["results"] == 2


def test_cohorts_are_segments_of_statistics(server: Server, project: Project) -> None:
    saved = {}
    for name, expression in (("old", 'properties["age"] > 35'), ("vip", 'properties["vip"] == true')):
        body = json.dumps({"name": name, "selector": expression}).encode()
        target = f"/api/app/projects/{project.project_id}/cohorts"
        reply = server.ask(Request("POST", target, (basic(project.secret), JSON), body))
        saved[name] = str(json.loads(reply.body)["results"]["id"])
    asked: dict[str, Any] = {
        "include_all_users": "false",
        "segment_by_cohorts": {saved["old"]: True, saved["vip"]: False},
    }
    assert report(server, project, "engage/stats", **asked)["results"] == {saved["old"]: 2, saved["vip"]: 2}
    ages = report(server, project, "engage/stats", action='extremes(properties["age"])', **asked)["results"]
    assert ages[saved["old"]] == {"max": 50.5, "min": 40}
    members = json.dumps({"id": int(saved["vip"])})
    both = report(server, project, "engage/stats", filter_by_cohort=members, **asked)["results"]
    assert both[saved["vip"]] == 0


def test_revenue_by_day(server: Server, project: Project) -> None:
    answer = report(server, project, "engage/revenue", unit="day", **PAID)
    assert answer == {
        "results": {
            "$overall": {"amount": 13.5, "count": 3, "paid_count": 2},
            "2025-03-01": {"amount": 11, "count": 2, "paid_count": 2},
            "2025-03-02": {"amount": 0, "count": 0, "paid_count": 0},
            "2025-03-03": {"amount": 2.5, "count": 1, "paid_count": 1},
        },
        "status": "ok",
    }
    month = report(server, project, "engage/revenue", unit="month", where='properties["plan"] == "pro"', **PAID)
    assert month["results"]["2025-03-01"] == {"amount": 12.5, "count": 2, "paid_count": 1}


@pytest.mark.parametrize(
    ("path", "asked", "message"),
    [
        ("stats", {"action": "median(a)"}, "action must be count(), extremes("),
        ("stats", {"action": "count(a)"}, "action must be count(), extremes("),
        ("stats", {"action": "extremes()"}, "action is required: an expression"),
        ("stats", {"action": "extremes(properties[)"}, "action: "),
        ("stats", {"action": 'percentile(properties["a"], 101)'}, "action: the second value of percentile must be"),
        ("stats", {"action": 'percentile(properties["a"])'}, "action: the second value of percentile must be"),
        ("stats", {"segment_by_cohorts": '{"99":true}'}, "segment_by_cohorts: cohort 99 was not found"),
        ("stats", {"segment_by_cohorts": '{"some":true}'}, "segment_by_cohorts.some must be"),
        ("stats", {"segment_by_cohorts": "[1]"}, "segment_by_cohorts must be a JSON object such as"),
        ("stats", {"segment_by_cohorts": "{}"}, "segment_by_cohorts must be from 1 to 10 cohorts"),
        ("stats", {"selector": 'event["$name"'}, "selector: "),
        ("properties", {"filter_by_cohort": '{"id":1}'}, "filter_by_cohort is not supported"),
        ("revenue", {}, "from_date is required, as yyyy-mm-dd"),
        ("revenue", {"unit": "hour"}, "unit must be one of day, week, month, not 'hour'"),
    ],
)
def test_refuses(server: Server, project: Project, path: str, asked: dict[str, str], message: str) -> None:
    reply = ask_report(server, project, f"engage/{path}", **asked)
    assert reply.status == 400
    assert json.loads(reply.body)["error"].startswith(message)


def test_the_right_to_query_profiles_is_needed(server: Server, project: Project) -> None:
    reply = server.ask(Request("GET", "/api/query/engage/properties", (basic(project.token),)))
    assert reply.status == 403
