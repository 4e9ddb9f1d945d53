"""The form of flows: what an address holds, and what it must not."""

import pytest
from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.date_range import Range
from trackway.web.flow_form import FlowForm, read_flow
from trackway.web.report_event import EventForm
from trackway.web.report_filter import Filter


def form(query: str) -> FlowForm:
    return read_flow(QueryParams(query))


def test_an_empty_address_is_three_events_after_within_a_week() -> None:
    assert form("") == FlowForm(EventForm("", []), "3", "0", "unique", "7", "day", "one", [], [], Range("30", "", ""))


def test_the_event_and_all_events_have_filters_and_some_are_hidden() -> None:
    found = form("event1=a&where1=x&is1=is&value1=1&hide=b&hide=&hide=c&where=z&is=set&value=&repeats=each")
    assert found.event == EventForm("a", [Filter("x", "is", "1")])
    assert (found.hidden, found.filters, found.repeats) == (["b", "c"], [Filter("z", "set", "")], "each")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("after=6", "after must be one of 0"),
        ("before=x", "before must be one of 0"),
        ("counted=all", "counted must be one of unique"),
        ("window_unit=month", "window_unit must be one of minute"),
        ("repeats=no", "repeats must be one of one"),
        ("&".join("hide=a" for _ in range(6)), "at most 5 hidden events and 6 filters"),
    ],
)
def test_other_words_and_too_many_fields_are_refused(query: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        form(query)
