"""Segmentation by two expressions over HTTP, and by the sum or mean of numbers, as older clients ask for it."""

import json
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.http.events import import_all, record
from tests.support.reports import ask_report, at, report, values
from tests.support.server import Project, Server

ASKED = {"event": "item sold", "from_date": "2015-06-01", "to_date": "2015-06-02"}
CITY, REGION, PRICE = (f'properties["{name}"]' for name in ("$city", "$region", "price"))
SOLD = (
    ("North Carolina", "Charlotte", 1, 10, 2.5), ("North Carolina", "Charlotte", 2, 5, 1), ("Texas", "Austin", 1, 4, 8),
    ("Texas", "Houston", 2, 1, "free"),
)  # fmt: skip
"""Region, city, day, number, and the price of each."""


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    [project] = make_projects(1)
    own = [
        {"$region": region, "$city": city, "price": price, "time": at(f"2015-06-0{day}T10:00")}
        for region, city, day, number, price in SOLD
        for _ in range(number)
    ]
    events = [record(project, "item sold", **each, insert_id=f"id-{place}") for place, each in enumerate(own)]
    import_all(server, project, events)
    server.wait_loaded()
    return project


def nested(answer: Any) -> dict[str, dict[str, list[float]]]:
    data = answer["data"]
    assert answer["legend_size"] == sum(len(inner) for inner in data["values"].values())
    assert all(list(points) == data["series"] for inner in data["values"].values() for points in inner.values())
    return {
        outer: {name: [*points.values()] for name, points in inner.items()} for outer, inner in data["values"].items()
    }


def test_every_outer_value_has_every_inner_value(server: Server, project: Project) -> None:
    answer = nested(report(server, project, "segmentation/multiseg", inner=CITY, outer=REGION, **ASKED))
    assert answer == {
        "North Carolina": {"Charlotte": [10, 5], "Austin": [0, 0], "Houston": [0, 0]},
        "Texas": {"Charlotte": [0, 0], "Austin": [4, 0], "Houston": [0, 1]},
    }
    assert [*answer] == ["North Carolina", "Texas"]
    assert {tuple(inner) for inner in answer.values()} == {("Charlotte", "Austin", "Houston")}


def test_a_limit_is_one_for_each(server: Server, project: Project) -> None:
    asked = ASKED | {"inner": CITY, "outer": REGION, "limit": 1, "type": "unique"}
    assert nested(report(server, project, "segmentation/multiseg", **asked)) == {
        "North Carolina": {"Charlotte": [1, 1]}
    }


def test_inner_numbers_in_ranges(server: Server, project: Project) -> None:
    asked = ASKED | {"inner": PRICE, "outer": REGION, "buckets": 4}
    assert nested(report(server, project, "segmentation/multiseg", **asked)) == {
        "North Carolina": {"0 - 5": [10, 5], "5 - 10": [0, 0]},
        "Texas": {"0 - 5": [0, 0], "5 - 10": [4, 0]},
    }
    assert report(server, project, "segmentation/multiseg", **asked | {"inner": CITY})["data"]["values"] == {}


def test_an_action_makes_one_number_of_the_inner_ones(server: Server, project: Project) -> None:
    asked = ASKED | {"inner": f"number({PRICE})", "outer": REGION}
    added = report(server, project, "segmentation/multiseg", action="sum", **asked)
    assert values(added) == {"Texas": [32, 0], "North Carolina": [25, 5]}
    mean = report(server, project, "segmentation/multiseg", action="average", **asked)
    assert values(mean) == {"Texas": [8, 0], "North Carolina": [2.5, 1]}
    plain = report(server, project, "segmentation", action="sum", on=f"number({PRICE})", **ASKED)
    assert values(plain) == {"item sold": [57, 5]}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"inner": CITY}, "outer is required: an expression"),
        ({"outer": CITY}, "inner is required: an expression"),
        ({"inner": CITY, "outer": CITY, "action": "max"}, "action must be one of sum, average, not 'max'"),
        ({"inner": CITY, "outer": CITY, "limit": "101"}, "Query limit exceeds max limit of 100 (101 was given)"),
    ],
)
def test_refuses(server: Server, project: Project, asked: dict[str, str], message: str) -> None:
    reply = ask_report(server, project, "segmentation/multiseg", **ASKED | asked)
    assert reply.status == 400
    assert json.loads(reply.body)["error"].startswith(message)
