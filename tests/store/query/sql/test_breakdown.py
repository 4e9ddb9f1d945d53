"""The keys of a breakdown, from the store: one for each value, and for a list one for each different element."""

import json
from typing import Any

import pytest

from trackway.query.expressions import parse
from trackway.query.sql.breakdown import breakdown_keys
from trackway.query.sql.scope import EVENT_SCOPE
from trackway.store.client import Store

ITEM = 'properties["item"]'
CARTS = (["P1", "P2", "P4"], ["P2", "P3", "P4", "P4"], ["P3", "P4"])


def keys(store: Store, text: str, *documents: dict[str, Any]) -> list[list[str]]:
    parameters: dict[str, Any] = {"documents": json.dumps([json.dumps(each) for each in documents])}
    sql = breakdown_keys(parse(text), EVENT_SCOPE, parameters)
    rows = "arrayEnumerate(JSONExtract({documents:String}, 'Array(String)'))"
    document = "JSONExtract({documents:String}, 'Array(String)')[number] AS document"
    found = store.query(
        f"SELECT {sql} FROM (SELECT number, {document} FROM (SELECT arrayJoin({rows}) AS number)) ORDER BY number",
        parameters,
    )
    return [list(each) for (each,) in found]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("blue", ["blue"]),
        ("", [""]),
        (1, ["1"]),
        (12.5, ["12.5"]),
        (True, ["true"]),
        (None, ["undefined"]),
        ({"a": 1}, ["undefined"]),
        ([], ["undefined"]),
        (["a", 1, True, None, {"b": 2}, "a"], ["a", "1", "true", "undefined", '{"b":2}']),
        ('it\'s \\ "quoted"', ['it\'s \\ "quoted"']),
    ],
)
def test_a_value_counts_under_its_text(store: Store, value: Any, expected: list[str]) -> None:
    assert keys(store, ITEM, {"item": value}) == [expected]
    assert keys(store, ITEM, {"other": value}) == [["undefined"]]


def test_each_element_of_a_list_counts_once_for_each_event(store: Store) -> None:
    found = keys(store, ITEM, *({"item": cart} for cart in CARTS))
    counts = {item: sum(item in each for each in found) for item in ("P1", "P2", "P3", "P4")}
    assert counts == {"P1": 1, "P2": 2, "P3": 2, "P4": 3}
    assert [len(each) for each in found] == [3, 3, 2]


def test_an_expression_that_is_no_property_has_one_key(store: Store) -> None:
    assert keys(store, f"number({ITEM}) * 2", {"item": "4"}, {"item": "x"}) == [["8"], ["undefined"]]
