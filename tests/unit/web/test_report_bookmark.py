"""A form as a bookmark: the API reads each, and what does not fit together says so."""

import json
from datetime import date

import pytest
from starlette.datastructures import QueryParams

from tests.support.web.filter_values import VALUES
from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.insights import Question
from trackway.edge.api.reports.insights import INSIGHTS_REPORT
from trackway.projects.project import Project
from trackway.web.limits import TREND_BUCKETS_MAX
from trackway.web.report_bookmark import Bookmark, bookmark_of
from trackway.web.report_filter import OPERATORS
from trackway.web.report_form import CHARTS, MEASURES, UNITS, read_form

PROJECT = Project(1, "Shop", "t" * 32, "s" * 32, "us", 0)
TODAY = date(2026, 3, 1)


def bookmark(query: str) -> Bookmark:
    return bookmark_of(read_form(QueryParams(query)), TODAY)


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("measure", MEASURES)
def test_the_api_reads_every_choice(measure: str, unit: str, chart: str) -> None:
    asked = bookmark(f"event=a&event=b&measure={measure}&property=amount&by=plan&range=7&unit={unit}&chart={chart}")
    wanted = INSIGHTS_REPORT.parse({"bookmark": json.dumps(asked)}, PROJECT)
    assert isinstance(wanted, Question)
    assert [each.name for each in wanted.series] == ["a", "b"]


def test_a_formula_is_shown_instead_of_its_events() -> None:
    asked = bookmark("event=a&event=b&formula=A+/+B&by=plan&by_whose=user&by2=country&rolling=7&range=7")
    wanted = INSIGHTS_REPORT.parse({"bookmark": json.dumps(asked)}, PROJECT)
    assert isinstance(wanted, Question)
    assert [each.name for each in wanted.series] == ["A / B"]
    assert wanted.headers == ["$metric", "plan", "country"]
    assert [(each.analysis, each.window) for each in wanted.metrics] == [("rolling", 7)] * 2
    assert [each["resourceType"] for each in asked["sections"]["group"]] == ["people", "events"]


@pytest.mark.parametrize("text", ["10 to 20", "10..20", "10,20", " 10 and 20 "])
def test_two_numbers_are_written_in_several_ways(text: str) -> None:
    [condition] = bookmark(f"event=a&where=n&is=between&value={text}")["sections"]["filter"]
    assert condition["filterValue"] == [10, 20]


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_api_reads_every_operator(operator: str) -> None:
    asked = bookmark(f"event=a&where=n&is={operator}&value={VALUES[operator]}")
    assert INSIGHTS_REPORT.parse({"bookmark": json.dumps(asked)}, PROJECT)


@pytest.mark.parametrize(
    ("text", "values"),
    [("pro", ["pro"]), ("5", ["5", 5.0]), ("true", ["true", True]), ("nan", ["nan"]), ("", [""])],
)
def test_a_value_is_compared_as_a_text_and_as_what_it_spells(text: str, values: list[object]) -> None:
    [condition] = bookmark(f"event=a&where=n&is=is&value={text}")["sections"]["filter"]
    assert condition["filterValue"] == values


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("event=a&measure=sum", "the sum needs a property"),
        ("event=a&where=n&is=above&value=many", "n is compared with a number, not with 'many'"),
        ("event=a&where=n&is=contains&value=", "must not be empty"),
        ("event=a&where=n&is=between&value=10", "between two numbers, such as 10 to 20"),
        ("event=a&where=n&is=since&value=soon", "n is compared with a day, such as 2026-11-30, not 'soon'"),
        ("event=a&formula=A+/+B", "the formula needs 2 events"),
        ("event=a&formula=A+/", "the formula is incomplete"),
        ("event=a&rolling=1", "a rolling average is made of 2 to 366 values"),
        ("event=a&range=90&unit=hour", f"more than {TREND_BUCKETS_MAX} hours: choose fewer days or a longer unit"),
        ("event=a&range=custom&from=2020-01-01&to=2026-01-01", f"more than {TREND_BUCKETS_MAX} days"),
    ],
)
def test_what_does_not_fit_together_says_so(query: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        bookmark(query)
