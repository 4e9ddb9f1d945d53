"""Funnels over HTTP: tries, their rules and times, breakdowns, saved funnels, and what is refused."""

import json
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.report_model.sent_events import Sent, load
from tests.support.reports import ask_report, at, move_zone, report
from tests.support.server import Project, Server, basic

DAY = {"from_date": "2025-03-01", "to_date": "2025-03-01"}
HOUR = {"length": 1, "length_unit": "hour"}


def story(person: str, text: str, day: str = "2025-03-01", **own: Any) -> list[Sent]:
    """`A 1:00 x` is event A of the person at that time, with item x."""
    events = []
    for number, each in enumerate(text.split(", ")):
        name, when, *item = each.split(" ")
        properties = {**own, **({"item": item[0]} if item else {})}
        ids = {"distinct_id": person}
        events.append(Sent(name, at(f"{day}T{when}"), f"{day}-{person}-{number}", ids, properties))
    return events


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    """Days of one person each, but for the first, and nobody's events on every day."""
    [project] = make_projects(1)
    load(server, project, [
        *story("ann", "A 01:00, A 01:05, B 01:10, C 01:40"),
        *story("bob", "A 01:00, B 02:10, A 03:00, B 03:20"),
        *story("cid", "A 23:50, B 00:10", plan="free")[:1],
        *story("cid", "B 00:10, C 00:20", "2025-03-02"),
        *story("", "A 01:00, B 01:10, C 01:20"),
        *story("dot", "B 01:00:00, A 01:00:01.999", "2025-03-05"),
        *story("eve", "A 01:00 x, A 01:01 y, B 01:02 y, X 01:03, C 01:04 y, B 01:05 x, C 01:06 x", "2025-03-06"),
        *story("fay", "A 01:00, C 01:10, B 01:20", "2025-03-07"),
        *story("gus", "A 01:00, B 01:10, A 01:20, B 01:25, A 01:30", "2025-03-08"),
    ])  # fmt: skip
    return project


def steps(names: str) -> list[dict[str, str]]:
    return [{"event": name} for name in names]


def on_day(day: str) -> dict[str, Any]:
    return {"from_date": f"2025-03-0{day}", "to_date": f"2025-03-0{day}"}


def counts(answer: Any) -> list[list[int]]:
    return [[step["count"] for step in day["steps"]] for day in answer["data"].values()]


def values(answer: Any) -> dict[str, list[int]]:
    [day] = answer["data"].values()
    return {value: [step["count"] for step in of_value] for value, of_value in day.items()}


def test_the_published_form(server: Server, project: Project) -> None:
    events = [{"event": "A"}, {"event": "B", "label": "Bought"}, {"event": "C"}]
    answer = report(server, project, "funnels", events=events, **DAY, **HOUR)
    assert answer["meta"] == {"dates": ["2025-03-01"]}
    [day] = answer["data"].values()
    assert day["analysis"] == {"completion": 2, "starting_amount": 3, "steps": 3, "worst": 1}
    assert day["steps"][0] == {
        "count": 3, "avg_time": None, "avg_time_from_start": None, "step_conv_ratio": 1, "overall_conv_ratio": 1,
        "goal": "A", "event": "A", "step_label": "A", "median_time": None, "median_time_from_start": None,
    }  # fmt: skip
    # Two persons, but three tries: bob's second one is within the hour.
    assert day["steps"][1] == {
        "count": 2, "avg_time": 1000, "avg_time_from_start": 1000,
        "step_conv_ratio": 2 / 3, "overall_conv_ratio": 2 / 3,
        "goal": "B", "event": "B", "step_label": "Bought", "median_time": 1200, "median_time_from_start": 1200,
    }  # fmt: skip
    assert [day["steps"][2][name] for name in ("count", "avg_time", "avg_time_from_start")] == [2, 1200, 2100]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"events": steps("AB"), **DAY}, [[3, 3]]),
        ({"events": ["A", "B"], **DAY, **HOUR}, [[3, 2]]),
        ({"events": steps("AB"), **DAY, **HOUR, "count_type": "general"}, [[4, 3]]),
        ({"events": steps("AB"), **DAY, "length": 29, "length_unit": "minute", "reentry": "optimized"}, [[3, 3]]),
        ({"events": steps("AC"), **DAY, "to_date": "2025-03-02", **HOUR}, [[3, 2], [0, 0]]),
        ({"events": steps("AC"), **DAY, "to_date": "2025-03-02", "interval": 2, **HOUR}, [[3, 2]]),
        ({"events": steps("AAB"), **DAY, **HOUR}, [[3, 1, 1]]),
        (
            {"events": [{"event": "A", "where": 'properties["plan"] == "free"'}, {"event": "B"}], **DAY, **HOUR},
            [[1, 1]],
        ),
        ({"events": steps("AB"), **DAY, "where": 'properties["plan"] == "free"'}, [[1, 0]]),
        ({"events": steps("AB"), **on_day("5")}, [[1, 1]]),
        ({"events": steps("ABC"), **on_day("7")}, [[1, 1, 0]]),
        ({"events": steps("ABC"), **on_day("7"), "order": "any"}, [[1, 1, 1]]),
        ({"events": steps("ABC"), **on_day("7"), "order": "any", "length": 15, "length_unit": "minute"}, [[1, 1, 0]]),
        ({"events": steps("AB"), **on_day("8"), "count_type": "general"}, [[3, 2]]),
        ({"events": steps("AB"), **on_day("8")}, [[1, 1]]),
        ({"events": steps("A"), **on_day("8"), "count_type": "general"}, [[3]]),
        ({"events": [{"event": "A"}, {"event": "$any_event"}], **on_day("6")}, [[1, 1]]),
        ({"events": steps("ABC"), **on_day("6"), "exclusions": [{"event": "X"}]}, [[1, 1, 0]]),
        (
            {"events": steps("ABC"), **on_day("6"), "exclusions": [{"event": "X", "steps": {"from": 1, "to": 2}}]},
            [[1, 1, 1]],
        ),
        ({"events": steps("ABC"), **on_day("6"), "hold_constant": ["item"], "count_type": "general"}, [[1, 1, 1]]),
        ({"events": steps("AXC"), **on_day("6"), "hold_constant": "item"}, [[1, 0, 0]]),
    ],
)
def test_counts(server: Server, project: Project, asked: dict[str, Any], expected: list[list[int]]) -> None:
    assert counts(report(server, project, "funnels", **asked)) == expected


def test_held_values_are_those_of_the_first_step(server: Server, project: Project) -> None:
    asked = {"events": steps("AB"), **on_day("6"), "hold_constant": ["item"]}
    [day] = report(server, project, "funnels", **asked)["data"].values()
    assert day["steps"][1]["avg_time"] == 300


def test_a_try_counts_under_its_first_value(server: Server, project: Project) -> None:
    asked = {"events": steps("ABC"), **on_day("6"), "on": "item", "reentry": "optimized", "count_type": "general"}
    assert values(report(server, project, "funnels", **asked)) == {
        "$overall": [2, 1, 1],
        "x": [1, 0, 0],
        "y": [1, 1, 1],
    }
    assert list(values(report(server, project, "funnels", limit=1, **asked))) == ["$overall", "x"]
    asked = {"events": steps("XC"), **on_day("6"), "on": "item"}
    assert values(report(server, project, "funnels", **asked)) == {"$overall": [1, 1], "y": [1, 1]}
    answer = report(server, project, "funnels", events=steps("AB"), **DAY, on="plan")
    assert values(answer) == {"$overall": [3, 3], "undefined": [2, 2], "free": [1, 1]}


def test_days_are_those_of_the_project(server: Server, make_projects: MakeProjects) -> None:
    [project] = make_projects(1)
    load(server, project, story("ann", "A 22:30, B 23:30"))
    move_zone(server, project, "Asia/Tokyo")
    asked = {"events": steps("AB"), "from_date": "2025-03-01", "to_date": "2025-03-03"}
    assert counts(report(server, project, "funnels", **asked)) == [[0, 0], [1, 1], [0, 0]]
    assert list(report(server, project, "funnels", unit="week", **asked)["data"]) == ["2025-02-24", "2025-03-03"]


@pytest.mark.parametrize("number", [30, 100])
def test_a_funnel_of_many_steps(server: Server, make_projects: MakeProjects, number: int) -> None:
    """Steps of names of their own, and one name over and over."""
    [project] = make_projects(1)
    names = [f"e{each}" for each in range(number)]
    minutes = [f"{name} {each // 60:02}:{each % 60:02}" for each, name in enumerate(names)]
    load(server, project, [*story("ann", ", ".join(minutes)), *story("bob", ", ".join(minutes[:-1]))])
    answer = report(server, project, "funnels", events=names, **DAY)
    assert counts(answer) == [[2] * (number - 1) + [1]]
    answer = report(server, project, "funnels", events=["$any_event"] * number, **DAY)
    assert counts(answer) == [[2] * (number - 1) + [1]]


def test_a_saved_funnel(server: Server, project: Project) -> None:
    headers = (basic(project.secret), JSON)

    def save(type: str, params: dict[str, Any]) -> int:
        path = f"/api/app/projects/{project.project_id}/bookmarks"
        body = json.dumps({"name": "saved", "type": type, "params": params}).encode()
        return int(json.loads(server.ask(Request("POST", path, headers, body)).body)["results"]["id"])

    saved = save("funnels", {"steps": steps("AB"), **HOUR, "count_type": "general"})
    assert counts(report(server, project, "funnels", funnel_id=saved, **DAY)) == [[4, 3]]
    answer = report(server, project, "funnels", funnel_id=saved, **DAY, length=1, length_unit="day")
    assert counts(answer) == [[4, 4]]
    named = save("funnels", {"steps": ["A", "sections"], "length": 1, "length_unit": "day"})
    assert report(server, project, "funnels", funnel_id=named, **DAY)["data"]
    for given, message in (
        (save("funnels", {"steps": steps("AB"), "length": 10**1000}), "length must be a whole number"),
        (save("funnels", {}), "has no steps"),
        (save("retention", {}), "is a saved report of type retention, not funnels"),
        (2**31 - 1, "is no saved report of this project"),
    ):
        reply = ask_report(server, project, "funnels", funnel_id=given, **DAY)
        assert reply.status == 400
        assert message in json.loads(reply.body)["error"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"events": ""}, "one of events and funnel_id is required"),
        ({"funnel_id": "1"}, "one of events and funnel_id is required"),
        ({"events": "A"}, "events must be a JSON array: "),
        ({"events": '[{"name":"A"}]'}, "events must be a JSON array: "),
        ({"events": "[]"}, "events must have from 1 to 100 steps"),
        ({"events": '[{"event":"A","where":"properties["}]'}, "events[0].where: "),
        ({"length": "1", "length_unit": "second"}, "length must be from 2 seconds to 367 days"),
        ({"length": "368"}, "length must be from 2 seconds to 367 days"),
        ({"length_unit": "year"}, "length_unit must be one of second, minute, hour, day"),
        ({"unit": "day", "interval": "2"}, "unit and interval cannot be combined"),
        ({"unit": "hour"}, "unit must be one of day, week, month"),
        ({"count_type": "session"}, "count_type must be one of unique, general"),
        ({"order": "strict"}, "order must be one of loose, any"),
        ({"reentry": "basic"}, "reentry must be one of first, optimized"),
        ({"exclusions": '[{"event":"X","steps":{"from":2,"to":2}}]'}, "exclusions[0].steps must be from one step"),
        ({"exclusions": '[{"event":"X"}]', "order": "any"}, "exclusions and order any cannot be combined"),
        ({"hold_constant": '["a","b","c","d"]'}, "hold_constant must have at most 3 properties"),
        ({"events": steps("A" * 100), "from_date": "2010-01-01"}, "the report has 1 series of "),
        ({"limit": "10001"}, "Query limit exceeds max limit of 10000"),
    ],
)
def test_refuses(server: Server, project: Project, asked: dict[str, str], message: str) -> None:
    reply = ask_report(server, project, "funnels", **({"events": steps("AB")} | DAY | asked))
    assert reply.status == 400
    assert json.loads(reply.body)["error"].startswith(message)
