"""The views of saved funnels, retention and flows: the figures of the API's answer, a column for each value."""

import asyncio
import json
from typing import Any

import pytest

from tests.support.web.flows import answers
from trackway.domain.errors import RequestError
from trackway.web.kind_views import flow_view, funnel_view, retention_view
from trackway.web.retention_chart import EVERYBODY


def funnel(*counts: int) -> dict[str, Any]:
    names = [f"{number}. {event}" for number, event in enumerate(["view", "1. buy"], 1)]
    ratios = [1.0, counts[1] / counts[0] if counts[0] else 0.0]
    return {
        "count": {name: {"all": count} for name, count in zip(names, counts, strict=True)},
        **{
            key: {name: {"all": ratio} for name, ratio in zip(names, ratios, strict=True)}
            for key in ("step_conv_ratio", "overall_conv_ratio")
        },
    }


def of_unit(unit: str) -> str:
    show = {"behavior": {"type": "retention", "retentionUnit": unit}}
    sections = {"show": [show], "time": [{"unit": "day", "value": 7}]}
    return json.dumps({"sections": sections, "displayOptions": {"chartType": "retention-curve"}})


def test_a_funnel_has_a_row_for_each_step() -> None:
    view = asyncio.run(funnel_view("Buyers", {"series": {"a": funnel(8, 2)}}))
    assert (view.heading, view.head, view.trend.series) == ("Buyers", "Step", {EVERYBODY: [8, 2]})
    assert [row[1:] for row in view.rows] == [("1. view", ["8 (100.0\u202f%)"]), ("2. 1. buy", ["2 (25.0\u202f%)"])]
    assert view.picture and not view.is_cut


def test_a_funnel_by_value_has_a_column_for_each() -> None:
    series = {"$overall": funnel(9, 3), "pro": funnel(5, 1), "ann@example.com": funnel(4, 2)}
    view = asyncio.run(funnel_view("Buyers", {"series": {"a": series}}))
    assert view.trend.series == {"pro": [5, 1], "ann@example.com": [4, 2]}
    assert view.rows[1][2] == ["1 (20.0\u202f%)", "2 (50.0\u202f%)"]


def test_a_funnel_that_nobody_began_is_empty_and_one_over_time_is_refused() -> None:
    view = asyncio.run(funnel_view("Buyers", {"series": {"a": funnel(0, 0)}}))
    assert view.is_empty and view.picture is None
    with pytest.raises(RequestError, match="of the whole range"):
        asyncio.run(funnel_view("Buyers", {"series": {"a": {"2026-03-01T00:00:00+00:00": funnel(1, 1)}}}))


def test_retention_has_the_means_by_period() -> None:
    mean = {"first": 3.0, "counts": [2.5, 1], "rates": [0.75, 0.25], "persons": [3, 3]}
    rows = {"2026-03-02T00:00:00+00:00": {"first": 3, "counts": [2], "rates": [0.7]}, "$average": mean}
    view = asyncio.run(retention_view("Back", {"series": {"a": rows}}, of_unit("week")))
    assert (view.head, view.trend.times, view.trend.series) == ("Period", ["Week 0", "Week 1"], {EVERYBODY: [2.5, 1]})
    short = {"$average": {"first": 3.0, "counts": [1], "rates": [0.3]}}
    by_value = {"$overall": rows, "pro": rows, "free": short}
    view = asyncio.run(retention_view("Back", {"series": {"a": by_value}}, of_unit("day")))
    assert view.trend.series == {"pro": [2.5, 1], "free": [1]}
    assert [row[2] for row in view.rows] == [["2.50 (75.0\u202f%)", "1 (30.0\u202f%)"], ["1 (25.0\u202f%)", ""]]


def test_retention_without_returns_is_not_empty_and_without_births_is() -> None:
    nobody = {"first": 2.0, "counts": [0], "rates": [0.0], "persons": [2]}
    rows = {"2026-03-02T00:00:00+00:00": {"first": 2, "counts": [0], "rates": [0.0]}, "$average": nobody}
    view = asyncio.run(retention_view("Back", {"series": {"a": rows}}, of_unit("day")))
    assert (view.is_empty, view.sum, view.rows[0][2]) == (False, "2 began", ["0 (0.0\u202f%)"]) and view.picture
    rows = {"2026-03-02T00:00:00+00:00": {"first": 0, "counts": [0], "rates": [0.0]}, "$average": nobody}
    assert asyncio.run(retention_view("Back", {"series": {"a": rows}}, of_unit("day"))).is_empty


def test_flows_have_a_row_for_each_event_and_place() -> None:
    graph, _ = answers({((1, "buy"), (2, "pay")): 3, ((1, "buy"),): 1})
    view = asyncio.run(flow_view("After", graph))
    assert view.head == "Event and place" and view.picture
    assert [row[1] for row in view.rows] == ["buy, buy", "pay, 1 after", "left, 1 after", "left, 2 after"]
    assert view.trend.series == {"Number": [4, 3, 1, 4]}
