"""The form of the page of users, from the address, and as a cohort."""

from typing import Any

import pytest
from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.people_form import COLUMNS, ID, PEOPLE_OPERATORS, cohort_of, read_people
from trackway.web.report_filter import OPERATORS


def read(text: str) -> Any:
    return read_people(QueryParams(text))


def test_an_empty_address_lists_everybody() -> None:
    form = read("")
    assert (form.is_search, form.columns, form.sort, form.descending, form.first) == (False, [*COLUMNS], ID, False, 0)


def test_fields_are_read_and_empty_rows_left_out() -> None:
    form = read("search=+Ann+&cohort=3&where=plan&is=is&value=5&where=&is=set&value=&column=a&column=&column=a&page=3")
    assert (form.search, form.cohort, form.columns, form.first) == ("Ann", 3, ["a"], 100)
    assert [each.name for each in form.filters] == ["plan"]


def test_a_search_is_a_cohort_of_the_same_conditions() -> None:
    form = read("search=Ann&cohort=3&where=plan&is=is&value=5&where=age&is=above&value=7&where=x&is=not+set&value=")
    assert cohort_of(form) == {
        "selector": {
            "operator": "and",
            "children": [
                {"property": "user", "value": "plan", "operator": "==", "operand": ["5", 5.0]},
                {"property": "user", "value": "age", "operator": ">", "operand": 7.0},
                {"property": "user", "value": "x", "operator": "not defined"},
                {"property": "search", "operator": "in", "operand": "Ann"},
                {"property": "cohort", "value": 3, "operator": "in"},
            ],
        }
    }


def test_two_numbers_and_days_are_conditions_that_a_cohort_knows() -> None:
    form = read("where=age&is=between&value=7+to+9&where=se%22en&is=since&value=2026-03-01")
    assert cohort_of(form)["selector"]["children"] == [
        {"property": "user", "value": "age", "operator": ">=", "operand": 7.0},
        {"property": "user", "value": "age", "operator": "<=", "operand": 9.0},
        'datetime(user["se\\"en"]) >= datetime("2026-03-01")',
    ]


def test_every_operator_of_filters_is_known_here() -> None:
    assert PEOPLE_OPERATORS.keys() == OPERATORS.keys()


def test_everybody_is_no_cohort() -> None:
    with pytest.raises(RequestError, match="a cohort needs a search"):
        cohort_of(read("column=a&sort=a"))
