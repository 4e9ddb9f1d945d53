"""Definitions of cohorts in JSON: the condition that each means, and what is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from trackway.domain.errors import InvalidInput
from trackway.edge.api.reports.bookmarks.cohort_definition import Now, read_cohort
from trackway.edge.limits import COHORT_CONDITIONS_MAX, COHORT_DEPTH_MAX
from trackway.query.expressions import Row, evaluate, from_json, parse
from trackway.query.sql.cohort import Condition, Did, Has, Junction, Not
from trackway.query.sql.days import Days

NOW = Now(Days("America/New_York"), int(datetime(2026, 11, 29, 3, 0, tzinfo=UTC).timestamp() * 1000))
"""There it is ten in the evening of the day before."""


def ms(day: int, month: int = 11) -> int:
    """The midnight of a day in New York, in winter time."""
    return int(datetime(2026, month, day, 5, tzinfo=UTC).timestamp() * 1000)


def read(selector: Any, behaviors: Any = None, saved: dict[int, Any] | None = None) -> Condition:
    def find(number: int) -> Any:
        if number not in (saved or {}):
            raise InvalidInput(f"cohort {number} was not found")
        return (saved or {})[number]

    return read_cohort({"selector": selector, "behaviors": behaviors}, NOW, find)


def behavior(event: str = "buy", selector: Any = None, **when: Any) -> dict[str, Any]:
    chosen = when or {"window": {"unit": "day", "value": 1}}
    return {"b": {"count": {"event_selector": {"event": event, "selector": selector}, "type": "absolute"}, **chosen}}


COUNTED = {"property": "behaviors", "value": "b", "operator": ">=", "operand": 3}


def node(operator: str, operand: Any = "", value: str = "p", **more: Any) -> dict[str, Any]:
    return {"property": "user", "value": value, "operator": operator, "operand": operand, **more}


PROFILES: list[tuple[dict[str, Any], list[str], list[str]]] = [
    (node("==", "pro"), ['"pro"'], ['"Pro"', "", "1"]),
    (node("==", 'a "b" ☃\\'), ['"a \\"b\\" ☃\\\\"'], ["1"]),
    (node("==", ["a", "b"]), ['"a"', '"b"'], ['"c"', ""]),
    (node("==", "a", type="list"), ['["a","b"]', '"a"'], ['"ab"', '["c"]']),
    (node("==", True, type="boolean"), ["true"], ["false", '"true"', ""]),
    (node("!=", "pro"), ['"free"', "1", ""], ['"pro"']),
    (node("in", "gmail"), ['"a@gmail.com"', '["a@gmail.com"]'], ['"a@x.com"', ""]),
    (node("not in", "gmail"), ['"a@x.com"', ""], ['"a@gmail.com"']),
    (node(">", 5), ["6"], ["5", '"6"', ""]),
    (node("<", -1.5), ["-2"], ["-1.5", "0"]),
    (node(">=", 5), ["5"], ["4"]),
    (node("<=", 5), ["5"], ["6"]),
    (node("defined"), ["0", '""'], ["null", ""]),
    (node("not defined"), ["null", ""], ["0"]),
]


@pytest.mark.parametrize(("selector", "true", "false"), PROFILES, ids=lambda each: str(each)[:60])
def test_a_property_of_the_profile_is_compared(selector: dict[str, Any], true: list[str], false: list[str]) -> None:
    condition = read(selector)
    assert isinstance(condition, Has)
    for text, expected in [*((each, True) for each in true), *((each, False) for each in false)]:
        user = {"p": from_json(text)} if text else {}
        assert (evaluate(condition.where, Row({}, user)) is True) is expected, text


def test_an_expression_is_a_condition_by_itself() -> None:
    assert repr(read('user["n"] > 1')) == repr(Has(parse('user["n"] > 1')))


WINDOWS: list[tuple[dict[str, Any], tuple[int, int]]] = [
    ({"window": {"unit": "day", "value": 1}}, (ms(28), ms(29))),
    ({"window": {"unit": "day", "value": 3}}, (ms(26), ms(29))),
    ({"window": {"unit": "week", "value": 1}}, (ms(22), ms(29))),
    ({"from_date": "2026-11-02", "to_date": "2026-11-03"}, (ms(2), ms(4))),
]


@pytest.mark.parametrize(("when", "expected"), WINDOWS)
def test_events_are_counted_in_days_of_the_project(when: dict[str, Any], expected: tuple[int, int]) -> None:
    assert read(COUNTED, behavior(**when)) == Did("buy", *expected, None, ">=", 3)


def test_every_event_is_counted_by_an_empty_name_or_its_own() -> None:
    for name in ("", "$any_event"):
        found = read(COUNTED, behavior(name))
        assert isinstance(found, Did)
        assert found.event == name


BETWEEN = {"value": "n", "resourceType": "events", "filterOperator": "is between", "filterValue": [1, 2]}
UNEQUAL = {"value": "p", "resourceType": "people", "filterOperator": "does not equal", "filterValue": ["a"]}
FILTERS: list[tuple[Any, list[tuple[Any, Any]]]] = [
    ('properties["n"] > 1', [(2, None)]),
    ({"property": "event", "value": "n", "operator": ">", "operand": 1}, [(2, None)]),
    ({"property": "user", "value": "p", "operator": "==", "operand": "a"}, [(None, "a")]),
    ({"operator": "and", "children": [BETWEEN, UNEQUAL, 'properties["n"] == 1 or false']}, [(1, None), (1, "b")]),
    ({"operator": "or", "children": [BETWEEN, 'user["p"] == "a"']}, [(1, None), (2, None), (None, "a")]),
]
"""A selector, and the pairs of the event's `n` and the person's `p` for which it is true."""


@pytest.mark.parametrize(("selector", "true"), FILTERS, ids=[str(row[0])[:40] for row in FILTERS])
def test_events_are_filtered_by_each_form_that_clients_send(selector: Any, true: list[tuple[Any, Any]]) -> None:
    found = read(COUNTED, behavior(selector=selector))
    assert isinstance(found, Did)
    assert found.where is not None
    for n in (None, 1, 2):
        for p in (None, "a", "b"):
            row = Row({} if n is None else {"n": float(n)}, {} if p is None else {"p": p})
            expected = any((each[0] in (n, None)) and (each[1] in (p, None)) for each in true)
            if selector == FILTERS[3][0]:
                expected = n == 1 and p != "a"
            assert (evaluate(found.where, row) is True) is expected, (n, p)


def test_conditions_are_combined_and_other_cohorts_named() -> None:
    saved = {
        7: {"selector": node("==", "pro")},
        8: {"selector": {"property": "cohort", "value": 7, "operator": "not in"}},
    }
    children = [{"operator": "or", "children": ['user["n"] > 1']}, {"property": "cohort", "value": 8, "operator": "in"}]
    found = read({"operator": "and", "children": children}, saved=saved)
    assert isinstance(found, Junction)
    either, out = found.parts
    assert (found.word, repr(either)) == ("and", repr(Junction("or", (Has(parse('user["n"] > 1')),))))
    assert isinstance(out, Not)
    assert repr(out.part) == repr(read(node("==", "pro")))


deep: Any = node("defined")
for _ in range(COHORT_DEPTH_MAX + 1):
    deep = {"operator": "and", "children": [deep]}
BAD: list[tuple[Any, Any, str]] = [
    (None, None, "selector is required: the conditions of the cohort"),
    (7, None, "selector must be an object"),
    ({"property": "group"}, None, "property must be user, search, behaviors or cohort in each condition of selector"),
    ({"operator": "xor", "children": [node("defined")]}, None, "operator must be and or or where a"),
    ({"operator": "and", "children": []}, None, "children must be a list of at least one condition"),
    (deep, None, f"selector must not have more than {COHORT_DEPTH_MAX} levels"),
    (
        {"operator": "or", "children": [node("defined")] * (COHORT_CONDITIONS_MAX + 1)},
        None,
        f"a cohort must not have more than {COHORT_CONDITIONS_MAX} conditions",
    ),
    ('user["n"] >', None, "selector: expected"),
    (node("like", "x"), None, "operator must be one of ==, !=, in, not in, >, >=, <, <="),
    (node("==", {"a": 1}), None, "selector.0.filterValue must be texts, numbers or booleans"),
    (node("==", []), None, "selector.0.filterValue must be texts, numbers or booleans"),
    (node("defined", value=""), None, "selector.0.value must be the name of a property"),
    (COUNTED, {}, "value must name one of behaviors"),
    (COUNTED | {"operand": -1}, behavior(), "operand must be a whole number from 0 to 1000000000"),
    (COUNTED | {"operand": True}, behavior(), "operand must be a whole number from 0"),
    (COUNTED | {"operator": "in"}, behavior(), "operator must be one of ==, !=, >=, <=, >, < where"),
    (COUNTED, behavior(window={"unit": "year", "value": 1}), "unit of window must be one of day, week, month"),
    (COUNTED, behavior(window={"unit": "month", "value": 123}), "value of window must be a whole number from 1 to 122"),
    (node("==", "x") | {"operator": []}, None, "operator must be one of ==, !=, in, not in"),
    (node("==", 10**400), None, "selector.0.filterValue must be less than 1e308"),
    (node(">", 10**400), None, "selector.0.filterValue must be less than 1e308"),
    (COUNTED, behavior(window={"unit": [], "value": 1}), "unit of window must be one of day, week, month"),
    (COUNTED, behavior(from_date="2026-11-02", to_date="9999-12-31"), "behaviors need a window, or to_date"),
    (COUNTED, behavior(from_date="0001-01-01", to_date="2026-11-02"), "behaviors need a window, or from_date"),
    (COUNTED, behavior(from_date="2026-11-02"), "behaviors need a window, or to_date as yyyy-mm-dd"),
    (COUNTED, behavior(from_date="2026-11-02", to_date="2026-11-01"), "from_date must not be after to_date"),
    (COUNTED, {"b": {"count": {"aggregationOperator": "total", "property": "n"}}}, "aggregationOperator is not"),
    (COUNTED, behavior(selector='properties["n"]) or (true'), "selector: expected"),
    (
        COUNTED,
        behavior(selector={"filterOperator": "was on", "value": "x"}),
        "selector.0.filterValue must be a date as yyyy-mm-dd",
    ),
    ({"property": "cohort", "value": 9, "operator": "in"}, None, "cohort 9 was not found"),
    ({"property": "cohort", "value": 5, "operator": "in"}, None, "cohort 5 must not refer to itself"),
    ({"property": "cohort", "value": "9", "operator": "in"}, None, "value must be the id of a cohort"),
]


@pytest.mark.parametrize(("selector", "behaviors", "error"), BAD, ids=[row[2][:50] for row in BAD])
def test_what_cannot_be_read_is_refused_by_name(selector: Any, behaviors: Any, error: str) -> None:
    itself = {"selector": {"property": "cohort", "value": 5, "operator": "in"}}
    with pytest.raises(InvalidInput) as caught:
        read(selector, behaviors, {5: itself})
    assert str(caught.value).startswith(error)
