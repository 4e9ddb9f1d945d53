"""A form as a bookmark: the API reads each, and what does not fit together says so."""

import json
from datetime import date

import pytest
from starlette.datastructures import QueryParams

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


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_api_reads_every_operator(operator: str) -> None:
    asked = bookmark(f"event=a&where=n&is={operator}&value=3")
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
        ("event=a&range=90&unit=hour", f"more than {TREND_BUCKETS_MAX} hours: choose fewer days or a longer unit"),
        ("event=a&range=custom&from=2020-01-01&to=2026-01-01", f"more than {TREND_BUCKETS_MAX} days"),
    ],
)
def test_what_does_not_fit_together_says_so(query: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        bookmark(query)
