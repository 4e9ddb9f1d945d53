"""The figure of a report that an alert compares."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from trackway.alerts.report_value import funnel_figures, retention_figures, trend_figures
from trackway.query.sql.days import MONDAY, Days
from trackway.web.funnel_table import FunnelTable, Step
from trackway.web.retention_table import Cell, RetentionTable, Row

BERLIN = "Europe/Berlin"
DAYS = Days(BERLIN, MONDAY)


def at_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN)).timestamp() * 1000)


def answer(**series: Any) -> dict[str, Any]:
    return {"series": series}


def by_times(*times: str) -> dict[str, float | None]:
    return {time: float(number) for number, time in enumerate(times)}


@pytest.mark.parametrize(
    ("unit", "times", "now", "place"),
    [
        ("day", ("2026-03-27T00:00:00+01:00", "2026-03-28T00:00:00+01:00"), "2026-03-28 13:00", 0),
        ("day", ("2026-03-27T00:00:00+01:00", "2026-03-28T00:00:00+01:00"), "2026-03-29 00:00", 1),
        ("day", ("2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00"), "2026-03-29 23:30", 0),  # of 23 hours
        ("day", ("2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00"), "2026-03-30 00:00", 1),
        ("hour", ("2026-03-28T11:00:00+01:00", "2026-03-28T12:00:00+01:00"), "2026-03-28 12:59", 0),
        ("hour", ("2026-03-28T11:00:00+01:00", "2026-03-28T12:00:00+01:00"), "2026-03-28 13:00", 1),
        ("week", ("2026-03-16T00:00:00+01:00", "2026-03-23T00:00:00+01:00"), "2026-03-29 23:59", 0),
        ("week", ("2026-03-16T00:00:00+01:00", "2026-03-23T00:00:00+01:00"), "2026-03-30 00:00", 1),
        ("month", ("2025-11-01T00:00:00+01:00", "2025-12-01T00:00:00+01:00"), "2025-12-31 23:59", 0),
        ("month", ("2025-11-01T00:00:00+01:00", "2025-12-01T00:00:00+01:00"), "2026-01-01 00:00", 1),
        ("quarter", ("2025-07-01T00:00:00+02:00", "2025-10-01T00:00:00+02:00"), "2025-12-31 23:59", 0),
        ("quarter", ("2025-07-01T00:00:00+02:00", "2025-10-01T00:00:00+02:00"), "2026-01-01 00:00", 1),
        ("year", ("2024-01-01T00:00:00+01:00", "2025-01-01T00:00:00+01:00"), "2025-12-31 23:59", 0),
    ],
)
def test_the_last_bucket_counts_that_has_ended(unit: str, times: tuple[str, ...], now: str, place: int) -> None:
    found = trend_figures(answer(A=by_times(*times)), unit, DAYS, at_ms(now))
    assert found.by_series == {"A": place}


def test_a_total_counts_as_it_is() -> None:
    assert trend_figures(answer(A={"all": 7.0}), "day", DAYS, 0) == ({"A": 7.0}, "Whole range")


def test_a_range_that_has_just_begun_has_no_figure() -> None:
    found = trend_figures(answer(A={"2026-03-28T00:00:00+01:00": 3}), "day", DAYS, at_ms("2026-03-28 08:00"))
    assert found.by_series == {}


def test_each_value_of_a_breakdown_has_a_figure_and_the_period_before_has_none() -> None:
    time = "2026-03-27T00:00:00+01:00"
    asked = answer(A={"$overall": {time: 5}, "books": {time: 2}, "games": {time: None}})
    asked["time_comparison"] = answer(A={time: 99})
    found = trend_figures(asked, "day", DAYS, at_ms("2026-03-29 00:00"))
    assert found == ({"books": 2, "games": None}, "27 Mar 2026")


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(TypeError):
        trend_figures(answer(A={"2026": {"x": "y"}}), "day", DAYS, 0)


def step(number: int, came: int, of_first: float) -> Step:
    return Step(number, "e", came, of_first, of_first, None, None, None, None)


def test_a_funnel_has_the_percentage_of_its_last_step() -> None:
    every = [step(1, 200, 1.0), step(2, 50, 0.25), step(3, 25, 0.125)]
    assert funnel_figures(FunnelTable(every, {})).by_series == {"the conversion": 12.5}
    values = {"phone": every, "none": [step(1, 0, 0.0), step(2, 0, 0.0)]}
    assert funnel_figures(FunnelTable(every, values)).by_series == {"phone": 12.5, "none": None}


def test_retention_has_the_mean_percentage_of_a_period_that_has_ended_for_somebody() -> None:
    mean = Row("", 4, [Cell(4, 1), Cell(1, 0.25), Cell(0, 0)])
    rows = [Row("2026-03-27", 4, mean.cells)]
    table = RetentionTable(mean, rows, {}, [4, 4, 0])
    assert retention_figures(table, "week", 1) == ({"retention": 25.0}, "week 1, in percent")
    assert retention_figures(table, "week", 2).by_series == {"retention": None}, "a mean of nobody"
    assert retention_figures(table, "week", 3).by_series == {"retention": None}
    values = {"pro": mean, "free": Row("", 4, [Cell(4, 1), Cell(2, 0.5), Cell(0, 0)])}
    by_value = retention_figures(RetentionTable(mean, rows, values, [4, 4, 0]), "day", 1)
    assert by_value.by_series == {"pro": 25.0, "free": 50.0}
