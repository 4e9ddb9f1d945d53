"""The form of a funnel: what an address holds, and what it must not."""

import pytest
from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.date_range import Range
from trackway.web.funnel_form import ExclusionForm, FunnelForm, read_funnel
from trackway.web.report_breakdown import Breakdown
from trackway.web.report_event import EventForm
from trackway.web.report_filter import Filter


def form(query: str) -> FunnelForm:
    return read_funnel(QueryParams(query))


def test_an_empty_address_has_no_steps_and_a_window_of_two_weeks() -> None:
    assert form("") == FunnelForm([], "14", "day", "unique", "loose", "first", [], Breakdown(), [], Range("30", "", ""))


def test_each_step_has_its_own_filters_and_an_empty_one_is_left_out() -> None:
    found = form(
        "event1=+view&where1=a&is1=is&value1=1&where1=&is1=is&value1=&event2=&event3=buy&where3=b&is3=set&value3="
        "&where=c&is=above&value=2"
    )
    assert found.steps == [EventForm(" view", [Filter("a", "is", "1")]), EventForm("buy", [Filter("b", "set", "")])]
    assert found.filters == [Filter("c", "above", "2")]


def test_exclusions_have_the_steps_that_they_are_between() -> None:
    found = form("exclude=return&after=1&before=2&exclude=&after=&before=&exclude=call&after=&before=")
    assert found.exclusions == [ExclusionForm("return", "1", "2"), ExclusionForm("call", "", "")]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("window_unit=year", "window_unit must be one of minute"),
        ("counted=all", "counted must be one of unique"),
        ("order=any+order", "order must be one of loose"),
        ("reentry=never", "reentry must be one of first"),
        ("range=8", "range must be one of today"),
        ("event1=a&where1=a&is1=like&value1=b", "is1 must be one of is"),
        ("event1=" + "x" * 256, "event1 must have at most"),
        ("&".join("where1=a&is1=set&value1=" for _ in range(4)), "an event has at most 3 filters"),
        ("&".join("exclude=a&after=&before=" for _ in range(4)), "at most 3 exclusions"),
        ("&".join("where=a&is=set&value=" for _ in range(7)), "and 6 filters"),
    ],
)
def test_other_words_and_too_many_fields_are_refused(query: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        form(query)
