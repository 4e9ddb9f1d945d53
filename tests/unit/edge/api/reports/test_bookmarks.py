"""What a bookmark asks for, as values: without a store."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
import pytest

from tests.support.bookmarks import bookmark, filtered, formula, grouped, metric
from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.dates import between, bookmark_day, last
from trackway.edge.api.reports.bookmarks.documents import Bookmark, FilterClause
from trackway.edge.api.reports.bookmarks.filters import Calendar, filters_expression
from trackway.edge.api.reports.bookmarks.funnels import read_funnel_bookmark
from trackway.edge.api.reports.bookmarks.insights import Analysis, Question, read_insights
from trackway.edge.api.reports.bookmarks.strict_json import converted
from trackway.query.expressions import Property, evaluate, from_json
from trackway.query.expressions.interpreter import Row
from trackway.query.expressions.values import Moment
from trackway.query.reports.axis import Joined
from trackway.query.reports.funnel import Count, Exclusion, Order, Reentry
from trackway.query.reports.measures import Measure, Subject
from trackway.query.sql.days import Days, Unit
from trackway.query.sql.selector import Selector

TODAY = date(2025, 3, 31)
NOW_S = 1_743_422_400.0  # 2025-03-31T12:00
CALENDAR = Calendar(Days(), TODAY, NOW_S)


def asked(wanted: Mapping[str, Any], limit: int = 3000) -> Question:
    return read_insights(converted(wanted, Bookmark, "bookmark"), 1, CALENDAR, limit)


def test_a_plain_question() -> None:
    question = asked(bookmark(metric("buy", "unique"), groups=[grouped("country")]), 7)
    assert [(each.metric.selectors, each.metric.measure) for each in question.metrics] == [
        ([Selector("buy")], Measure(Subject.PERSONS))
    ]
    assert (question.insights.project_id, question.insights.limit, question.insights.where) == (1, 7, None)
    assert question.headers == ["$metric", "country"]
    assert [each.name for each in question.series] == ["buy [Unique Users]"]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ({"dateRangeType": "between", "value": ["2025-03-01", "2025-03-05"]}, ("2025-03-01", "2025-03-05")),
        ({"dateRangeType": "between", "value": ["2025-03-01", "2025-04-05"]}, ("2025-03-01", "2025-03-31")),
        ({"dateRangeType": "between", "value": ["2025-03-01T00:00:00", "2025-03-05"]}, ("2025-03-01", "2025-03-05")),
        ({"dateRangeType": "since", "value": "2025-03-30"}, ("2025-03-30", "2025-03-31")),
        ({"dateRangeType": "on", "value": "2025-03-30"}, ("2025-03-30", "2025-03-30")),
        ({"dateRangeType": "in the last", "window": {"unit": "day", "value": 30}}, ("2025-03-02", "2025-03-31")),
        ({"dateRangeType": "in the last", "window": {"unit": "week", "value": 2}}, ("2025-03-18", "2025-03-31")),
        ({"dateRangeType": "in the last", "window": {"unit": "month", "value": 1}}, ("2025-03-01", "2025-03-31")),
        ({"dateRangeType": "in the last", "window": {"unit": "hour", "value": 3}}, ("2025-03-30", "2025-03-31")),
        ({"unit": "day", "value": 7}, ("2025-03-25", "2025-03-31")),
    ],
)
def test_days(time: dict[str, Any], expected: tuple[str, str]) -> None:
    wanted = bookmark(metric("buy"))
    wanted["sections"]["time"] = [{"unit": "day", **time}]
    buckets = asked(wanted).insights.axis.buckets
    assert (buckets.from_date.isoformat(), buckets.to_date.isoformat()) == expected


@pytest.mark.parametrize(
    ("unit", "chart", "expected"),
    [
        ("day", "line", (Unit.DAY, Joined.NOTHING)),
        ("hour", "column", (Unit.HOUR, Joined.NOTHING)),
        ("quarter", "line", (Unit.MONTH, Joined.QUARTER)),
        ("year", "stacked-line", (Unit.MONTH, Joined.YEAR)),
        ("month", "bar", (Unit.DAY, Joined.ALL)),
        ("day", "table", (Unit.DAY, Joined.ALL)),
    ],
)
def test_units_and_charts(unit: str, chart: str, expected: tuple[Unit, Joined]) -> None:
    axis = asked(bookmark(metric("buy"), unit=unit, chart=chart)).insights.axis
    assert (axis.buckets.unit, axis.joined) == expected


def test_operands_of_a_formula_are_the_metrics_or_its_own() -> None:
    hidden = [metric("a") | {"isHidden": True}, metric("b") | {"isHidden": True}]
    question = asked(bookmark(*hidden, formula("A / B"), formula("A", [metric("c")], name="C")))
    assert [each.metric.selectors[0].event for each in question.metrics] == ["a", "b", "c"]
    assert [(each.name, list(each.operands)) for each in question.series] == [("A / B", [0, 1]), ("C", [2])]


def test_series_of_one_name_get_numbers() -> None:
    names = [each.name for each in asked(bookmark(metric("a"), metric("a"), metric("a", name="b"))).series]
    assert names == ["a [Total Events]", "a [Total Events] (2)", "b"]


def test_an_analysis_holds_for_values_in_time_alone() -> None:
    rolling: dict[str, Any] = {"analysis": "rolling", "rollingWindowSize": 7}
    [over_time] = asked(bookmark(metric("a"), **rolling)).metrics
    [over_range] = asked(bookmark(metric("a"), chart="bar", **rolling)).metrics
    assert (over_time.analysis, over_time.window) == (Analysis.ROLLING, 7)
    assert over_range.analysis is Analysis.LINEAR


@pytest.mark.parametrize(
    ("clause", "kept"),
    [
        (filtered("p", "equals", ["x"]), ['"x"', '["x","y"]']),
        (filtered("p", "does not equal", ["x"]), ['""', "null", "1", "[]", '["y"]', None]),
        (filtered("p", "contains", "x"), ['"x"', '"axe"', '["x","y"]', '["axe"]']),
        (filtered("p", "starts with", "a"), ['"axe"', '["axe"]']),
        (filtered("p", "ends with", "x"), ['"x"', '["x","y"]']),
        (filtered("p", "is set"), ['""', '"x"', '"axe"', "1", "[]", '["x","y"]', '["axe"]', '["y"]', '"2025-03-31"']),
        (filtered("p", "is not set"), ["null", None]),
        (filtered("p", "is at least", 1, "number"), ["1"]),
        (filtered("p", "was on", "2025-03-31", "datetime"), ['"2025-03-31"']),
        (filtered("p", "was in the", 1, "datetime", filterDateUnit="day"), ['"2025-03-31"']),
        (filtered("p", "was in the", 11, "datetime", filterDateUnit="hour"), []),
        (filtered("p", "was since", "2025-04-01", "datetime"), []),
        (filtered("p", "was in the next", 1, "datetime", filterDateUnit="day"), []),
    ],
)
def test_filters_mean(clause: dict[str, Any], kept: list[str | None]) -> None:
    found = filters_expression([converted(clause, FilterClause, "filter")], "all", CALENDAR, "filter")
    assert found is not None
    given = ['""', '"x"', '"axe"', "null", "1", "[]", '["x","y"]', '["axe"]', '["y"]', '"2025-03-31"', None]
    if clause["filterOperator"] in ("does not equal",):
        kept = [*kept, '"axe"', '["axe"]', '"2025-03-31"']
    rows = {text: Row({} if text is None else {"p": from_json(text)}, {}, Moment(0), "e") for text in given}
    assert {text for text, row in rows.items() if evaluate(found, row) is True} == set(kept)


@pytest.mark.parametrize(
    ("unit", "count", "message"),
    [
        ("fortnight", 1, "w.unit must be one of hour, day, week, month, quarter, year, not 'fortnight'"),
        ("day", 0, "w.value must be a whole number from 1 to 3660"),
        ("day", True, "w.value must be a whole number from 1 to 3660"),
        ("year", 2000, "Error in w: invalid date, bad year"),
    ],
)
def test_ranges_are_refused(unit: str, count: int, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        last(unit, count, TODAY, "w")
    assert str(refused.value) == message


def test_days_are_refused() -> None:
    for value in ("2025-02-30", "20250301", None, 5):
        with pytest.raises(RequestError, match="d must be a date as yyyy-mm-dd"):
            bookmark_day(value, "d")
    with pytest.raises(RequestError, match="r must begin before it ends, and not after today"):
        between(date(2025, 4, 1), date(2025, 4, 2), TODAY, "r")


def test_every_path_of_a_refusal_begins_with_the_parameter() -> None:
    wanted = bookmark(metric("a") | {"behavior": {"name": 5}})
    with pytest.raises(RequestError) as refused:
        asked(wanted)
    assert str(refused.value) == "Expected `str | null`, got `int` at bookmark.sections.show.0.behavior.name"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wanted, Bookmark)


def test_an_answer_has_a_million_values_at_most() -> None:
    groups = [grouped("a"), grouped("b")]
    many = bookmark(metric("x"), metric("y"), days=["2025-01-01", "2025-01-31"], unit="hour", groups=groups)
    assert asked(many).insights.limit == 1_000_000 // (31 * 24 * 2 * 2)
    assert asked(bookmark(metric("x"), groups=groups)).insights.limit == 3000


def test_a_funnel() -> None:
    behavior = {
        "type": "funnel",
        "behaviors": [{"name": "a"}, {"name": "b", "renamed": "B", "filters": [filtered("p", "is set")]}],
        "conversionWindowDuration": 2,
        "conversionWindowUnit": "week",
        "funnelReentryMode": "optimized",
        "exclusions": [{"event": "x", "steps": {"from": 1, "to": 2}}],
        "aggregateBy": [{"value": "session", "resourceType": "events"}],
    }
    show = {"behavior": behavior, "measurement": {"math": "total"}}
    wanted = converted(bookmark(show, chart="funnel-steps"), Bookmark, "bookmark")
    question = read_funnel_bookmark(wanted, 1, CALENDAR, 7).question
    funnel = question.funnel
    assert [(step.selector.event, step.label) for step in funnel.steps] == [("a", "a"), ("b", "B")]
    assert funnel.steps[0].selector.where is None and funnel.steps[1].selector.where is not None
    assert (funnel.window_ms, funnel.counted, funnel.order) == (14 * 86_400_000, Count.GENERAL, Order.LOOSE)
    assert (funnel.reentry, funnel.exclusions) == (Reentry.OPTIMIZED, [Exclusion(Selector("x"), 1, 2)])
    [held] = funnel.held
    assert isinstance(held, Property) and held.name == "session"
    assert (question.buckets.keys(), question.limit) == (["2025-03-01"], 7)
