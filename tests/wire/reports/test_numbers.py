"""Reports of numbers over HTTP: ranges, sums and averages."""

import json
from datetime import datetime
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.http.events import import_numbered, record
from tests.support.reports import ask_report, at, report, values
from tests.support.server import Project, Server

RANGE = {"event": "page loaded", "from_date": "2011-08-06", "to_date": "2011-08-09"}
DAYS = ["2011-08-06", "2011-08-07", "2011-08-08", "2011-08-09"]
# The published example: milliseconds by day.
LOADED = {
    "2,000 - 2,100": [1, 5, 4, 15],
    "2,100 - 2,200": [0, 2, 7, 15],
    "2,200 - 2,300": [1, 0, 6, 5],
    "2,300 - 2,400": [4, 0, 1, 12],
    "2,400 - 2,500": [0, 0, 2, 5],
}


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    """The events of the published example, each by a person of its own; and two days of prices."""
    [project] = make_projects(1)
    loads = [
        record(project, "page loaded", time=at(f"{day}T12:00"), distinct_id=f"{low}-{day}-{number}", ms=low + number)
        for low, counts in zip(range(2000, 2500, 100), LOADED.values(), strict=True)
        for day, count in zip(DAYS, counts, strict=True)
        for number in range(count)
    ]
    prices = [
        record(project, "item sold", time=at(f"2011-08-06T0{number}:00"), distinct_id="ann", price=price)
        for number, price in enumerate((0.1, 0.3, "0.3", [0.1], None, True, -0.05))
    ]
    prices.append(record(project, "item sold", time=at("2011-08-08T00:00"), distinct_id="bob", price=2.5))
    import_numbered(server, project, [*loads, *prices])
    return project


def numeric(server: Server, project: Project, **asked: Any) -> dict[str, list[float]]:
    return values(report(server, project, "segmentation/numeric", **RANGE | asked))


def test_numbers_are_counted_in_ranges_of_a_round_width(server: Server, project: Project) -> None:
    assert list(numeric(server, project, on='properties["ms"]').items()) == list(LOADED.items())
    assert numeric(server, project, on="ms", buckets=5) == LOADED
    assert [*numeric(server, project, on="ms", buckets=2)] == ["2,000 - 2,500"]
    assert len(numeric(server, project, on="ms", buckets=100)) > 5


def test_all_but_numbers_is_left_out(server: Server, project: Project) -> None:
    found = numeric(server, project, event="item sold", on="price", to_date="2011-08-06", buckets=10)
    assert list(found.items()) == [("-0.05 - 0", [1]), ("0.1 - 0.15", [1]), ("0.3 - 0.35", [1])]
    assert numeric(server, project, event="item sold", on="no_such") == {}
    assert numeric(server, project, event="unheard of", on="ms") == {}


@pytest.mark.parametrize(("measure", "expected"), [("unique", [1, 0, 1, 0]), ("average", [7, 0, 1, 0])])
def test_ranges_count_persons_too(server: Server, project: Project, measure: str, expected: list[float]) -> None:
    asked = {"event": "item sold", "on": 'length(string(properties["price"], "x")) * 0', "type": measure}
    assert numeric(server, project, **asked) == {"0 - 1": expected}


def test_what_is_no_number_is_nought_in_sums_and_averages(server: Server, project: Project) -> None:
    asked = RANGE | {"event": "item sold", "on": 'properties["price"]'}
    added = report(server, project, "segmentation/sum", **asked)
    assert list(added) == ["status", "computed_at", "results"] and added["status"] == "ok"
    assert datetime.fromisoformat(added["computed_at"]).tzinfo is not None
    assert added["results"] == pytest.approx(dict(zip(DAYS, (0.35, 0, 2.5, 0), strict=True)))
    average = report(server, project, "segmentation/average", **asked)
    assert list(average) == ["results", "status"]
    assert average["results"] == pytest.approx(dict(zip(DAYS, (0.05, 0, 2.5, 0), strict=True)))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"on": 'number(properties["price"]) * 10'}, [16.5, 0, 25, 0]),
        ({"on": 'properties["price"]', "where": 'properties["price"] > 0.2'}, [0.3, 0, 2.5, 0]),
        ({"on": 'properties["price"]', "event": ""}, [0.35, 0, 2.5, 0]),
        ({"on": "1e300 * 1e300"}, [0, 0, 0, 0]),
        ({"on": "1e20"}, [7e20, 0, 1e20, 0]),
    ],
)
def test_any_expression_is_summed(
    server: Server, project: Project, asked: dict[str, str], expected: list[float]
) -> None:
    answer = report(server, project, "segmentation/sum", **RANGE | {"event": "item sold"} | asked)
    assert [*answer["results"].values()] == pytest.approx(expected)


def test_hours_are_filled(server: Server, project: Project) -> None:
    asked = RANGE | {"event": "item sold", "on": "price", "unit": "hour", "to_date": "2011-08-06"}
    results = report(server, project, "segmentation/sum", **asked)["results"]
    assert len(results) == 24 and results["2011-08-06 01:00:00"] == 0.3 and results["2011-08-06 23:00:00"] == 0


@pytest.mark.parametrize(
    ("path", "asked", "message"),
    [
        ("numeric", {}, 'on is required: an expression such as properties["price"]'),
        ("sum", {}, "on is required"),
        ("average", {"on": "properties["}, "on: "),
        ("numeric", {"on": "ms", "buckets": "1"}, "buckets must be a whole number from 2 to 1000"),
        ("sum", {"on": "ms", "event": "$custom_event:12"}, "event: custom events such as '$custom_event:12'"),
    ],
)
def test_refuses(server: Server, project: Project, path: str, asked: dict[str, str], message: str) -> None:
    reply = ask_report(server, project, f"segmentation/{path}", **RANGE | asked)
    assert reply.status == 400
    assert json.loads(reply.body)["error"].startswith(message)
