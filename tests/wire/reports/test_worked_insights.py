"""Worked numbers of Mixpanel's pages about insights: active users of some days, and the mean of retention."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.bookmarks import bookmark, metric
from tests.support.report_model.sent_events import Sent, load
from tests.support.reports import at, post_report
from tests.support.server import Project, Server

LAST_INSTANTS = ("2023-04-25", "2023-10-31", "2023-11-01", "2023-12-03", "2023-12-31")
FIRST_INSTANTS = ("2023-04-19", "2023-10-03", "2023-11-04", "2023-12-02")


def answered(server: Server, project: Project, wanted: dict[str, Any]) -> Any:
    reply = post_report(server, project, "insights", {"bookmark": wanted, "project_id": project.project_id})
    assert reply.status == 200, reply
    return json.loads(reply.body)["series"]


@pytest.fixture(scope="module")
def active(server: Server, make_projects: MakeProjects) -> Project:
    """Somebody is active in the first instant of each period, somebody in the last one, and others just outside."""
    [project] = make_projects(1)
    around = [(f"{day}T00:00", -1, "before") for day in FIRST_INSTANTS]
    around += [(f"{day}T00:00", 0, "first") for day in FIRST_INSTANTS]
    around += [(f"{day}T23:59:59.999", 0, "last") for day in LAST_INSTANTS]
    around += [(f"{day}T23:59:59.999", 1, "after") for day in LAST_INSTANTS]
    sent = [
        Sent("visit", at(text) + later_ms, f"e-{number}", {"distinct_id": f"{text[:10]} {name}"})
        for number, (text, later_ms, name) in enumerate(around)
    ]
    load(server, project, sent)
    return project


@pytest.mark.parametrize(
    ("math", "unit", "day", "persons"),
    [
        ("wau", "day", "2023-04-25", {"2023-04-19 first", "2023-04-25 last"}),
        (
            "mau",
            "day",
            "2023-11-01",
            {"2023-10-03 first", "2023-10-31 last", "2023-10-31 after", "2023-11-01 last"},
        ),
        ("mau", "week", "2023-11-27", {"2023-11-04 first", "2023-12-02 before", "2023-12-02 first", "2023-12-03 last"}),
        (
            "mau",
            "month",
            "2023-12-01",
            {"2023-12-02 first", "2023-12-03 last", "2023-12-03 after", "2023-12-31 last"},
        ),
    ],
)
def test_active_users_are_those_of_the_days_that_end_with_the_bucket(
    server: Server, active: Project, math: str, unit: str, day: str, persons: set[str]
) -> None:
    wanted = bookmark(metric("visit", math), days=["2023-04-01", "2023-12-31"], unit=unit)
    [series] = answered(server, active, wanted).values()
    assert series[f"{day}T00:00:00+00:00"] == len(persons)


def test_the_mean_of_retention_weighs_rows_by_size_and_leaves_incomplete_ones_out(
    server: Server, project: Project
) -> None:
    """A tenth of the page's numbers: rows of 100, 50 and 70 users, of whom 50, 40 and 1 came back the day after. For
    somebody who began at the end of the day before yesterday, the day after has not ended."""
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=number) for number in (4, 3, 2)]
    sent = []
    for number, (day, first, back) in enumerate(zip(days, (100, 50, 70), (50, 40, 1), strict=True)):
        for person in range(first):
            ids, begin_ms = {"distinct_id": f"{number} {person}"}, at(day.isoformat())
            sent.append(Sent("Born", begin_ms, f"b-{number}-{person}", ids))
            if person < back:
                sent.append(Sent("Back", begin_ms + 86_400_000, f"r-{number}-{person}", ids))
    load(server, project, sent)
    events: list[Any] = [{"type": "event", "name": name, "filters": []} for name in ("Born", "Back")]
    behavior = {"type": "retention", "resourceType": "events", "behaviors": events, "filter": []}
    behavior |= {"retentionUnit": "day", "retentionCustomBucketSizes": [1, 2]}
    show = {"type": "metric", "behavior": behavior, "measurement": {"math": "retention_rate"}}
    wanted = bookmark(show, days=[days[0].isoformat(), days[-1].isoformat()], chart="retention-curve")
    [rows] = answered(server, project, wanted).values()
    average = rows["$average"]
    assert average["rates"][1] == pytest.approx(0.56)
    assert average["counts"][1] == pytest.approx(46.666667)
