"""A form of retention as a bookmark: the API reads each, and what does not fit together says so."""

import json
from datetime import date

import pytest
from starlette.datastructures import QueryParams

from tests.support.web.filter_values import VALUES
from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.retention import RetentionQuestion
from trackway.edge.api.reports.insights import INSIGHTS_REPORT
from trackway.projects.project import Project
from trackway.query.expressions import Property
from trackway.query.reports.retention import Retention
from trackway.query.sql.days import Unit
from trackway.web.report_filter import OPERATORS, WHOSE
from trackway.web.retention_bookmark import retention_bookmark
from trackway.web.retention_form import KINDS, RETURNS, UNITS, WINDOWS, read_retention_form

PROJECT = Project(1, "Shop", "t" * 32, "s" * 32, "us", 0)
TODAY = date(2026, 3, 1)


def question(query: str) -> Retention:
    bookmark = retention_bookmark(read_retention_form(QueryParams(query)), TODAY)
    wanted = INSIGHTS_REPORT.parse({"bookmark": json.dumps(bookmark)}, PROJECT)
    assert isinstance(wanted, RetentionQuestion)
    return wanted.retention


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("returns", RETURNS)
def test_the_api_reads_every_choice(kind: str, window: str, unit: str, returns: str) -> None:
    asked = question(
        f"event1=a&event2=b&kind={kind}&window={window}&unit={unit}&returns={returns}&periods=3&by=plan&range=30"
    )
    assert asked.born.once is (kind == "birth")
    assert (asked.born.born.event, asked.born.returning.event) == ("a", "b" if kind == "birth" else "a")
    windows = asked.windows
    assert (windows.unit, windows.rolling, [*windows.ends]) == (Unit(unit), window == "rolling", [1, 2, 3, 4])
    assert windows.unbounded is (returns == "from")


@pytest.mark.parametrize("whose", WHOSE)
def test_a_breakdown_is_by_a_property_of_the_event_or_of_the_user(whose: str) -> None:
    on = question(f"event1=a&by=plan&by_whose={whose}").born.on
    assert isinstance(on, Property) and on.of_user is (whose == "user")


def test_without_a_second_event_any_is_a_return() -> None:
    assert question("event1=a").born.returning.is_any


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_api_reads_every_operator_at_an_event_and_at_both(operator: str) -> None:
    asked = question(f"event1=a&where2=n&is2={operator}&value2={VALUES[operator]}")
    assert asked.born.born.where is None and asked.born.returning.where is not None
    asked = question(f"event1=a&where=n&is={operator}&value={VALUES[operator]}")
    assert asked.born.born.where is not None and asked.born.returning.where is not None


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "choose the event that users begin with"),
        ("event1=a&periods=x", "the number of periods must be a whole number above 0"),
        ("event1=a&periods=32", "the number of periods must be at most 31"),
        ("event1=a&range=custom&from=2025-01-01&to=2025-12-31", "more than 100 days: choose fewer days"),
        ("event1=a&range=custom&from=2025-01-01&to=2024-12-31", "must not be after"),
    ],
)
def test_what_does_not_fit_together_says_so(query: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        question(query)


def test_a_compounded_bookmark_of_two_events_is_refused() -> None:
    bookmark = retention_bookmark(read_retention_form(QueryParams("event1=a&event2=b")), TODAY)
    bookmark["sections"]["show"][0]["behavior"]["retentionType"] = "compounded"
    with pytest.raises(RequestError, match="must be the same event twice for compounded"):
        INSIGHTS_REPORT.parse({"bookmark": json.dumps(bookmark)}, PROJECT)
