"""The way back from a bookmark to its form: each form is found again, and no document is taken for another."""

import json
from copy import deepcopy
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.bookmark_form import NotExpressible, form_of, query_of
from trackway.web.date_range import RANGES
from trackway.web.report_bookmark import bookmark_of
from trackway.web.report_filter import OPERATORS, Filter
from trackway.web.report_form import CHARTS, MEASURES, OF_PROPERTY, UNITS, ReportForm, read_form

TODAY = date(2026, 3, 1)
NAMES = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=8)
FULL_NAMES = NAMES.filter(lambda name: bool(name.strip()))
VALUES = {
    "is": NAMES,
    "is not": NAMES,
    "contains": NAMES.filter(bool),
    "above": st.integers(-(10**9), 10**9).map(str),
    "below": st.integers(-(10**9), 10**9).map(str),
    "between": st.tuples(st.integers(), st.integers()).map(lambda two: f"{two[0] % 10**6} to {two[1] % 10**6}"),
    "since": st.dates().map(str),
    "before": st.dates().map(str),
    "set": st.just(""),
    "not set": st.just(""),
}
WHOSE = st.sampled_from(["event", "user"])
FILTERS = st.one_of(
    *(
        st.tuples(FULL_NAMES, st.just(word), value, WHOSE).map(lambda row: Filter(*row))
        for word, value in VALUES.items()
    )
)
FORMS = st.tuples(
    st.lists(FULL_NAMES, min_size=1, max_size=3, unique=True),
    st.sampled_from(list(MEASURES)),
    st.just("amount"),
    NAMES,
    st.lists(FILTERS, max_size=3),
    st.sampled_from(list(RANGES)),
    st.just("2026-02-01"),
    st.just("2026-02-05"),
    st.sampled_from(list(UNITS)),
    st.sampled_from(list(CHARTS)),
    WHOSE,
    NAMES,
    WHOSE,
    WHOSE,
    st.sampled_from(["", "A", "2 * A", "A / B"]),
    st.sampled_from(["", "2", "7"]),
    st.sampled_from(["", "before"]),
).map(lambda row: ReportForm(*row))


def saved(form: ReportForm) -> str:
    return json.dumps(bookmark_of(form, TODAY))


@given(FORMS)
def test_every_form_is_found_again(form: ReportForm) -> None:
    form = read_form(QueryParams(query_of(form)))
    try:
        text = saved(form)
    except RequestError:  # such as too many hours, or a formula of more events
        return
    found = form_of(text, TODAY)
    assert saved(found) == text
    needless: dict[str, Any] = {"first": "", "last": "", "property": "", "property_whose": "event"}
    if form.range == "custom":
        del needless["first"], needless["last"]
    if form.measure in OF_PROPERTY:
        del needless["property"], needless["property_whose"]
    assert found == form._replace(**needless)


def test_the_operators_are_all_tried() -> None:
    assert VALUES.keys() == OPERATORS.keys()


OF_A_CLIENT: dict[str, Any] = {
    "sections": {
        "show": [
            {
                "type": "metric",
                "behavior": {
                    "type": "event",
                    "name": "Login",
                    "resourceType": "events",
                    "filtersDeterminer": "all",
                    "filters": [],
                },
                "measurement": {"math": "unique", "property": None, "perUserAggregation": None},
            }
        ],
        "time": [{"dateRangeType": "in the last", "unit": "day", "window": {"unit": "day", "value": 7}}],
        "filter": [
            {
                "propertyName": "plan",
                "resourceType": "event",
                "filterType": "string",
                "filterOperator": "equals",
                "filterValue": ["pro"],
                "determiner": "all",
            }
        ],
        "group": [{"value": "country", "resourceType": "events", "propertyType": "string"}],
        "formula": [],
    },
    "displayOptions": {"chartType": "line", "plotStyle": "standard", "analysis": "linear", "value": "absolute"},
}

IN_COHORT = {"value": "$cohorts", "filterOperator": "contains", "filterValue": [{"cohort": {"id": 1}}]}
IS_SET = {"value": "plan", "filterOperator": "is set"}


def test_a_document_of_a_client_that_the_form_can_hold_is_opened() -> None:
    found = form_of(json.dumps(OF_A_CLIENT), TODAY)
    assert found == ReportForm(
        ["Login"], "unique", "", "country", [Filter("plan", "is", "pro")], "7", "", "", "day", "line"
    )


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        (("sections", "show", 0, "measurement", "math"), "dau", "sections.show.0.measurement.math"),
        (("sections", "show", 0, "behavior", "filters"), [IS_SET], "0.behavior.filters"),
        (("sections", "show", 0, "name"), "Visits", "sections.show.0.name"),
        (("sections", "filter", 0, "filterValue"), ["pro", "team"], "sections.filter.0.filterValue"),
        (("sections", "filter", 0, "filterValue"), [5], "sections.filter.0.filterValue"),
        (("sections", "filter", 0, "filterOperator"), "starts with", "sections.filter.0.filterOperator"),
        (("sections", "filter", 0), IN_COHORT, "sections.filter.0.filterValue"),
        (("sections", "time", 0, "window", "value"), 14, "sections.time.0.window.value"),
        (("sections", "time", 0, "unit"), "quarter", "unit must be one of"),
        (("displayOptions", "chartType"), "pie", "displayOptions.chartType"),
        (("displayOptions", "more"), 1, "Extra inputs are not permitted at the definition.displayOptions.more"),
        (("sections", "show"), [], "it names no event"),
    ],
)
def test_what_the_form_cannot_hold_is_named(at: tuple[Any, ...], value: Any, said: str) -> None:
    document = deepcopy(OF_A_CLIENT)
    part = document
    for key in at[:-1]:
        part = part[key]
    part[at[-1]] = value
    with pytest.raises(NotExpressible) as refused:
        form_of(json.dumps(document), TODAY)
    assert said in str(refused.value)


def test_what_is_no_bookmark_is_refused() -> None:
    with pytest.raises(NotExpressible, match=r"Field required at the definition\.sections"):
        form_of('{"steps": [{"event": "View"}]}', TODAY)
