"""A form of flows as a bookmark: the API reads each, and what does not fit together says so."""

import json
from datetime import date

import pytest
from starlette.datastructures import QueryParams

from tests.support.web.filter_values import VALUES
from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.flows import FlowAsked
from trackway.edge.api.reports.flows import FLOWS_REPORT
from trackway.edge.api.reports.parameters import today
from trackway.projects.project import Project
from trackway.query.reports.flow import Count, FlowQuestion
from trackway.web.date_range import RANGES
from trackway.web.flow_bookmark import flow_bookmark
from trackway.web.flow_form import COUNTS, REPEATS, WINDOW_UNITS, read_flow
from trackway.web.report_filter import OPERATORS, WHOSE

PROJECT = Project(1, "Shop", "t" * 32, "s" * 32, "us", 0)


def question(query: str) -> FlowQuestion:
    form = read_flow(QueryParams(query))
    bookmark = flow_bookmark(form, today(PROJECT), 6)
    wanted = FLOWS_REPORT.parse({"bookmark": json.dumps(bookmark)}, PROJECT)
    assert isinstance(wanted.flows, FlowAsked) and wanted.flows.shown_max == 6
    return wanted.flows.question


@pytest.mark.parametrize("unit", WINDOW_UNITS)
@pytest.mark.parametrize("counted", COUNTS)
@pytest.mark.parametrize("repeats", REPEATS)
def test_the_api_reads_every_choice(unit: str, counted: str, repeats: str) -> None:
    unit = "session" if counted == "session" else unit
    asked = question(
        f"event1=a&after=2&before=1&window=3&window_unit={unit}&counted={counted}&repeats={repeats}&hide=b"
    )
    [anchor] = asked.anchors
    assert (anchor.selector.event, anchor.forward, anchor.reverse) == ("a", 2, 1)
    assert (asked.counted, asked.collapses, asked.hidden) == (Count(counted), repeats == "one", frozenset("b"))
    assert (asked.window_ms is None) is (unit == "session")


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_api_reads_every_operator_at_the_event_and_at_all(operator: str) -> None:
    value = VALUES[operator]
    asked = question(f"event1=a&where1=n&is1={operator}&value1={value}&where=m&is={operator}&value={value}")
    assert asked.anchors[0].selector.where is not None and asked.where is not None


@pytest.mark.parametrize("whose", WHOSE)
@pytest.mark.parametrize("operator", OPERATORS)
def test_a_filter_of_the_event_means_what_one_of_all_events_means(operator: str, whose: str) -> None:
    given = f"is{{0}}={operator}&value{{0}}={VALUES[operator]}&where{{0}}=n&whose{{0}}={whose}"
    asked = question(f"event1=a&{given.format(1)}&{given.format('')}")
    assert repr(asked.anchors[0].selector.where) == repr(asked.where), operator


@pytest.mark.parametrize("name", [name for name in RANGES if name != "custom"])
def test_the_days_are_those_of_the_range(name: str) -> None:
    form = read_flow(QueryParams(f"event1=a&range={name}"))
    asked, present = question(f"event1=a&range={name}"), today(PROJECT)
    assert (asked.days.from_date, asked.days.to_date) == form.range.days(present)


def test_a_custom_range_stays_as_it_is() -> None:
    asked = question("event1=a&range=custom&from=2025-03-01&to=2025-03-02")
    assert (asked.days.from_date, asked.days.to_date) == (date(2025, 3, 1), date(2025, 3, 2))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "choose the event that flows begin with"),
        ("event1=a&after=0", "choose how many events to show"),
        ("event1=a&window=x", "the time that a flow goes on must be a whole number above 0"),
        ("event1=a&window=60&window_unit=week", "from 2 seconds to 367 days"),
        ("event1=a&counted=session", "sessions are counted within one session"),
    ],
)
def test_what_does_not_fit_together_says_so(query: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        question(query)
