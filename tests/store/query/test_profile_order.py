"""Sorted, searched and bounded profile queries over a real store, against the same done in Python."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.support.query.profile_pages import later, pieces_of
from tests.support.query.profiles import insert_profiles
from tests.support.store.tables import emptied
from trackway.query.expressions import parse
from trackway.query.profile_order import Order
from trackway.query.profile_pages import read_session
from trackway.query.profile_query import ProfileQuery
from trackway.store.client import Store

MINE = 1
ALL = ProfileQuery(MINE)
PRINT = "0123456789abcdef"
VALUES: list[Any] = [None, True, False, 0, -1.5, 2, 10, 10.0, 1e20, 12345678901234567890123, "", "10", "9", "a", "B"]
VALUES += ["ü", "😀", "\uffff", "q\"'\\", "2026-01-31T00:00:00", [1], ["a", "b"], {"k": 1}]


@pytest.fixture(autouse=True)
def empty(store: Store) -> Iterator[None]:
    yield
    emptied(store, "profiles")
    emptied(store, "profile_pages")


def fill(store: Store, profiles: dict[str, dict[str, Any]], group_key: str = "") -> None:
    insert_profiles(store, *((MINE, group_key, id, properties) for id, properties in profiles.items()))


def pages(store: Store, query: ProfileQuery) -> list[dict[str, Any]]:
    """All pages of a query, each as it is answered, up to the first that is empty."""
    answers = [json.loads(b"".join(pieces_of(store, query)))]
    session = read_session(answers[0]["session_id"], PRINT)
    while answers[-1]["results"]:
        answers.append(json.loads(b"".join(later(store, MINE, session, len(answers)))))
    return answers


def ids(store: Store, query: ProfileQuery) -> list[str]:
    return [each["$distinct_id"] for answer in pages(store, query) for each in answer["results"]]


def place(value: Any) -> tuple[int, float, bytes]:
    """Where a value stands: booleans, numbers, strings by code point, lists and objects by their text."""
    match value:
        case bool():
            return 0, float(value), b""
        case int() | float():
            return 1, float(value), b""
        case str():
            return 2, 0, value.encode()
        case list():
            return 3, 0, json.dumps(value).encode()
    return 4, 0, json.dumps(value).encode()


def expected(profiles: dict[str, dict[str, Any]], name: str, *, descending: bool) -> list[str]:
    there = sorted(id for id, properties in profiles.items() if properties.get(name) is not None)
    there.sort(  # equal ones stay in the order of their ids, also when it is reversed
        key=lambda id: place(profiles[id][name]), reverse=descending
    )
    return there + sorted(id for id, properties in profiles.items() if properties.get(name) is None)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("descending", [False, True])
def test_profiles_go_by_a_property_of_any_kind(store: Store, seed: int, descending: bool) -> None:
    random = Random(seed)
    names = [f"u-{number:03}" for number in range(120)]
    profiles = {id: {"v": random.choice(VALUES)} if random.random() < 0.9 else {} for id in names}
    fill(store, profiles)
    order = Order("v", descending)
    wanted = expected(profiles, "v", descending=descending)
    assert ids(store, ALL._replace(order=order)) == wanted
    assert ids(store, ALL._replace(order=order, page_size=7)) == wanted
    assert ids(store, ALL._replace(order=order, page_size=7, limit=30)) == wanted[:30]
    assert ids(store, ALL._replace(order=order, limit=5)) == wanted[:5]


def test_a_name_is_never_part_of_the_statement(store: Store) -> None:
    name = "it's \\ {x:String} ü\n') --"
    profiles = {"a": {name: 2}, "b": {name: 1}, "c": {}}
    fill(store, profiles)
    assert ids(store, ALL._replace(order=Order(name))) == ["b", "a", "c"]
    assert ids(store, ALL._replace(search=name)) == []


def test_profiles_go_by_their_id_in_either_order(store: Store) -> None:
    fill(store, {id: {"$distinct_id": "sent by the client"} for id in "abc"})
    assert ids(store, ALL._replace(order=Order("$distinct_id"))) == ["a", "b", "c"]
    assert ids(store, ALL._replace(order=Order("$distinct_id", True), page_size=1)) == ["c", "b", "a"]


@pytest.mark.parametrize("page_size", [1, 3, 999, 1000])
@pytest.mark.parametrize("limit", [None, 1, 3, 1000, 1001, 5000])
def test_limit_bounds_the_total_and_pages_are_of_the_size_asked_for(
    store: Store, page_size: int, limit: int | None
) -> None:
    count = 7 if page_size < 10 else 2003
    fill(store, {f"u-{number:05}": {"n": -number} for number in range(count)})
    total = min(count, limit or count)
    for order in (None, Order("n")):
        answers = pages(store, ALL._replace(page_size=page_size, limit=limit, order=order))
        assert {answer["total"] for answer in answers} == {total}
        assert {answer["page_size"] for answer in answers} == {page_size}
        assert all(len(answer["results"]) == page_size for answer in answers[:-2])
        found = [each["$distinct_id"] for answer in answers for each in answer["results"]]
        numbers = range(count) if order is None else reversed(range(count))
        assert found == [f"u-{number:05}" for number in numbers][:total]


def test_sorted_pages_stay_while_profiles_change(store: Store) -> None:
    before = {f"u-{number:04}": {"n": number * 7 % 1009} for number in range(1009)}
    fill(store, before)
    query = ALL._replace(order=Order("n", True), page_size=100)
    first = json.loads(b"".join(pieces_of(store, query)))
    insert_profiles(store, *((MINE, "", id, {"n": 0}) for id in before), position=2)
    session = read_session(first["session_id"], PRINT)
    shown = [json.loads(b"".join(later(store, MINE, session, page)))["results"] for page in range(11)]
    assert [each["$properties"]["n"] for page in shown for each in page] == list(reversed(range(1009)))


def test_search_finds_parts_of_id_name_and_email_whatever_the_case(store: Store) -> None:
    profiles: dict[str, dict[str, Any]] = {
        "Ann-1": {"$name": "Zoë ÄRGER", "$email": "Ann.Smith@Example.com", "plan": "smith"},
        "b": {"$name": "Καλημέρα", "$email": 7},
        "c": {"$name": ["Ann"], "city": "Annaberg"},
        "d": {"$name": 'q"uoted % _ \\'},
    }
    for group_key in ("", "company"):
        fill(store, profiles, group_key)
        asked = ALL._replace(group_key=group_key)
        for text, found in (
            ("ann", "A"), ("ANN-1", "A"), ("zOË", "A"), ("ärger", "A"), ("SMITH@", "A"), ("smith", "A"), ("ΚΑΛΗ", "b"),
            ("7", ""), ('"U', "d"), ("% _", "d"), ("\\", "d"), ("%", "d"), ("", "Abcd"), ("annaberg", ""), (" ", "Ad"),
        ):  # fmt: skip
            assert [id[0] for id in ids(store, asked._replace(search=text))] == list(found), text


def test_search_order_limit_where_and_properties_go_together(store: Store) -> None:
    fill(
        store, {f"u-{number:02}": {"n": number % 10, "m": number, "$email": f"{number}@x.com"} for number in range(60)}
    )
    query = ProfileQuery(
        MINE, where=parse('properties["m"] >= 10'), output_properties=["m"], search="1@X", order=Order("n", True)
    )
    answers = pages(store, query._replace(limit=4, page_size=3))
    found = [each for answer in answers for each in answer["results"]]
    assert [each["$distinct_id"] for each in found] == ["u-11", "u-21", "u-31", "u-41"]
    assert found[0]["$properties"] == {"m": 11}


def test_large_profiles_are_sorted_within_the_memory_of_a_question(store: Store) -> None:
    store.command(
        "INSERT INTO profiles (project_id, group_key, profile_id, position, deleted, updated, properties)"
        " SELECT 1, '', concat('u-', leftPad(toString(number), 4, '0')), 1, 0, 0,"
        """ concat('{"n":-', toString(number), ',"text":"', repeat('x', 300000), '"}') FROM numbers(1200)"""
        " SETTINGS max_block_size = 64, min_insert_block_size_bytes = 16777216"
    )
    query = ALL._replace(order=Order("n"), output_properties=["n", "text"], page_size=10)
    answer = json.loads(b"".join(pieces_of(store, query)))
    assert answer["total"] == 1200
    assert [each["$distinct_id"] for each in answer["results"]] == [f"u-{1199 - place:04}" for place in range(10)]
