"""A funnel's form as a bookmark: the API reads each, and what does not fit together says so."""

import json
from datetime import date

import pytest
from starlette.datastructures import QueryParams

from tests.support.web.filter_values import VALUES
from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.funnels import FunnelAsked
from trackway.edge.api.reports.insights import INSIGHTS_REPORT
from trackway.projects.project import Project
from trackway.query.expressions import Property
from trackway.query.reports.funnel import Count, FunnelQuestion, Order, Reentry
from trackway.web.funnel_bookmark import funnel_bookmark
from trackway.web.funnel_form import COUNTS, ORDERS, REENTRIES, WINDOW_UNITS, read_funnel
from trackway.web.report_filter import OPERATORS, WHOSE

PROJECT = Project(1, "Shop", "t" * 32, "s" * 32, "us", 0)
TODAY = date(2026, 3, 1)
DAY_MS = 86_400_000
STEPS = "event1=view&event2=cart&event3=buy"


def question(query: str) -> FunnelQuestion:
    bookmark = funnel_bookmark(read_funnel(QueryParams(query)), TODAY)
    wanted = INSIGHTS_REPORT.parse({"bookmark": json.dumps(bookmark)}, PROJECT)
    assert isinstance(wanted, FunnelAsked)
    return wanted.question


@pytest.mark.parametrize("counted", COUNTS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("reentry", REENTRIES)
def test_the_api_reads_every_choice(counted: str, order: str, reentry: str) -> None:
    asked = question(f"{STEPS}&counted={counted}&order={order}&reentry={reentry}&by=plan&range=7")
    assert [step.selector.event for step in asked.funnel.steps] == ["view", "cart", "buy"]
    assert asked.funnel.counted is Count(counted)
    assert asked.funnel.order is Order(order) and asked.funnel.reentry is Reentry(reentry)
    assert (asked.buckets.to_date - asked.buckets.from_date).days == 6 and len(asked.buckets.keys()) == 1


@pytest.mark.parametrize(
    ("unit", "window_ms"),
    [*zip(WINDOW_UNITS, [180_000, 3 * 3_600_000, 3 * DAY_MS, 21 * DAY_MS, 90 * DAY_MS], strict=True)],
)
def test_the_window_has_its_unit(unit: str, window_ms: int) -> None:
    assert question(f"{STEPS}&window=3&window_unit={unit}").funnel.window_ms == window_ms


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_api_reads_every_operator_at_a_step_and_at_all_steps(operator: str) -> None:
    value = VALUES[operator]
    asked = question(f"{STEPS}&where2=n&is2={operator}&value2={value}&where=m&is={operator}&value={value}")
    assert [step.selector.where is None for step in asked.funnel.steps] == [True, False, True]
    assert asked.where is not None


@pytest.mark.parametrize("whose", WHOSE)
def test_a_breakdown_is_by_a_property_of_the_event_or_of_the_user(whose: str) -> None:
    on = question(f"{STEPS}&by=plan&by_whose={whose}").on
    assert isinstance(on, Property) and on.of_user is (whose == "user")


def test_an_exclusion_is_between_its_steps_or_the_first_and_the_last() -> None:
    found = question(f"{STEPS}&exclude=a&after=2&before=&exclude=b&after=&before=2").funnel.exclusions
    assert [(each.selector.event, each.begin, each.end) for each in found] == [("a", 2, 3), ("b", 1, 2)]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("event1=a", "a funnel needs at least two steps"),
        (f"{STEPS}&window=soon", "the time to convert must be a whole number above 0, not 'soon'"),
        (f"{STEPS}&window=²", "must be a whole number above 0"),
        (
            f"{STEPS}&window=99&window_unit=month",
            "to convert must be from 2 seconds to 367 days, not 99 months",
        ),
        (f"{STEPS}&window=0", "the time to convert must be a whole number above 0"),
        (f"{STEPS}&exclude=a&after=3&before=2", "a must be excluded from one step to a later one, of 1 to 3"),
        (f"{STEPS}&exclude=a&after=&before=4", "from one step to a later one"),
        (f"{STEPS}&exclude=a&after=&before=&order=any", "exclusions and order any cannot be combined"),
        (f"{STEPS}&where2=n&is2=above&value2=many", "n is compared with a number"),
    ],
)
def test_what_does_not_fit_together_says_so(query: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        question(query)
