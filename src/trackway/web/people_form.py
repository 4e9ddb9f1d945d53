"""The form of the page of users: what a visitor chose, from the address, and the same as the definition of a cohort.

Every choice is in the address. A cohort that is saved from a search has the same conditions, so it finds the same
people.
"""

import json
from typing import Any, Final, NamedTuple

from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.limits import PEOPLE_COLUMNS_MAX, PEOPLE_FILTERS_MAX, PEOPLE_LISTED_MAX, PEOPLE_ROWS
from trackway.web.report_fields import choice_of, one_of, text_of, texts_of
from trackway.web.report_filter import OPERATORS, WITHOUT_VALUE, Filter, filter_clause, read_filters
from trackway.web.saved_report import id_of

COLUMNS: Final = ("$name", "$email", "$city", "$country_code", "$last_seen")
"""The columns of a visitor who has chosen none."""
ORDERS: Final = {"asc": "Ascending", "desc": "Descending"}
ID: Final = "$distinct_id"
_OPERATORS: Final = {
    "is": "==",
    "is not": "!=",
    "contains": "in",
    "above": ">",
    "below": "<",
    "set": "defined",
    "not set": "not defined",
}
"""Operators of a cohort's definition. It has none for days, and none for two numbers at once."""
_DAYS: Final = {"since": ">=", "before": "<"}
PEOPLE_OPERATORS: Final = {name: OPERATORS[name] for name in (*_OPERATORS, "between", *_DAYS)}
"""Words in the address, and what a reader sees."""


class PeopleForm(NamedTuple):
    """The fields. `search` is a part of an id, `$name` or `$email`. `cohort`: the id of a saved one. `sort` is a
    property, `$distinct_id` for the order of the ids. `page` counts from 1."""

    search: str
    cohort: int | None
    filters: list[Filter]
    columns: list[str]
    sort: str
    descending: bool
    page: int

    @property
    def is_search(self) -> bool:
        """Whether it leaves anybody out."""
        return bool(self.search or self.cohort or self.filters)

    @property
    def first(self) -> int:
        """The place of the first person of the page, from 0 on."""
        return (self.page - 1) * PEOPLE_ROWS


def read_people(query: QueryParams) -> PeopleForm:
    """The form that an address holds. Raises RequestError 400 for a word that is no choice, and for too many or too
    long fields, and 404 for what cannot be the id of a cohort."""
    filters, columns = read_filters(query), [each for each in texts_of(query, "column") if each.strip()]
    if len(filters) > PEOPLE_FILTERS_MAX or len(columns) > PEOPLE_COLUMNS_MAX:
        raise RequestError(400, f"a list has at most {PEOPLE_FILTERS_MAX} filters and {PEOPLE_COLUMNS_MAX} columns")
    for each in filters:
        one_of("is", each.operator, PEOPLE_OPERATORS)
    cohort = query.get("cohort", "")
    return PeopleForm(
        text_of(query, "search").strip(),
        id_of(cohort, "cohort") if cohort else None,
        filters,
        list(dict.fromkeys(columns)) or list(COLUMNS),
        text_of(query, "sort").strip() or ID,
        choice_of(query, "order", ORDERS, "asc") == "desc",
        _page(query.get("page", "1")),
    )


def conditions_of(form: PeopleForm) -> list[Any]:
    """The filters as conditions of a cohort. Raises RequestError 400 for a value that does not fit its operator."""
    return [each for given in form.filters for each in _conditions(given)]


def cohort_of(form: PeopleForm) -> dict[str, Any]:
    """The search as the definition of a cohort. Raises RequestError 400 for a form that leaves nobody out."""
    if not form.is_search:
        raise RequestError(400, "a cohort needs a search: fill in a field first")
    children = conditions_of(form)
    if form.search:
        children.append({"property": "search", "operator": "in", "operand": form.search})
    if form.cohort is not None:
        children.append({"property": "cohort", "value": form.cohort, "operator": "in"})
    return {"selector": {"operator": "and", "children": children}}


def _conditions(given: Filter) -> list[Any]:
    """A condition, or two that hold together."""
    value = filter_clause(given).get("filterValue")  # knows what a typed value means
    of = {"property": "user", "value": given.name}
    if given.operator in WITHOUT_VALUE:
        return [of | {"operator": _OPERATORS[given.operator]}]
    if given.operator in _DAYS:
        return [f'datetime(user[{json.dumps(given.name)}]) {_DAYS[given.operator]} datetime("{value}")']
    if given.operator == "between":
        assert isinstance(value, list), "two numbers"
        return [of | {"operator": sign, "operand": number} for sign, number in zip((">=", "<="), value, strict=True)]
    return [of | {"operator": _OPERATORS[given.operator], "operand": value}]


def _page(text: str) -> int:
    pages = PEOPLE_LISTED_MAX // PEOPLE_ROWS
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= pages:
        raise RequestError(400, f"page must be a whole number from 1 to {pages}")
    return int(text)
