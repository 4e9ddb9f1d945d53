"""The activity of persons over HTTP: whose events, in which order, page by page."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.http.events import import_all, import_numbered, record
from tests.support.http.exchange import Request
from tests.support.reports import ask_report, at, post_report, report
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import new_account

RANGE = {"from_date": "2025-03-01", "to_date": "2025-03-03"}
BETWEEN = {"type": "between", "from": "2025-03-01", "to": "2025-03-03"}


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    """u and its device d, v, and nobody. Three events of u have one time."""
    [project] = make_projects(1)
    events = [
        record(project, "open", time=at("2025-03-01T00:00"), distinct_id="$device:d", city="Oslo", n=12),
        record(project, "buy", time=at("2025-03-02T10:00"), distinct_id="u", item="Blue Shirt", tags=["x"]),
        record(project, "buy", time=at("2025-03-02T10:00"), distinct_id="$device:d", item="red hat"),
        record(project, "look", time=at("2025-03-02T10:00"), distinct_id="u"),
        record(project, "look", time=at("2025-03-03T23:59:59.250"), distinct_id="u"),
        record(project, "buy", time=at("2025-03-02T11:00"), distinct_id="v", item="blue hat"),
        record(project, "buy", time=at("2025-03-02T12:00"), distinct_id=""),
        record(project, "late", time=at("2025-03-04T00:00"), distinct_id="u"),
    ]
    link = {"$user_id": "u", "$device_id": "d"}
    events.append(record(project, "sign in", time=at("2025-02-01T00:00"), distinct_id="u", **link))
    import_numbered(server, project, events, 1)
    return project


def asked(server: Server, project: Project, ids: list[str], **parameters: Any) -> list[Any]:
    answer = report(server, project, "stream/query", distinct_ids=ids, **{**RANGE, **parameters})
    assert answer["status"] == "ok" and list(answer["results"]) == ["events"]
    return list(answer["results"]["events"])


def page(server: Server, project: Project, **body: Any) -> tuple[list[str], Any]:
    """The `$insert_id` of a page's events, and its sentinel."""
    wanted = {"distinct_ids": ["u"], "bookmark": {"dateRange": BETWEEN, "entries": []}, "mode": "raw", **body}
    reply = post_report(server, project, "stream/bookmark", wanted)
    assert reply.status == 200, reply
    results = json.loads(reply.body)["results"]
    return [each["properties"]["$insert_id"] for each in results["events"]], results["sentinel_event"]


@pytest.mark.parametrize("id", ["u", "$device:d"])
def test_any_id_of_a_person_finds_the_events_of_all_of_them(server: Server, project: Project, id: str) -> None:
    events = asked(server, project, [id])
    assert [each["properties"]["$insert_id"] for each in events] == [f"event-{n}" for n in (0, 2, 1, 3, 4)]
    first, last = events[0]["properties"], events[-1]["properties"]
    assert (first["time"], first["distinct_id"], first["$distinct_id"]) == (at("2025-03-01T00:00") // 1000, "u", "u")
    assert (first["$distinct_id_before_identity"], first["city"], first["n"]) == ("$device:d", "Oslo", 12)
    assert last["time"] == at("2025-03-03T23:59:59") // 1000


def test_several_persons_and_days(server: Server, project: Project) -> None:
    names = [each["event"] for each in asked(server, project, ["v", "u", "nobody"], from_date="2025-03-02")]
    assert names == ["buy", "buy", "look", "buy", "look"]
    assert asked(server, project, ["nobody"]) == []


def test_pages_hold_every_event_once(server: Server, project: Project) -> None:
    for limit in (1, 2, 3, 5, 6):
        found: list[str] = []
        sentinel: Any = {}
        while sentinel is not None:
            events, sentinel = page(server, project, limit=limit, **({"sentinel_event": sentinel} if sentinel else {}))
            found = events + found
        assert found == [f"event-{n}" for n in (0, 2, 1, 3, 4)]


def test_a_window_bounds_the_days_of_a_page(server: Server, project: Project) -> None:
    newest, sentinel = page(server, project, paging_window=1)
    assert newest == ["event-4"]
    middle, sentinel = page(server, project, paging_window=1, sentinel_event=sentinel)
    assert middle == ["event-2", "event-1", "event-3"]
    oldest, sentinel = page(server, project, paging_window=1, sentinel_event=sentinel)
    assert (oldest, sentinel) == (["event-0"], None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"include_events": ["buy"]}, [2, 1]),
        ({"include_events": ["buy", "open"]}, [0, 2, 1]),
        ({"exclude_events": ["buy", "open"]}, [3, 4]),
        ({"search": "SHIRT"}, [1]),
        ({"search": "ope"}, [0]),
        ({"search": "12"}, [0]),
        ({"search": "hat", "search_properties": [{"value": "item", "resourceType": "event"}]}, [2]),
        ({"search": "hat", "search_properties": [{"value": "city", "resourceType": "event"}]}, []),
        ({"search": "12", "search_properties": [{"value": "n", "resourceType": "event"}]}, [0]),
        ({"bookmark": {"dateRange": {**BETWEEN, "to": "2025-03-01"}, "entries": []}}, [0]),
        ({"bookmark": {"dateRange": {"type": "since", "from": "2025-03-03"}, "entries": []}}, [4, 7]),
        ({"bookmark": {"dateRange": {"type": "between", "from": "2025-03-03", "to": "2199-01-01"}}}, [4, 7]),
    ],
)
def test_events_are_chosen(server: Server, project: Project, body: dict[str, Any], expected: list[int]) -> None:
    assert page(server, project, **body) == ([f"event-{number}" for number in expected], None)


def test_the_last_days_include_today(server: Server, make_projects: MakeProjects) -> None:
    [fresh] = make_projects(1)
    ages = {f"day-{day}": datetime.now(UTC) - timedelta(days=day) for day in (0, 2, 40)}
    seen = [record(fresh, time=round(time.timestamp()), distinct_id="u", insert_id=name) for name, time in ages.items()]
    import_all(server, fresh, seen)
    server.wait_loaded()
    last = {"type": "relative_after", "window": {"unit": "day", "value": 30}}
    assert page(server, fresh, bookmark={"dateRange": last, "entries": []}) == (["day-2", "day-0"], None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"distinct_ids": []}, "distinct_ids is required, a JSON array of ids"),
        ({"distinct_ids": ["u"] * 1001}, "distinct_ids must be 1000 ids at most"),
        ({"bookmark": None}, "bookmark is required, with a dateRange"),
        ({"bookmark": {"entries": []}}, "Field required at bookmark.dateRange"),
        ({"bookmark": {"dateRange": BETWEEN, "x": 1}}, "Extra inputs are not permitted at bookmark.x"),
        ({"bookmark": {"dateRange": BETWEEN, "entries": [1]}}, "bookmark.entries must be empty"),
        ({"bookmark": {"dateRange": {**BETWEEN, "from": "1999-01-01"}}}, "Error in bookmark.dateRange.from: invalid"),
        ({"bookmark": {"dateRange": {**BETWEEN, "from": "soon"}}}, "bookmark.dateRange.from must be a date"),
        ({"bookmark": {"dateRange": {"type": "ever"}}}, "bookmark.dateRange.type must be one of between, since"),
        ({"mode": "sessions"}, "mode 'sessions' is not supported"),
        ({"limit": 15001}, "Query limit exceeds max limit of 15000 (15001 was given)"),
        ({"include_events": ["a"], "exclude_events": ["b"]}, "include_events and exclude_events exclude each other"),
        ({"paging_window": 31}, "paging_window must be a whole number from 1 to 30"),
        ({"search_properties": [{"value": "a"}]}, "search_properties needs a search"),
        (
            {"sentinel_event": {"time_ms": -(10**18), "event": "", "distinct_id": "", "$insert_id": ""}},
            "Expected `int` >= 0 at sentinel_event.time_ms",
        ),
        ({"sentinel_event": {"time_ms": "x"}}, "Expected `int`, got `str` at sentinel_event.time_ms"),
    ],
)
def test_refuses(server: Server, project: Project, body: dict[str, Any], message: str) -> None:
    wanted = {"distinct_ids": ["u"], "bookmark": {"dateRange": BETWEEN, "entries": []}, **body}
    reply = post_report(server, project, "stream/bookmark", wanted)
    assert reply.status == 400
    assert json.loads(reply.body)["error"].startswith(message)


def test_activity_is_for_those_who_may_see_profiles(server: Server, project: Project) -> None:
    account = new_account(server, {project.project_id: "consumer"})
    target = f"/api/query/stream/query?project_id={project.project_id}&from_date=2025-03-01&to_date=2025-03-01"
    reply = server.ask(Request("GET", target, (basic(account.username, account.secret),)))
    assert reply.status == 403


def test_dates_are_required(server: Server, project: Project) -> None:
    assert ask_report(server, project, "stream/query", distinct_ids=["u"]).status == 400
    tomorrow = (date.today() + timedelta(days=2)).isoformat()
    reply = ask_report(server, project, "stream/query", distinct_ids=["u"], from_date="2025-03-01", to_date=tomorrow)
    assert json.loads(reply.body)["error"] == "to_date cannot be later than today"


def test_scripts_are_refused_with_a_sentence(server: Server, project: Project) -> None:
    reply = post_report(server, project, "jql", {"script": "function main() { return [] }"})
    assert reply.status == 404
    assert json.loads(reply.body)["error"].startswith("jql is not supported")
