"""Folding updates into a profile, against the plain meaning of each operation (protocol §5)."""

import json
import sys
from types import FrameType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.loader.profile_model import Json, Profile, plainly, same
from trackway.domain.limits import PROFILE_LIST_BYTES_MAX, PROFILE_PROPERTIES_MAX
from trackway.loader import fold as applying
from trackway.loader.fold import GROWTH_MAX, Folded, apply, fold, properties_text, read_properties, text_of_first
from trackway.loader.limits import FIRST_SET_BYTES_MAX, PROFILE_BYTES_MAX


def folded(profile: Profile, *updates: Json) -> Folded:
    properties = None if profile is None else read_properties(json.dumps(profile).encode())
    return fold(properties, [json.dumps(update).encode() for update in updates])


def after(profile: Profile, *updates: Json) -> Profile:
    """The profile after some updates, decoded again."""
    properties = folded(profile, *updates).properties
    return None if properties is None else json.loads(properties_text(properties))


NAMES = st.sampled_from(["a", "b", "ü", "$city"])
NUMBERS = st.one_of(st.integers(-(2**40), 2**40), st.floats(-1e9, 1e9))
SCALARS = st.one_of(
    st.sampled_from([None, True, False, 0, 1, 1.0, -0.0, 2, "", "1", "true", "x", 'ü"\\\u2028']), NUMBERS
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=2))
LISTS = st.lists(VALUES, max_size=4)
OPERATIONS: st.SearchStrategy[Json] = st.one_of(
    st.tuples(st.sampled_from(["$set", "$set_once"]), st.dictionaries(NAMES, VALUES | LISTS, max_size=3)),
    st.tuples(st.just("$add"), st.dictionaries(NAMES, NUMBERS, max_size=2)),
    st.tuples(st.sampled_from(["$append", "$remove"]), st.dictionaries(NAMES, VALUES, max_size=2)),
    st.tuples(st.just("$union"), st.dictionaries(NAMES, LISTS, max_size=2)),
    st.tuples(st.just("$unset"), st.lists(NAMES, max_size=2)),
    st.just(("$delete", "")),
)
UPDATES = st.lists(OPERATIONS, min_size=1, max_size=4).map(dict)
PROFILES = st.none() | st.dictionaries(NAMES, VALUES | LISTS, max_size=4)


@given(PROFILES, st.lists(UPDATES, max_size=6))
def test_any_updates_mean_what_their_operations_say(profile: Profile, updates: list[Json]) -> None:
    expected: Profile = json.loads(json.dumps(profile))
    for update in updates:
        expected = plainly(expected, json.loads(json.dumps(update)))
    got = after(profile, *updates)
    assert (got is None) == (expected is None)
    assert same(got or {}, expected or {})
    assert list(got or {}) == list(expected or {})


@given(UPDATES)
def test_the_text_of_a_first_set_is_that_of_the_fold(update: Json) -> None:
    operations = msgspec.json.encode(update)
    text = text_of_first(operations)
    assert (text is not None) == (list(update) == ["$set"])
    assert text is None or text == properties_text(apply(None, operations).properties)


@pytest.mark.parametrize(
    "operations",
    [
        b'{"$set":{"a":1},"$set":{"a":2}}',
        b'{"$set": {"a":1}}',
        b'{"$set":{"a":1}} ',
        b'{"$set":{"a":1},"x":{}}',
        b'{"$set":{"a":1}',
        b'{"$set":{"a":}}',
        b'{"$set":[]}',
        b'{"$set":{}}]',
    ],
)
def test_only_a_set_as_the_edge_writes_it_is_taken_as_it_is(operations: bytes) -> None:
    assert text_of_first(operations) is None


def test_a_first_set_that_may_exceed_the_bounds_of_a_profile_is_folded() -> None:
    most = {f"{number:x}": 0 for number in range(PROFILE_PROPERTIES_MAX + 1)}
    assert text_of_first(msgspec.json.encode({"$set": most})) is None
    assert len('"":0,') * PROFILE_PROPERTIES_MAX >= FIRST_SET_BYTES_MAX
    assert GROWTH_MAX * FIRST_SET_BYTES_MAX < PROFILE_BYTES_MAX


@given(PROFILES, st.lists(UPDATES, max_size=6), st.integers(0, 6))
def test_updates_folded_in_two_runs_give_the_same_bytes_as_in_one(
    profile: Profile, updates: list[Json], cut: int
) -> None:
    texts = [json.dumps(update).encode() for update in updates]
    properties = None if profile is None else read_properties(json.dumps(profile).encode())
    at_once = fold(properties, texts).properties
    first = fold(properties, texts[:cut]).properties
    stored = None if first is None else read_properties(properties_text(first))
    then = fold(stored, texts[cut:]).properties
    assert (then is None) == (at_once is None)
    assert properties_text(then) == properties_text(at_once)


def test_folding_leaves_what_went_in_as_it_was() -> None:
    properties = read_properties(b'{"n": 1, "list": [1]}')
    fold(properties, [b'{"$add": {"n": 1}, "$append": {"list": 2}, "$unset": ["n"]}'])
    assert properties_text(properties) == b'{"n":1,"list":[1]}'


def test_operations_of_one_update_apply_in_the_order_they_are_written() -> None:
    assert after(None, {"$set": {"n": 1}, "$add": {"n": 2}, "$unset": ["m"]}) == {"n": 3}
    assert after(None, {"$add": {"n": 2}, "$set": {"n": 1}}) == {"n": 1}
    assert after({"n": 1}, {"$delete": "", "$set": {"m": 1}}) == {"m": 1}


def test_what_only_takes_away_makes_no_profile() -> None:
    assert after(None, {"$unset": ["a"], "$remove": {"b": 1}}) is None
    assert after(None, {"$delete": ""}) is None
    assert after(None, {"$set": {}}) == {}


def test_a_profile_emptied_is_still_there_and_a_deleted_one_is_not() -> None:
    assert after({"a": 1}, {"$unset": ["a"]}) == {}
    assert after({"a": 1}, {"$delete": ""}) is None


@pytest.mark.parametrize("text", ["12345678901234567890123456789", "1.10", "1e2", '"\\u00fc"', '{"b" : 1, "a" : 2}'])
def test_a_value_that_is_only_set_stays_the_text_it_was(text: str) -> None:
    properties = apply(None, f'{{"$set": {{"a": {text}}}}}'.encode()).properties
    assert properties_text(properties) == f'{{"a":{text}}}'.encode()


@pytest.mark.parametrize(
    ("present", "operand", "total"),
    [
        ("1", "2", b"3"),
        ("1", "-2", b"-1"),
        ("0.5", "1", b"1.5"),
        ("-0", "0", b"0"),
        ("9223372036854775807", "1", b"9223372036854775808"),
        ("18446744073709551615", "1", b"1.8446744073709552e19"),
        ("-9223372036854775808", "-1", b"-9.223372036854776e18"),
        ("12345678901234567890123456789", "1", b"1.2345678901234568e28"),
        ("1e2", "1", b"101.0"),
        ("9007199254740993", "1", b"9007199254740994"),
    ],
)
def test_sums_are_exact_within_64_bits_and_floats_beyond(present: str, operand: str, total: bytes) -> None:
    properties = read_properties(f'{{"n":{present}}}'.encode())
    got = apply(properties, f'{{"$add":{{"n":{operand}}}}}'.encode())
    assert not got.skipped
    assert properties_text(got.properties) == b'{"n":' + total + b"}"


@pytest.mark.parametrize("present", ["1", "x", "", True, None, [1], {"n": 1}])
@pytest.mark.parametrize(
    ("operation", "kinds", "reason"),
    [
        ({"$add": {"p": 1}}, int, applying.NOT_A_NUMBER),
        ({"$append": {"p": 1}}, list, applying.NOT_A_LIST),
        ({"$union": {"p": [2]}}, list, applying.NOT_A_LIST),
        ({"$remove": {"p": 2}}, list, applying.NOT_A_LIST),
    ],
)
def test_a_property_of_another_type_stays_unchanged_and_is_counted(
    operation: Json, kinds: type, reason: str, present: Json
) -> None:
    got = folded({"p": present}, {"$set": {"q": 0}} | operation)
    if type(present) is not kinds:
        assert got.skipped == {reason: 1}
        assert json.loads(properties_text(got.properties)) == {"p": present, "q": 0}
    else:
        assert not got.skipped


def test_a_sum_beyond_all_floats_is_skipped() -> None:
    got = folded({"n": 1.5e308}, {"$add": {"n": 1.5e308}})
    assert (got.skipped, properties_text(got.properties)) == ({applying.NUMBER_TOO_LARGE: 1}, b'{"n":1.5e+308}')


def test_a_number_beyond_all_floats_is_equal_to_itself_only() -> None:
    operations = b'{"$union": {"l": [1e999, 1e999, 2]}, "$remove": {"l": 1e999}}'
    assert properties_text(apply(None, operations).properties) == b'{"l":[2]}'


@pytest.mark.parametrize("operation", ["$set", "$set_once", "$add", "$append", "$union"])
def test_properties_beyond_the_limit_are_not_added_and_those_there_still_change(operation: str) -> None:
    value: Json = [1] if operation == "$union" else 1
    operand = {"new": value, "old": value}
    full: dict[str, Json] = {f"p{number}": number for number in range(PROFILE_PROPERTIES_MAX - 1)}
    full["old"] = [0] if operation in ("$append", "$union") else 0
    got = folded(full, {operation: operand})
    assert got.skipped == {applying.TOO_MANY_PROPERTIES: 1}
    assert got.properties is not None
    assert got.properties.keys() == full.keys()
    assert (bytes(got.properties["old"]) in (b"0", b"[0]")) == (operation == "$set_once")
    room = after(full, {"$unset": ["p0"]}, {operation: operand})
    assert room is not None and "new" in room


@pytest.mark.parametrize("operation", ["$append", "$union"])
def test_a_list_does_not_outgrow_its_limit_and_still_gets_shorter(operation: str) -> None:
    words = [f"{number:01000}" for number in range(PROFILE_LIST_BYTES_MAX // 1003 + 3)]  # 1003 with quotes and comma
    got = folded(None, *[{operation: {"l": word if operation == "$append" else [word]}} for word in words])
    kept = PROFILE_LIST_BYTES_MAX // 1003
    assert got.skipped == {applying.LIST_TOO_LONG: len(words) - kept}
    assert got.properties is not None
    assert PROFILE_LIST_BYTES_MAX - 1003 < len(bytes(got.properties["l"])) <= PROFILE_LIST_BYTES_MAX
    assert json.loads(bytes(got.properties["l"])) == words[:kept]
    again = json.dumps({"$remove": {"l": words[0]}, operation: {"l": "z" if operation == "$append" else ["z"]}})
    shorter = fold(got.properties, [again.encode()])
    assert shorter.properties is not None
    assert not shorter.skipped
    assert json.loads(bytes(shorter.properties["l"])) == [*words[1:kept], "z"]


def test_a_profile_does_not_outgrow_its_limit_and_what_is_there_may_shrink() -> None:
    value = ["x" * 1000] * 250
    updates = [{"$set": {f"p{number}": value}} for number in range(PROFILE_BYTES_MAX // 250_000 + 2)]
    got = folded(None, *updates, {"$set": {"p0": 1, "last": 2}}, {"$append": {"p1": "x"}})
    assert got.skipped[applying.PROFILE_TOO_LARGE] > 0
    assert got.properties is not None
    assert bytes(got.properties["p0"]) == b"1"
    assert bytes(got.properties["last"]) == b"2"
    assert len(properties_text(got.properties)) <= PROFILE_BYTES_MAX + 20 * len(got.properties)


@given(PROFILES, st.lists(UPDATES, max_size=6))
def test_the_size_kept_along_is_that_of_the_text(profile: Profile, updates: list[Json]) -> None:
    folding = applying._Folding(None if profile is None else read_properties(json.dumps(profile).encode()))
    folding.size, folding._near = folding.counted_size(), True
    for update in updates:
        folding.apply(json.dumps(update).encode())
        assert folding.size == folding.counted_size()


@given(st.lists(UPDATES, min_size=1, max_size=30))
def test_a_profile_grows_by_no_more_than_the_bound_it_is_counted_with(updates: list[Json]) -> None:
    for update in updates:
        folding = applying._Folding(read_properties(b'{"a":1,"b":[0],"$city":0}'))
        before, text = folding.counted_size(), json.dumps(update, separators=(",", ":"), ensure_ascii=False).encode()
        folding.apply(text)
        assert folding.counted_size() <= before + applying.GROWTH_MAX * len(text)


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b'{"$set": 1}', b'{"$set": {"a": ', b'{"$increment": {"a": 1}}', b'{"$unset": {"a": 1}}', b"[" * 9999],
)
def test_what_are_no_operations_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match="not the operations of a profile update"):
        apply(None, text)


def calls_of_fold(profile: Profile, updates: list[Json]) -> int:
    """How many functions are called to fold the updates: a measure of the work that is the same on every run."""
    properties, texts = read_properties(json.dumps(profile).encode()), [json.dumps(each).encode() for each in updates]
    calls = 0

    def count(_frame: FrameType, event: str, _what: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        fold(properties, texts)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("order", [["$remove"], ["$union"], ["$append"], ["$remove", "$union"], ["$append", "$remove"]])
def test_twice_as_many_updates_of_a_list_twice_as_long_are_twice_the_work(order: list[str]) -> None:
    def work(size: int) -> int:
        updates = [
            {operation: {"l": [number] if operation == "$union" else number}}
            for number in range(size)
            for operation in order
        ]
        return calls_of_fold({"l": list(range(size))}, updates)

    assert work(400) < 2.5 * work(200)
