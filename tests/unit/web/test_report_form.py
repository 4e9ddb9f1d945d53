"""The form of a report: what an address holds, and what it must not."""

import pytest
from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.limits import FILTER_CHARACTERS_MAX, TREND_EVENTS_MAX
from trackway.web.report_filter import Filter
from trackway.web.report_form import ReportForm, read_form


def form(query: str) -> ReportForm:
    return read_form(QueryParams(query))


def test_an_empty_address_is_the_last_thirty_days_as_a_line() -> None:
    assert form("") == ReportForm([], "total", "", "", [], "30", "", "", "day", "line")


def test_names_and_values_keep_their_blanks_and_a_row_of_blanks_is_empty() -> None:
    found = form("event=+a&event=++&where=b+&is=is&value=+c&where=+&is=is&value=d")
    assert found.events == [" a"]
    assert found.filters == [Filter("b ", "is", " c")]


def test_rows_without_a_name_are_left_out_and_the_others_keep_their_fields() -> None:
    found = form(
        "event=a&event=&event=b&event=a&where=&is=is&value=x&where=plan&is=not+set&value=&where=n&is=above&value=3"
    )
    assert found.events == ["a", "b"]
    assert found.filters == [Filter("plan", "not set", ""), Filter("n", "above", "3")]


def test_a_second_breakdown_without_a_first_one_is_the_first() -> None:
    found = form("event=a&by=&by_whose=event&by2=plan&by2_whose=user")
    assert (found.by, found.by_whose, found.by2, found.by2_whose) == ("plan", "user", "", "event")


def test_a_filter_may_be_of_the_user() -> None:
    found = form("where=a&is=is&value=1&whose=event&where=b&is=is&value=2&whose=user")
    assert [each.whose for each in found.filters] == ["event", "user"]
    assert [each.whose for each in form("where=a&is=is&value=1").filters] == ["event"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("measure=mode", "measure must be one of total, unique"),
        ("range=8", "range must be one of today"),
        ("unit=minute", "unit must be one of hour"),
        ("where=a&is=is&value=b&whose=mine", "whose must be one of event, user"),
        ("by=a&by_whose=mine", "by_whose must be one of event, user"),
        ("chart=pie", "chart must be one of line"),
        ("where=a&is=like&value=b", "is must be one of is, is not"),
        ("&".join(f"event={n}" for n in range(TREND_EVENTS_MAX + 1)), "a report has at most"),
        ("by=" + "x" * (FILTER_CHARACTERS_MAX + 1), "by must have at most"),
    ],
)
def test_other_words_and_too_many_fields_are_refused(query: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        form(query)
