"""Counts of facts instead of facts: which questions read them, and that the answers are the same."""

import json
import random
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from tests.support.bookmarks import bookmark, grouped, metric
from tests.support.http.events import import_all, record
from tests.support.reports import at, post_report, report, values, wait_for_facts
from tests.support.server import Project, ProjectDays, Server

ZONES: Final = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "Asia/Kolkata", "Australia/Lord_Howe")
BY_HOUR: Final = ("UTC", "Europe/Berlin")
"""Zones whose clocks show full hours at those of UTC. Berlin's change within these days."""
RANGE: Final = {"from_date": "2025-03-28", "to_date": "2025-04-07"}
NAMES: Final = ("buy", "look")
COLOURS: Final = ("red", "blue", 7, None, ["red", "green"])
LONG: Final = "a list of such texts is so long that no counts are kept " * 2


class Asked(NamedTuple):
    """A project, its zone, and the name, time and colour of its events."""

    project: Project
    zone: str
    events: list[tuple[str, int, Any]]


@pytest.fixture(scope="module")
def every(server: Server) -> Mapping[str, Asked]:
    """Three of four events are in the facts, the others are newer."""
    chosen, made = random.Random(1), {}
    for zone in ZONES:
        project = server.create_project(days=ProjectDays(zone, "monday"))
        begin_ms, end_ms = at("2025-03-27T00:00"), at("2025-04-09T00:00")
        events = [
            (chosen.choice(NAMES), chosen.randrange(begin_ms, end_ms), chosen.choice(COLOURS)) for _ in range(400)
        ]
        made[zone] = Asked(project, zone, events)
    for asked in made.values():
        _send(server, asked, 0, 300)
    for asked in made.values():
        wait_for_facts(server, asked.project)
    for asked in made.values():
        _send(server, asked, 300, 400)
    return made


def _send(server: Server, asked: Asked, first: int, end: int) -> None:
    sent = []
    for number in range(first, end):
        name, time_ms, colour = asked.events[number]
        given = {} if colour is None else {"colour": colour}
        event = record(asked.project, name, time=time_ms, distinct_id="u", size=number, note=_note(number), **given)
        event["properties"]["$insert_id"] = f"event-{number}"
        sent.append(event)
    import_all(server, asked.project, sent)
    server.wait_loaded()


def _note(number: int) -> Any:
    """A text or a list of texts; some texts are more frequent than others, and some as frequent as others."""
    text = f"{LONG}{number % 17 % 7}"
    return [text, "short", text, text] if number % 3 == 0 else text


def _reads(server: Server, asked: Asked, path: str, table: str, **parameters: Any) -> bool:
    statements = report(server, asked.project, path, explain="sql", **{**RANGE, **parameters})["statements"]
    assert all("FROM facts" in each["sql"] for each in statements)
    return any(f"FROM {table} " in each["sql"] for each in statements)


def _expected(asked: Asked, length: int, keys: Any) -> dict[str, dict[str, int]]:
    """Numbers by key and bucket. `length`: of the local time's text, up to a bucket's end."""
    found: Counter[tuple[str, str]] = Counter()
    for name, time_ms, colour in asked.events:
        local = datetime.fromtimestamp(time_ms / 1000, ZoneInfo(asked.zone)).isoformat(" ")
        if RANGE["from_date"] <= local[:10] <= RANGE["to_date"]:
            found.update((key, local[:length]) for key in keys(name, colour))
    by_key: dict[str, dict[str, int]] = {}
    for (key, bucket), number in found.items():
        by_key.setdefault(key, {})[bucket] = number
    return by_key


def _colours(name: str, colour: Any) -> list[str]:
    del name
    return list(map(str, colour)) if isinstance(colour, list) else ["undefined" if colour is None else str(colour)]


def _found(answer: Any, length: int) -> dict[str, dict[str, int]]:
    series = answer["data"]["series"]
    points = {key: zip(series, numbers, strict=True) for key, numbers in values(answer).items()}
    return {key: {bucket[:length]: int(number) for bucket, number in each if number} for key, each in points.items()}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("unit", "length"), [("day", 10), ("hour", 13)])
def test_numbers_by_name_and_by_value_are_those_of_the_events(
    server: Server, every: Mapping[str, Asked], zone: str, unit: str, length: int
) -> None:
    asked = every[zone]
    for parameters, keys in (({}, lambda name, _: [name]), ({"on": 'properties["colour"]'}, _colours)):
        wanted: dict[str, Any] = {"event": "", "unit": unit, **parameters}
        answer = report(server, asked.project, "segmentation", **RANGE, **wanted)
        assert _found(answer, length) == _expected(asked, length, keys)
        assert _reads(server, asked, "segmentation", "facts_counts", **wanted) == (zone in BY_HOUR)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("unit", ["day", "hour"])
@pytest.mark.parametrize(
    ("group", "key"),
    [
        (grouped("colour"), lambda _, colour: _colours("", colour)),
        (grouped("size", "number", customBucket={"bucketSize": 100}), lambda number, _: [_range(number)]),
    ],
    ids=["values", "ranges"],
)
def test_insights_count_the_same(
    server: Server, every: Mapping[str, Asked], zone: str, unit: str, group: dict[str, Any], key: Any
) -> None:
    asked = every[zone]
    expected: dict[str, Counter[str]] = {}
    for number, (name, time_ms, colour) in enumerate(asked.events):
        local = datetime.fromtimestamp(time_ms / 1000, ZoneInfo(asked.zone)).isoformat()
        if name == "buy" and RANGE["from_date"] <= local[:10] <= RANGE["to_date"]:
            for each in key(number, colour):
                expected.setdefault(each, Counter())[local[: 10 if unit == "day" else 13]] += 1
    wanted = bookmark(metric("buy"), groups=[group], unit=unit, days=list(RANGE.values()))
    body = {"bookmark": wanted, "project_id": asked.project.project_id}
    reply = post_report(server, asked.project, "insights", body)
    assert reply.status == 200, reply
    found = json.loads(reply.body)["series"]["buy [Total Events]"]
    found.pop("$overall")
    cut = 10 if unit == "day" else 13
    by_key = {name: {time[:cut]: int(n) for time, n in points.items() if n} for name, points in found.items()}
    assert by_key == {name: dict(points) for name, points in expected.items()}
    statements = json.loads(post_report(server, asked.project, "insights", body | {"explain": "sql"}).body)[
        "statements"
    ]
    assert any("FROM facts_counts " in each["sql"] for each in statements) == (zone in BY_HOUR)


def _range(number: int) -> str:
    return f"{number // 100 * 100} - {number // 100 * 100 + 100}"


@pytest.mark.parametrize("zone", BY_HOUR)
@pytest.mark.parametrize("unit", ["day", "week"])
@pytest.mark.parametrize("limit", [1, 3, 20])
@pytest.mark.parametrize("where", [{}, {"where": f'"{LONG}1" in properties["note"]'}])
def test_the_most_frequent_of_many_values_have_all_their_events(
    server: Server, every: Mapping[str, Asked], zone: str, unit: str, limit: int, where: dict[str, str]
) -> None:
    asked = every[zone]
    found: dict[str, Counter[str]] = {}
    for number, (_, time_ms, _) in enumerate(asked.events):
        day = datetime.fromtimestamp(time_ms / 1000, ZoneInfo(asked.zone)).date()
        note = _note(number)
        if not RANGE["from_date"] <= day.isoformat() <= RANGE["to_date"] or (where and f"{LONG}1" not in note):
            continue
        bucket = day - timedelta(days=day.weekday()) if unit == "week" else day
        for key in {note} if isinstance(note, str) else set(note):
            found.setdefault(key, Counter())[bucket.isoformat()] += 1
    best = sorted(found, key=lambda key: (-found[key].total(), key))[:limit]
    wanted: dict[str, Any] = {"event": "", "unit": unit, "on": 'properties["note"]', "limit": limit, **where}
    answer = report(server, asked.project, "segmentation", **RANGE, **wanted)
    assert _found(answer, 10) == {key: dict(found[key]) for key in best}
    statements = report(server, asked.project, "segmentation", explain="sql", **RANGE, **wanted)["statements"]
    assert any("raw_0 IN (SELECT" in each["sql"] for each in statements)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("action", ["sum", "average"])
def test_sums_and_averages_are_those_of_the_events(
    server: Server, every: Mapping[str, Asked], zone: str, action: str
) -> None:
    """A colour that is no number counts as 0."""
    asked = every[zone]
    wanted: dict[str, Any] = {"event": "buy", "on": 'properties["colour"]'}
    results = report(server, asked.project, f"segmentation/{action}", **RANGE, **wanted)["results"]
    numbers: dict[str, list[float]] = {day: [] for day in results}
    for name, time_ms, colour in asked.events:
        day = datetime.fromtimestamp(time_ms / 1000, ZoneInfo(asked.zone)).date().isoformat()
        if name == "buy" and day in numbers:
            numbers[day].append(float(colour) if isinstance(colour, int) else 0.0)
    made = {day: sum(each) / (len(each) or 1) if action == "average" else sum(each) for day, each in numbers.items()}
    assert results == pytest.approx(made)
    reads = _reads(server, asked, f"segmentation/{action}", "facts_sums", **wanted)
    assert reads == (zone in BY_HOUR)
    wanted |= {"where": 'properties["colour"] > 5'}
    assert not _reads(server, asked, f"segmentation/{action}", "facts_sums", **wanted)


@pytest.mark.parametrize(
    ("parameters", "is_read"),
    [
        ({"where": 'properties["colour"] == "red"'}, True),
        ({"where": 'properties["colour"] == "red"', "on": 'properties["colour"]'}, True),
        ({"where": 'properties["colour"] == "red"', "on": 'properties["size"]'}, False),
        ({"where": 'properties["time"] > 5'}, False),
        ({"unit": "minute", "to_date": "2025-03-28"}, False),
        ({"unit": "week"}, True),
        ({"type": "unique"}, False),
    ],
)
def test_counts_are_read_where_nothing_finer_is_asked(
    server: Server, every: Mapping[str, Asked], parameters: dict[str, Any], is_read: bool
) -> None:
    assert _reads(server, every["UTC"], "segmentation", "facts_counts", event="buy", **parameters) == is_read
