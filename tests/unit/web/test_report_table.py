"""The table of a trend: its series, its texts, and its CSV."""

from typing import Any

import pytest

from trackway.web.report_table import Trend, csv_of, figure_text, label, rows, trend_of

DAYS = ["2026-03-01T00:00:00+01:00", "2026-03-02T00:00:00+01:00"]


def at(*figures: float | None) -> dict[str, Any]:
    return dict(zip(DAYS, figures, strict=True))


def test_a_series_of_each_event_has_a_figure_for_each_day() -> None:
    trend = trend_of({"series": {"buy": at(1, 2), "look": at(0, None)}})
    assert trend == Trend(DAYS, {"buy": [1, 2], "look": [0, None]})


def test_a_breakdown_has_a_series_of_each_value_named_after_its_event_where_there_are_several() -> None:
    found = {"$overall": at(3, 3), "US": at(1, 2), "DE": at(2, 1)}
    assert list(trend_of({"series": {"buy": found}}).series) == ["US", "DE"]
    both = trend_of({"series": {"buy": found, "look": found}})
    assert list(both.series) == ["buy · US", "buy · DE", "look · US", "look · DE"]


def test_a_series_of_the_period_before_follows_its_own_place_by_place() -> None:
    def days(begin: int, *figures: int) -> dict[str, int]:
        return {f"2026-03-0{begin + place}T00:00:00+00:00": figure for place, figure in enumerate(figures)}

    answer = {
        "series": {"buy": {"$overall": days(4, 9, 9), "US": days(4, 1, 2), "DE": days(4, 3, 4), "FR": days(4, 5, 6)}},
        "time_comparison": {
            "series": {"buy": {"$overall": days(1, 9, 9, 9), "DE": days(1, 7, 8, 9), "US": days(1, 5)}}
        },
    }
    assert trend_of(answer) == Trend(
        ["2026-03-04T00:00:00+00:00", "2026-03-05T00:00:00+00:00"],
        {
            "US": [1, 2],
            "US, period before": [5, None],
            "DE": [3, 4],
            "DE, period before": [7, 8],
            "FR": [5, 6],
            "FR, period before": [None, None],
        },
    )


def test_a_trend_of_nothing_is_empty() -> None:
    assert trend_of({"series": {"buy": {"$overall": at(0, 0)}}}).is_empty
    assert Trend(DAYS, {"buy": [0, None]}).is_empty
    assert not Trend(DAYS, {"buy": [0, 1]}).is_empty


@pytest.mark.parametrize(
    ("unit", "text"), [("hour", "1 Mar 00:00"), ("day", "1 Mar 2026"), ("week", "1 Mar 2026"), ("month", "Mar 2026")]
)
def test_a_time_is_that_of_the_projects_clocks(unit: str, text: str) -> None:
    assert label(DAYS[0], unit) == text
    assert label("all", unit) == "Whole range"
    assert "2026" not in label(DAYS[0], unit, short=True) or unit == "month"


@pytest.mark.parametrize(
    ("figure", "text"),
    [(None, "–"), (0, "0"), (1234567, "1\u202f234\u202f567"), (2.5, "2.50"), (3.0, "3"), (float("inf"), "inf")],
)
def test_a_figure_has_two_decimals_at_most(figure: float | None, text: str) -> None:
    assert figure_text(figure) == text


def test_rows_begin_with_the_last_time() -> None:
    assert [text for _, text, _ in rows(Trend(DAYS, {"buy": [1, 2]}), "day")] == ["2 Mar 2026", "1 Mar 2026"]


def test_csv_has_full_figures_and_no_cell_that_a_spreadsheet_runs() -> None:
    trend = Trend(DAYS, {"=1+1": [1, 2.25], '@a"b': [None, 1234567.0], "plain": [0, 0]})
    assert csv_of(trend) == (
        'time,\'=1+1,"\'@a""b",plain\r\n2026-03-01T00:00:00+01:00,1,,0\r\n2026-03-02T00:00:00+01:00,2.25,1234567,0\r\n'
    )


def test_a_whole_range_shows_by_how_much_it_differs_from_the_one_before() -> None:
    answer = {
        "series": {"a": {"all": 30}, "b": {"all": 1}, "c": {"all": None}, "d": {"all": -1}},
        "time_comparison": {"series": {"a": {"all": 20}, "b": {"all": 0}, "c": {"all": 4}, "d": {"all": -2}}},
    }
    assert trend_of(answer).changes == {"a": 0.5, "d": 0.5}
    assert not trend_of({"series": {"a": {"all": 30}}}).changes
