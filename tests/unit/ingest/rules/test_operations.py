"""Each rule of the operations of protocol §5 as rows of a table; every row is played in every form of a body."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ingest.bodies import ALPHA
from tests.support.ingest.profile_updates import ingest, invalid, operations, refused, user
from trackway.domain.limits import PROFILE_PROPERTIES_MAX

LONG, CUT = "é" * 256, "é" * 255
DOUBLE = "must not hold a number beyond the range of a double"
OBJECT, LIST, NUMBER, NAMES = (
    "must be an object",
    "must be a list",
    "must be a number",
    "must be a list of property names",
)
DEEP = {"a": {"b": {"c": {"d": 1}}}}
NESTED = "must not be nested deeper than 3 levels"
PROPERTIES, KEYS = "must not have more than 2000 properties", "must have fewer than 255 keys"

ACCEPTED: list[tuple[str, str, Any, Any]] = [
    ("values of every kind", "set", {"a": "x", "b": 1.5, "c": True, "d": [1, "x"], "e": {"f": 1}}, ...),
    ("nothing", "set", {}, ...),
    ("an empty name", "set", {"": 1}, ...),
    ("a null", "set", {"a": None, "b": 1}, {"b": 1}),
    ("nothing but nulls", "set", {"a": None}, {}),
    ("a null once", "set_once", {"a": None, "b": 1}, ...),
    ("a null in a list", "set", {"a": [None, 1]}, ...),
    ("a long string", "set", {"a": LONG}, {"a": CUT}),
    ("a long string once", "set_once", {"a": LONG}, {"a": CUT}),
    ("a long string to append", "append", {"a": LONG}, {"a": CUT}),
    ("a long string to remove", "remove", {"a": LONG}, {"a": CUT}),
    ("a long string to unite", "union", {"a": [LONG, {"b": LONG}]}, {"a": [CUT, {"b": CUT}]}),
    ("a long string in a list", "set", {"a": [LONG]}, {"a": [CUT]}),
    ("a name of 255 characters", "set", {CUT: 1}, ...),
    ("nesting of three levels", "set", {"a": {"b": {"c": {}}}}, ...),
    ("an appended object", "append", {"$transactions": {"$amount": 9.5, "$time": "2026-01-31T00:00:00"}}, ...),
    ("an appended list", "append", {"a": [1, 2]}, ...),
    ("an appended null", "append", {"a": None, "b": 0}, {"b": 0}),
    ("a removed null", "remove", {"a": None, "b": 0}, {"b": 0}),
    ("numbers", "add", {"a": 1, "b": -2.5, "c": 0, "d": 1e300}, ...),
    ("the largest number of 64 bits", "add", {"a": 2**64 - 1, "b": -(2**63)}, ...),
    ("a number beyond 64 bits", "add", {"a": 2**64}, {"a": 1.8446744073709552e19}),
    ("a number below 64 bits", "add", {"a": -(2**63) - 1}, {"a": -9.223372036854775808e18}),
    ("a number beyond 64 bits in a list", "set", {"a": [10**25]}, {"a": [1e25]}),
    ("nothing to add", "add", {}, ...),
    ("a list of 256 KB", "set", {"a": [CUT] * 510}, ...),
    ("a list of many elements", "union", {"a": [0] * 50_000}, ...),
    ("lists", "union", {"a": [1, "x", True, 1.5], "b": []}, ...),
    ("no list to unite", "union", {"a": None}, {}),
    ("names", "unset", ["a", "", "$city", LONG], ...),
    ("no names", "unset", [], ...),
    ("an empty value", "delete", "", ...),
    ("null", "delete", None, ""),
    ("null in quotes", "delete", "null", ""),
    ("an object", "delete", {}, ""),
    ("the distinct_id, as the browser SDK", "delete", "u", ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "operation", "operand", "kept"), ACCEPTED, ids=[f"${o} {n}" for n, o, *_ in ACCEPTED])
def test_operand_is_kept(name: str, operation: str, operand: Any, kept: Any) -> None:
    wanted = operand if kept is ... else kept
    found = operations(**{operation: operand})
    assert json.dumps(found) == json.dumps({f"${operation}": wanted})


Broken = tuple[str, str, Any, str, str]
"""Name, operation, operand, where in the operand the fault is, and what it is."""


def broken(operations: str, operand: Any, place: str, why: str, name: str = "") -> list[Broken]:
    """The same row for several operations."""
    return [(name or f"{operand!r}", operation, operand, place, why) for operation in operations.split()]


OF_VALUES = "set set_once append remove"
LISTS = ["é" * 255] * 512
TOO_LONG = "must not be longer than 262144 bytes as JSON"
REFUSED: list[Broken] = [
    *broken("set set_once add append remove union", None, "", OBJECT),
    *broken("set set_once add append remove union", 1, "", OBJECT),
    *broken("set set_once add append remove union", "a", "", OBJECT),
    *broken("set set_once add append remove union", True, "", OBJECT),
    *broken("set set_once add append remove union", ["a"], "", OBJECT),
    *broken("unset", None, "", NAMES),
    *broken("unset", "a", "", NAMES),
    *broken("unset", 1, "", NAMES),
    *broken("unset", {"a": 1}, "", NAMES),
    *broken("unset", ["a", 1], "[1]", "must be a string"),
    *broken("unset", ["a"] * 2001, "", "must not have more than 2000 elements", "too many names"),
    *broken("add", {"b": 1, "a": "1"}, ".a", NUMBER),
    *broken("add", {"b": 1, "a": ""}, ".a", NUMBER),
    *broken("add", {"b": 1, "a": None}, ".a", NUMBER),
    *broken("add", {"b": 1, "a": True}, ".a", NUMBER),
    *broken("add", {"b": 1, "a": [1]}, ".a", NUMBER),
    *broken("add", {"b": 1, "a": {}}, ".a", NUMBER),
    *broken("union", {"b": [1], "a": "1"}, ".a", LIST),
    *broken("union", {"b": [1], "a": 1}, ".a", LIST),
    *broken("union", {"b": [1], "a": True}, ".a", LIST),
    *broken("union", {"b": [1], "a": {}}, ".a", LIST),
    *broken(f"{OF_VALUES} add", {LONG: 1}, f".{CUT}", "must not be longer than 255 characters", "a long name"),
    *broken(f"{OF_VALUES} add", dict.fromkeys(map(str, range(2001)), 1), "", PROPERTIES, "too many properties"),
    *broken("set set_once", {"b": 1, "a": DEEP}, ".a.a.b.c", NESTED),
    *broken("append remove", {"b": 1, "a": DEEP}, ".a.a.b", NESTED),
    *broken("union", {"a": [1, {"b": {"c": {}}}]}, ".a[1].b.c", NESTED),
    *broken(f"{OF_VALUES} union", {"a": LISTS}, ".a", TOO_LONG, "a long list"),
    *broken(OF_VALUES, {"a": dict.fromkeys(map(str, range(255)), 0)}, ".a", KEYS, "a large object"),
]


@pytest.mark.parametrize(
    ("name", "operation", "operand", "place", "why"), REFUSED, ids=[f"${o} {n}" for n, o, *_ in REFUSED]
)
def test_wrong_operand_rejects_the_record_with_its_field(
    name: str, operation: str, operand: Any, place: str, why: str
) -> None:
    record = user(**{"set" if operation == "add" else "add": {"fine": 1}, operation: operand})
    assert refused(record) == invalid(f"${operation}{place}", why)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" + "0" * 309, "-1" + "0" * 309, "9" * 5000])
@pytest.mark.parametrize("value", ["%s", "[%s]", '{"b":[%s]}'])
@pytest.mark.parametrize("operation", ["$set", "$set_once", "$append", "$remove", "$add", "$union"])
def test_number_no_double_can_hold_is_refused(number: str, value: str, operation: str) -> None:
    record = f'{{"$token":"{ALPHA.token}","$distinct_id":"u","{operation}":{{"a":{value % number}}}}}'
    assert refused(record.encode()) == invalid(operation, DOUBLE)


def test_operations_keep_the_order_of_the_client() -> None:
    given: dict[str, Any] = {
        "add": {"b": 1},
        "unset": ["x"],
        "set": {"a": 1},
        "union": {"l": [1]},
        "set_once": {"c": 1},
    }
    assert list(operations(**given)) == ["$add", "$unset", "$set", "$union", "$set_once"]


def test_what_stands_before_a_delete_is_dropped_and_yet_checked() -> None:
    assert list(operations(set={"a": 1}, delete="", add={"b": 1}).items()) == [("$delete", ""), ("$add", {"b": 1})]
    assert operations(set={"a": 1}, add={"b": 1}, delete="") == {"$delete": ""}
    assert refused(user(add={"b": "x"}, delete="")) == invalid("$add.b", NUMBER)


def test_first_wrong_operand_is_named() -> None:
    assert refused(user(set={"a": 1}, add={"b": "x"}, union={"c": 1})) == invalid("$add.b", NUMBER)


def test_record_without_operation_is_refused() -> None:
    names = "$set, $set_once, $add, $append, $union, $remove, $unset, $delete"
    for record in (user(), user(increment={"a": 1}), user() | {"set": {"a": 1}}):
        assert refused(record) == ("", f"operation, missing: one of {names}")


def test_as_many_properties_as_a_profile_may_have_are_taken() -> None:
    most = {str(number): number for number in range(PROFILE_PROPERTIES_MAX)}
    assert operations(set=most) == {"$set": most}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=300), inner, max_size=4),
    max_leaves=12,
)
NAMES_OF_OPERATIONS = st.sampled_from(
    [
        "$set",
        "$set_once",
        "$add",
        "$append",
        "$union",
        "$remove",
        "$unset",
        "$delete",
        "$time",
        "$ignore_time",
        "$ip",
        "x",
    ]
)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _leaves(value: Any) -> list[Any]:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    return [value] if inner is None else [leaf for each in inner for leaf in _leaves(each)]


@given(st.dictionaries(NAMES_OF_OPERATIONS, JSON, max_size=4))
def test_whatever_is_accepted_is_within_all_limits(members: dict[str, Any]) -> None:
    text = json.dumps({"$token": ALPHA.token, "$distinct_id": "u"} | members).encode()
    ingested, entries = ingest(text)
    assert ingested.received == 1
    for update in (each for entry in entries for each in entry.updates):
        kept = json.loads(update.operations)
        assert kept
        assert list(kept).count("$delete") == 0 or next(iter(kept)) == "$delete"
        assert set(kept) - {"$set"} <= set(members)
        for name, operand in kept.items():
            assert type(operand) is {"$unset": list, "$delete": str}.get(name, dict)
            assert _depth(operand) <= 4
            for leaf in _leaves(operand):
                assert type(leaf) is not str or len(leaf) <= 255 or name == "$unset"
                assert type(leaf) is not int or -(2**63) <= leaf < 2**64
        assert all(type(number) in (int, float) for number in kept.get("$add", {}).values())
        assert all(type(each) is list for each in kept.get("$union", {}).values())
        assert None not in kept.get("$set", {}).values()
