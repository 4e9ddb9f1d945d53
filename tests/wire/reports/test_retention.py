"""Retention and frequency over HTTP: births, returns, windows, breakdowns, and what is refused."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.report_model.sent_events import Sent, load
from tests.support.reports import ask_report, at, move_zone, report
from tests.support.server import Project, Server

DAY_MS = 86_400_000
PLAN = 'properties["plan"]'


def sent(number: int, name: str, person: str, when: int, **own: Any) -> Sent:
    return Sent(name, when, f"{when}-{number}", {"distinct_id": person}, own)


def story(person: str, *events: tuple[str, str], **own: Any) -> list[Sent]:
    """Events of a person, each a name and a time."""
    return [sent(number, name, person, at(when), **own) for number, (name, when) in enumerate(events)]


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    """Three persons of 2025-03-01, and one of the day after who is nobody's."""
    [project] = make_projects(1)
    load(server, project, [
        *story("ann", ("buy", "2025-03-01T12:00"), ("buy", "2025-03-02T13:00"), ("look", "2025-03-04T12:00")),
        *story("bob", ("buy", "2025-03-01T12:00"), plan="free"),
        *story("bob", ("look", "2025-03-01T12:00"), ("look", "2025-03-08T12:00"), plan=["free", "paid"]),
        *story("cid", ("buy", "2025-03-01T23:00"), ("buy", "2025-03-02T01:00")),
        *story("cid", ("$identify", "2025-03-03T23:00"), **{"$anon_id": "c", "$identified_id": "cid"}),
        *story("", ("buy", "2025-03-02T12:00"), ("look", "2025-03-02T13:00")),
    ])  # fmt: skip
    return project


ONE_DAY = {"from_date": "2025-03-01", "to_date": "2025-03-01"}
TWO_DAYS = {"from_date": "2025-03-01", "to_date": "2025-03-02"}
BUY_LOOK = {"born_event": "buy", "event": "look", "interval_count": 7}


def rows(answer: Any) -> list[tuple[int, list[int]]]:
    assert all(list(row) == ["counts", "first"] for row in answer.values())
    return [(row["first"], row["counts"]) for row in answer.values()]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (BUY_LOOK, [(3, [1, 0, 0, 1, 0, 0, 0, 1]), (0, [0] * 8)]),
        (BUY_LOOK | {"unbounded_retention": "true"}, [(3, [2, 2, 2, 2, 1, 1, 1, 1]), (0, [0] * 8)]),
        ({"born_event": "buy", "event": "buy"}, [(3, [1, 1]), (0, [0, 0])]),
        ({"born_event": "buy", "event": "buy", "retention_window": "calendar"}, [(3, [0, 2]), (0, [0, 0])]),
        ({"retention_type": "compounded", "event": "buy"}, [(3, [1, 1]), (2, [0, 0])]),
        ({"born_event": "buy", "interval_count": 3}, [(3, [2, 1, 0, 1]), (0, [0] * 4)]),
        ({}, [(3, [2, 1]), (0, [0, 0])]),
        ({"born_event": "buy", "event": "look", "brackets": [1, 4, 8]}, [(3, [1, 1, 1]), (0, [0] * 3)]),
        (BUY_LOOK | {"born_where": f'{PLAN} == "free"'}, [(1, [1, 0, 0, 0, 0, 0, 0, 1]), (0, [0] * 8)]),
        (BUY_LOOK | {"where": f"not defined({PLAN})"}, [(3, [0, 0, 0, 1, 0, 0, 0, 0]), (0, [0] * 8)]),
        ({"born_event": "buy", "event": "look", "interval": 4}, [(3, [2, 1])]),
        ({"born_event": "buy", "event": "look", "unit": "week", "interval": 1}, [(3, [2, 1])]),
        ({"born_event": "buy", "event": "look", "unit": "week", "retention_window": "calendar"}, [(3, [1, 2])]),
    ],
)
def test_counts(server: Server, project: Project, asked: dict[str, Any], expected: list[tuple[int, list[int]]]) -> None:
    answer = report(server, project, "retention", **TWO_DAYS, **asked)
    assert rows(answer) == expected
    assert next(iter(answer)) == ("2025-02-24" if asked.get("unit") == "week" else "2025-03-01")


def test_a_breakdown_is_by_the_values_of_returning_events(server: Server, project: Project) -> None:
    answer = report(server, project, "retention", **ONE_DAY, **BUY_LOOK, on="plan")
    assert {name: rows(found) for name, found in answer.items()} == {
        "$overall": [(3, [1, 0, 0, 1, 0, 0, 0, 1])],
        "free": [(3, [1, 0, 0, 0, 0, 0, 0, 1])],
        "paid": [(3, [1, 0, 0, 0, 0, 0, 0, 1])],
        "undefined": [(3, [0, 0, 0, 1, 0, 0, 0, 0])],
    }
    assert list(report(server, project, "retention", **ONE_DAY, **BUY_LOOK, on="plan", limit=1)) == ["$overall", "free"]
    unbounded = report(server, project, "retention", **ONE_DAY, **BUY_LOOK, on="plan", unbounded_retention=True)
    assert rows(unbounded["free"]) == [(3, [1] * 8)]


@pytest.mark.parametrize("kind", ["birth", "compounded"])
def test_compounded_values_count_like_those_of_births(server: Server, project: Project, kind: str) -> None:
    asked = {"born_event": "look", "event": "look", "interval_count": 7, "retention_type": kind, "on": "plan"}
    answer = report(server, project, "retention", **ONE_DAY, **asked)
    assert rows(answer["$overall"]) == rows(answer["paid"]) == [(1, [0] * 7 + [1])]


def test_buckets_that_have_not_begun_are_cut(server: Server, project: Project) -> None:
    today = datetime.now(UTC).date()
    range_ = {"from_date": f"{today - timedelta(days=2)}", "to_date": f"{today}"}
    answer = report(server, project, "retention", born_event="never", interval_count=2, **range_)
    assert [len(counts) for _, counts in rows(answer)] == [3, 2, 1]
    answer = report(
        server, project, "retention", born_event="never", retention_window="calendar", unit="month", **range_
    )
    assert len(rows(answer)[-1][1]) == 1


def test_days_and_weeks_are_those_of_the_project(server: Server, make_projects: MakeProjects) -> None:
    [project] = make_projects(1)
    load(
        server,
        project,
        story("ann", ("go", "2025-03-29T22:30"), ("go", "2025-03-29T23:30"), ("go", "2025-03-30T22:30")),
    )
    server.projects.change_settings(project.project_id, week_start="sunday")
    move_zone(server, project, "Europe/Berlin")
    days = {"from_date": "2025-03-29", "to_date": "2025-03-31", "event": "go"}
    calendar = report(
        server, project, "retention", **days, born_event="go", retention_window="calendar", interval_count=2
    )
    assert rows(calendar) == [(1, [0, 1, 1]), (0, [0, 0, 0]), (0, [0, 0, 0])]
    weeks = report(server, project, "retention", **days, born_event="go", unit="week")
    assert {key: row["first"] for key, row in weeks.items()} == {"2025-03-23": 1, "2025-03-30": 0}
    hours = report(server, project, "retention/addiction", **days, unit="week", addiction_unit="day")["data"]
    assert hours == {"2025-03-23": [1] + [0] * 6, "2025-03-30": [1, 1] + [0] * 5}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"unit": "day", "addiction_unit": "hour"}, [[3] + [0] * 23, [2] + [0] * 23]),
        ({"unit": "day", "addiction_unit": "day", "event": "look"}, [[1], [0]]),
        ({"unit": "week", "addiction_unit": "hour", "event": "buy"}, [[3, 2] + [0] * 166]),
        ({"unit": "week", "addiction_unit": "day", "event": "buy"}, [[3, 2] + [0] * 5]),
        ({"unit": "month", "addiction_unit": "hour", "where": f"defined({PLAN})"}, [[1] + [0] * 743]),
    ],
)
def test_frequency_is_in_at_least_so_many_parts(
    server: Server, project: Project, asked: dict[str, str], expected: list[list[int]]
) -> None:
    answer = report(server, project, "retention/addiction", **TWO_DAYS, **asked)
    assert list(answer) == ["data"] and list(answer["data"].values()) == expected


def test_frequency_by_value(server: Server, project: Project) -> None:
    asked = {"unit": "day", "addiction_unit": "day", "on": "plan", "event": "look"}
    answer = report(server, project, "retention/addiction", **ONE_DAY, **asked)
    assert answer == {"data": {name: {"2025-03-01": [1]} for name in ("$overall", "free", "paid")}}


@pytest.mark.parametrize(
    ("path", "asked", "message"),
    [
        ("retention", {"unit": "day", "interval": "2"}, "unit and interval cannot be combined"),
        ("retention", {"interval": "91"}, "interval must be a whole number from 1 to 90"),
        ("retention", {"interval_count": "731"}, "interval_count must be a whole number from 1 to 730"),
        ("retention", {"unit": "hour"}, "unit must be one of day, week, month, not 'hour'"),
        ("retention", {"retention_type": "death"}, "retention_type must be one of birth, compounded"),
        ("retention", {"retention_window": "24h"}, "retention_window must be one of rolling, calendar"),
        ("retention", {"unbounded_retention": "maybe"}, "unbounded_retention must be true or false"),
        ("retention", {"brackets": "[3,1]"}, "brackets must be a JSON array of rising whole numbers"),
        ("retention", {"brackets": "[1]", "interval_count": "2"}, "brackets and interval_count cannot be combined"),
        ("retention", {"from_date": "2020-01-01", "interval_count": "90"}, "more than 100000 values"),
        ("retention", {"born_where": "properties["}, "born_where: "),
        ("retention", {"to_date": ""}, "to_date is required"),
        ("retention/addiction", {}, "unit is required: day, week, month"),
        ("retention/addiction", {"unit": "day"}, "addiction_unit is required: hour, day"),
        ("retention/addiction", {"unit": "day", "addiction_unit": "week"}, "addiction_unit must be one of hour, day"),
    ],
)
def test_refuses(server: Server, project: Project, path: str, asked: dict[str, str], message: str) -> None:
    reply = ask_report(server, project, path, **(TWO_DAYS | asked))
    assert reply.status == 400
    assert json.loads(reply.body)["error"].startswith(message)
