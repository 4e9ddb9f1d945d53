"""Segmentation over HTTP: what each parameter counts, the form of the answer, and what is refused."""

import json
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.http.encodings import FORM, JSON
from tests.support.http.events import import_all, import_numbered, record
from tests.support.http.exchange import Request
from tests.support.reports import ask_report, at, move_zone, report, values
from tests.support.server import Project, Server, basic

RANGE = {"from_date": "2025-03-01", "to_date": "2025-03-03"}
DAYS = ["2025-03-01", "2025-03-02", "2025-03-03"]


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    """A device that becomes a user, another user, and nobody."""
    [project] = make_projects(1)
    events = [
        record(project, "buy", time=at("2025-03-01T00:00"), distinct_id="$device:d", country="US", tags=["a", "b"]),
        record(project, "buy", time=at("2025-03-01T12:00"), distinct_id="u", country="US", tags=["a"]),
        record(project, "buy", time=at("2025-03-03T23:59:59.999"), distinct_id="v", country=7, tags=[]),
        record(project, "buy", time=at("2025-03-03T10:00"), distinct_id="", country=None),
        record(project, "look", time=at("2025-03-02T10:00"), distinct_id="v", country="US"),
        record(project, "buy", time=at("2025-03-04T00:00"), distinct_id="v", country="US"),
    ]
    link = {"$user_id": "u", "$device_id": "d"}
    events.append(record(project, "sign in", time=at("2025-02-01T00:00"), distinct_id="u", **link))
    import_numbered(server, project, events)
    return project


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {"buy": [2, 0, 2]}),
        ({"type": "unique"}, {"buy": [1, 0, 1]}),
        ({"type": "average"}, {"buy": [2, 0, 1]}),
        ({"on": 'properties["country"]'}, {"US": [2, 0, 0], "7": [0, 0, 1], "undefined": [0, 0, 1]}),
        ({"on": 'properties["country"]', "limit": 1}, {"US": [2, 0, 0]}),
        ({"on": "country", "limit": 1}, {"US": [2, 0, 0]}),
        ({"on": 'properties["tags"]'}, {"a": [2, 0, 0], "undefined": [0, 0, 2], "b": [1, 0, 0]}),
        ({"where": 'properties["country"] == "US"'}, {"buy": [2, 0, 0]}),
        ({"where": 'properties["distinct_id"] == "u"', "type": "unique"}, {"buy": [1, 0, 0]}),
        ({"event": "unheard of"}, {"unheard of": [0, 0, 0]}),
        ({"event": ""}, {"buy": [2, 0, 2], "look": [0, 1, 0]}),
        ({"event": "", "limit": 1}, {"buy": [2, 0, 2], "look": [0, 1, 0]}),
    ],
)
def test_counts(server: Server, project: Project, asked: dict[str, Any], expected: dict[str, list[float]]) -> None:
    answer = report(server, project, "segmentation", **{"event": "buy", **RANGE, **asked})
    assert answer["data"]["series"] == DAYS
    assert list(values(answer).items()) == list(expected.items())


def test_every_way_of_asking_gives_the_same(server: Server, project: Project) -> None:
    expected = report(server, project, "segmentation", event="buy", **RANGE)
    form = b"event=buy&from_date=2025-03-01&to_date=2025-03-03"
    body = json.dumps({"event": "buy", **RANGE}).encode()
    for prefix in ("/api/query/segmentation", "/api/2.0/segmentation"):
        for path in (prefix, f"{prefix}/"):
            for request in (
                Request("GET", f"{path}?{form.decode()}", (basic(project.secret),)),
                Request("POST", path, (basic(project.secret), FORM), form),
                Request("POST", path, (basic(project.secret), JSON), body),
            ):
                assert json.loads(server.ask(request).body) == expected


def test_csv_has_a_column_for_each_series(server: Server, project: Project) -> None:
    reply = ask_report(server, project, "segmentation", event="", format="csv", **RANGE)
    assert reply.body.decode().splitlines() == [
        "date,buy,look", "2025-03-01,2,0", "2025-03-02,0,1", "2025-03-03,2,0",
    ]  # fmt: skip


def test_explain_gives_the_statement_and_what_it_binds(server: Server, project: Project) -> None:
    [statement] = report(server, project, "segmentation", event="buy", explain="sql", **RANGE)["statements"]
    assert statement["sql"].startswith("SELECT ") and statement["parameters"]["event"] == "buy"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"from_date": ""}, "from_date is required, as yyyy-mm-dd"),
        ({"from_date": "1999-12-31"}, "Error in from_date: invalid date, bad year"),
        ({"from_date": "2025-03-04"}, "from_date must not be after to_date"),
        ({"to_date": "2199-12-31"}, "to_date cannot be later than today"),
        ({"unit": "year"}, "unit must be one of minute, hour, day, week, month, not 'year'"),
        ({"unit": "hour", "interval": "2"}, "interval is a number of days: it cannot be 2 with unit hour"),
        ({"from_date": "2000-01-01", "unit": "minute"}, "unit minute has more than 10000 values in this range"),
        ({"on": "properties["}, "on: "),
        ({"where": "properties["}, "where: "),
        ({"limit": "10001"}, "Query limit exceeds max limit of 10000 (10001 was given)"),
        ({"limit": "9" * 5000}, f"Query limit exceeds max limit of 10000 ({'9' * 20} was given)"),
        ({"limit": "000"}, "limit must be a whole number from 1 to 10000"),
        ({"type": "median"}, "type must be one of general, unique, average, not 'median'"),
        ({"format": "xml"}, "format must be json or csv"),
        ({"explain": "yes"}, "explain must be sql"),
    ],
)
def test_refuses(server: Server, project: Project, asked: dict[str, str], message: str) -> None:
    reply = ask_report(server, project, "segmentation", **{"event": "buy", **RANGE, **asked})
    assert reply.status == 400
    assert json.loads(reply.body)["error"].startswith(message)


def test_days_and_times_without_a_zone_are_those_of_the_project(server: Server, make_projects: MakeProjects) -> None:
    [project] = make_projects(1)
    move_zone(server, project, "America/New_York")
    times = ("2025-03-09T04:59", "2025-03-09T05:00", "2025-03-09T16:00", "2025-03-10T03:59", "2025-03-10T04:00")
    import_all(
        server, project, [record(project, "buy", time=at(time), insert_id=time.replace(":", "-")) for time in times]
    )
    server.wait_loaded()
    asked = {"event": "buy", "from_date": "2025-03-08", "to_date": "2025-03-10"}
    assert values(report(server, project, "segmentation", **asked)) == {"buy": [1, 3, 1]}
    noon = 'properties["$time"] >= datetime("2025-03-09T12:00:00")'
    assert values(report(server, project, "segmentation", where=noon, **asked)) == {"buy": [0, 2, 1]}


def test_a_secret_may_be_its_own_password(server: Server, project: Project) -> None:
    asked = f"/api/query/segmentation?event=buy&from_date={DAYS[0]}&to_date={DAYS[2]}"
    replies = [server.ask(Request("GET", asked, (basic(project.secret, each),))) for each in ("", project.secret)]
    assert [reply.status for reply in replies] == [200, 200]
    assert replies[0].body == replies[1].body


def test_signatures_are_refused_in_words_that_say_so(server: Server) -> None:
    asked = "/api/2.0/segmentation/?event=buy&api_key=1&expire=2&sig=3&callback=read"
    reply = server.ask(Request("GET", asked))
    assert (reply.status, json.loads(reply.body)["error"]) == (
        401,
        "Unable to authenticate request: signatures (api_key and sig) are not supported, "
        "send the project's secret as the user of HTTP Basic",
    )


def test_wrong_credentials_are_refused_in_the_words_that_clients_read(server: Server) -> None:
    reply = server.ask(Request("GET", "/api/query/segmentation", (basic("0" * 32),)))
    assert (reply.status, json.loads(reply.body)["error"]) == (
        401,
        "Unable to authenticate request: invalid credentials",
    )
