"""The keys of a breakdown, from the store: one for each value, and for a list one for each different element."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis.strategies import characters, decimals, integers, lists, text

from tests.support.examples import examples
from trackway.query.expressions import parse
from trackway.query.expressions.rawjson import elements
from trackway.query.sql.breakdown import breakdown_keys, plain_keys
from trackway.query.sql.scope import EVENT_SCOPE
from trackway.store.client import Store
from trackway.store.errors import VALUE_REFUSED, StoreError

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


PLAIN = (
    '"blue"', '""', '"it\'s"', '"[a"', '"{"', '"5"', '"null"', '"ünïcode 🎈"', "0", "5", "-5", "100000000000000",
    "999999999999999", "0.5", "-0.5", "12.5", "0.0001", "9999999999.9999", "10.01", "true", "false", "null", "", "{}",
    '{"a":[1]}',
)  # fmt: skip
NOT_PLAIN = ('"a\\n"', '"\\\\"', "[]", '["a"]', "1.0", "1.50", "-0", "-0.0", "1e3", "1000000000000000", "0.00001")


def of_raws(store: Store, sql: str, raws: Sequence[str]) -> list[list[str]]:
    rows = "SELECT arrayJoin(arrayEnumerate({raws:Array(String)})) AS number, {raws:Array(String)}[number] AS raw"
    return [list(each) for (each,) in store.query(f"SELECT {sql} FROM ({rows}) ORDER BY number", {"raws": list(raws)})]


class Column:
    """Raws that are a column."""

    def raw(self, name: str) -> str:
        return "raw"

    def elements(self, name: str) -> str:
        return elements("raw")


@pytest.mark.parametrize("with_undefined", [True, False])
@given(
    texts=lists(text(characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'))),
    numbers=lists(decimals(-(10**10) + 1, 10**10 - 1, places=4)),
    whole=lists(integers(-(10**15) + 1, 10**15 - 1)),
)
@settings(deadline=None, max_examples=examples(20))
def test_plain_values_have_the_same_keys_in_the_shorter_form(
    store: Store, with_undefined: bool, texts: list[str], numbers: list[Decimal], whole: list[int]
) -> None:
    shortest = [f"{each.normalize():f}" for each in numbers if each]
    raws = [*PLAIN, *(f'"{each}"' for each in texts), *shortest, *map(str, whole)]
    scope = EVENT_SCOPE._replace(properties=Column())
    full = breakdown_keys(parse(ITEM), scope, {}, with_undefined=with_undefined)
    assert of_raws(store, plain_keys("raw", with_undefined=with_undefined), raws) == of_raws(store, full, raws)


@pytest.mark.parametrize("raw", NOT_PLAIN)
def test_a_value_that_is_not_plain_fails_in_the_shorter_form(store: Store, raw: str) -> None:
    with pytest.raises(StoreError) as raised:
        of_raws(store, plain_keys("raw"), ['"blue"', raw])
    assert raised.value.code == VALUE_REFUSED
