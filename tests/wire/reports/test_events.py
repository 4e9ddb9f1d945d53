"""Reports about events and their properties over HTTP."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.http.events import import_numbered, record
from tests.support.reports import ask_report, at, report, values
from tests.support.server import Project, Server

RANGE = {"from_date": "2025-03-01", "to_date": "2025-03-02"}
HOUR_MS = 3_600_000


def loaded(server: Server, project: Project, events: list[dict[str, Any]]) -> Project:
    import_numbered(server, project, events)
    return project


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    [project] = make_projects(1)
    first, second = at("2025-03-01T10:00"), at("2025-03-02T10:00")
    events = [
        record(project, "buy", time=first, distinct_id="ann", plan="pro", tags=["a", "b", None]),
        record(project, "buy", time=first, distinct_id="ann", plan="pro", gift=True),
        record(project, "buy", time=second, distinct_id="bob", plan=7, tags=[]),
        record(project, "buy", time=second, distinct_id="", plan={"a": 1}),
        record(project, "look", time=second, distinct_id="bob", plan="free"),
        record(project, "look", time=second - 40 * 24 * HOUR_MS, distinct_id="bob", old=1),
    ]
    return loaded(server, project, events)


@pytest.fixture(scope="module")
def busy(server: Server, make_projects: MakeProjects) -> Project:
    """A project with events of now and of a day ago."""
    [project] = make_projects(1)
    now = round(time.time() * 1000)
    events = [record(project, "now", time=now, distinct_id="ann", page="/") for _ in range(3)]
    events += [record(project, "before", time=now - 24 * HOUR_MS, distinct_id="bob") for _ in range(2)]
    return loaded(server, project, events)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"event": ["look", "buy"]}, {"buy": [2, 2], "look": [0, 1]}),
        ({"event": "buy"}, {"buy": [2, 2]}),
        ({"event": ["buy"], "type": "unique"}, {"buy": [1, 1]}),
        ({"event": ["no", "buy", "any"], "type": "average"}, {"buy": [2, 1], "any": [0, 0], "no": [0, 0]}),
        ({"event": ["buy"], "unit": "week"}, {"buy": [4]}),
        ({"event": ["buy"], "unit": "day", "interval": 3}, {"buy": [2, 2]}),
        ({"event": ["buy"], "where": 'properties["plan"] == "pro"'}, {"buy": [2, 0]}),
    ],
)
def test_events_are_counted_by_name(server: Server, project: Project, asked: Any, expected: Any) -> None:
    found = values(report(server, project, "events", **{"type": "general", **RANGE, **asked}))
    assert list(found.items()) == list(expected.items())


@pytest.mark.parametrize(("unit", "interval"), [("minute", 60), ("hour", 2), ("day", 1), ("week", 2), ("month", 12)])
def test_an_interval_counts_back_from_now(server: Server, busy: Project, unit: str, interval: int) -> None:
    answer = report(server, busy, "events", event=["now"], type="general", unit=unit, interval=interval)
    counts = values(answer)["now"]
    assert len(counts) == interval
    assert sum(counts) == 3, "this test was stopped for an hour, or ran across a midnight"


def test_top_events_compare_with_the_same_share_of_yesterday(server: Server, busy: Project) -> None:
    answer = report(server, busy, "events/top", type="general")
    assert answer["type"] == "general"
    assert answer["events"][0] == {"amount": 3, "event": "now", "percent_change": 1}
    assert report(server, busy, "events/top", type="unique", limit=1)["events"][0]["amount"] == 1


def test_names_come_by_volume(server: Server, project: Project, busy: Project) -> None:
    assert report(server, busy, "events/names", type="general") == ["now", "before"]
    assert report(server, busy, "events/names", type="general", limit=1) == ["now"]
    assert report(server, busy, "events/names", type="general", limit=10**30) == ["now", "before"]
    assert report(server, busy, "events/names", type="general", limit="0" * 20 + "1") == ["now"]
    wide = report(server, project, "events/names", type="general", from_date="2000-01-01", to_date="2025-03-02")
    assert wide == ["buy", "look"]
    assert report(server, project, "events/names", from_date="2025-01-01", to_date="2025-01-31") == ["look"]


def test_without_dates_and_recent_events_the_newest_ones_count(server: Server, project: Project) -> None:
    assert report(server, project, "events/names", type="general") == ["buy", "look"]
    assert report(server, project, "events/properties/top", event="look") == {"plan": {"count": 1}}
    assert report(server, project, "events/properties/top", event="unheard of") == {}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"name": "plan"}, {"pro": [2, 0], "7": [0, 1], "undefined": [0, 1]}),
        ({"name": "plan", "type": "unique"}, {"7": [0, 1], "pro": [1, 0]}),
        ({"name": "plan", "values": ["7", "gold"]}, {"7": [0, 1], "gold": [0, 0]}),
        ({"name": "plan", "limit": 1}, {"pro": [2, 0]}),
        ({"name": "tags"}, {"undefined": [2, 2], "a": [1, 0], "b": [1, 0]}),
        ({"name": "plan", "event": ""}, {"pro": [2, 0], "7": [0, 1], "free": [0, 1], "undefined": [0, 1]}),
    ],
)
def test_values_of_a_property_by_time(server: Server, project: Project, asked: Any, expected: Any) -> None:
    found = values(
        report(server, project, "events/properties", **{"event": "buy", "type": "general", **RANGE, **asked})
    )
    assert list(found.items()) == list(expected.items())


def test_names_of_properties_by_the_number_of_events(server: Server, project: Project) -> None:
    every = {"plan": {"count": 5}, "tags": {"count": 2}, "gift": {"count": 1}}
    found = report(server, project, "events/properties/top", **RANGE)
    assert list(found.items()) == list(every.items())
    assert report(server, project, "events/properties/top", event="look", **RANGE) == {"plan": {"count": 1}}
    assert report(server, project, "events/properties/top", limit=1) == {"plan": {"count": 5}}


def test_values_of_a_property_by_volume(server: Server, project: Project) -> None:
    assert report(server, project, "events/properties/values", event="buy", name="plan") == ["pro", "7"]
    assert report(server, project, "events/properties/values", name="plan", limit=2) == ["pro", "7"]
    assert report(server, project, "events/properties/values", name="tags") == ["a", "b"]
    assert report(server, project, "events/properties/values", name="gift") == ["true"]


@pytest.fixture(scope="module")
def linked(server: Server, make_projects: MakeProjects) -> Iterator[Project]:
    [project] = make_projects(1)
    ids = {"$identified_id": "ann", "$anon_id": "device-1"}
    events = [
        record(project, "$identify", time=at("2025-03-01T10:00"), distinct_id="ann", **ids),
        record(project, "buy", time=at("2025-03-01T10:00"), distinct_id="ann"),
    ]
    yield loaded(server, project, events)


@pytest.mark.parametrize("event", ["", "$any_event"])
def test_requests_to_link_ids_are_no_part_of_any_event(server: Server, linked: Project, event: str) -> None:
    assert values(report(server, linked, "segmentation", event=event, **RANGE)) == {"buy": [1, 0]}
    by_name = report(server, linked, "segmentation", event="$identify", **RANGE)
    assert values(by_name) == {"$identify": [1, 0]}


def test_csv(server: Server, project: Project) -> None:
    reply = ask_report(server, project, "events", event=["buy"], type="general", format="csv", **RANGE)
    assert reply.body.decode().splitlines() == ["date,buy", "2025-03-01,2", "2025-03-02,2"]


@pytest.mark.parametrize(
    ("path", "asked", "message"),
    [
        ("events", {"type": "general", **RANGE}, "event is required: a JSON array of names"),
        ("events", {"event": ["a"]}, "from_date and to_date are required, or interval: a number of units back"),
        ("events", {"event": ["a"], "from_date": "2025-03-01"}, "to_date is required, as yyyy-mm-dd"),
        ("events", {"event": ["$custom_event:7"], **RANGE}, "event: custom events such as '$custom_event:7'"),
        ("events", {"event": ["a"], "interval": 10_000}, "interval: 10000 units back begin before 2000"),
        ("events", {"event": ["a"], "interval": 10_001}, "interval must be a whole number from 1 to 10000"),
        ("events/names", {"limit": "0"}, "limit must be a whole number from 1 to 5000"),
        ("events/names", {"type": "sum"}, "type must be one of general, unique, average, not 'sum'"),
        ("events/properties", {"event": "a", **RANGE}, "name is required: the name of a property"),
        ("events/properties", {"name": "a", **RANGE}, "event is required; an empty one is any event"),
        ("events/properties/values", {}, "name is required: the name of a property"),
        ("events/properties/top", {"limit": "10001"}, "Query limit exceeds max limit of 10000 (10001 was given)"),
    ],
)
def test_refuses(server: Server, project: Project, path: str, asked: dict[str, Any], message: str) -> None:
    reply = ask_report(server, project, path, **asked)
    assert reply.status == 400
    assert json.loads(reply.body)["error"].startswith(message)
