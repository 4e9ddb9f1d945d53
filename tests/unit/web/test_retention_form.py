"""The form of retention: what an address holds, and what it must not."""

import pytest
from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.date_range import Range
from trackway.web.report_breakdown import Breakdown
from trackway.web.report_event import EventForm
from trackway.web.report_filter import Filter
from trackway.web.retention_form import RetentionForm, read_retention_form


def form(query: str) -> RetentionForm:
    return read_retention_form(QueryParams(query))


def test_an_empty_address_is_any_return_within_seven_days() -> None:
    assert form("") == RetentionForm(
        EventForm("", []), EventForm("", []), "birth", "rolling", "day", "7", "in", Breakdown(), [], Range("30", "", "")
    )


def test_each_event_has_its_own_filters() -> None:
    found = form("event1=a&where1=x&is1=is&value1=1&event2=b&where2=y&is2=set&value2=&where=z&is=below&value=3&by=plan")
    assert found.born == EventForm("a", [Filter("x", "is", "1")])
    assert found.returning == EventForm("b", [Filter("y", "set", "")])
    assert (found.filters, found.by) == ([Filter("z", "below", "3")], Breakdown("plan"))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("kind=first", "kind must be one of birth"),
        ("window=fixed", "window must be one of rolling"),
        ("unit=hour", "unit must be one of day"),
        ("returns=never", "returns must be one of in"),
        ("&".join("where=a&is=set&value=" for _ in range(7)), "at most 6 filters"),
        ("&".join("where2=a&is2=set&value2=" for _ in range(4)), "an event has at most 3 filters"),
    ],
)
def test_other_words_and_too_many_fields_are_refused(query: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        form(query)
