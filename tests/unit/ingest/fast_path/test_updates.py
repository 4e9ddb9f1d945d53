"""The fast path of profile updates: which ones take it, and that the complete rules give the same for all."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.ingest.bodies import ALPHA, BETA, NOW_S, PLACES, arrival, dumps
from tests.support.ingest.profile_updates import ENGAGE, FILLER, ingest, user
from trackway.domain.endpoint import Endpoint
from trackway.domain.limits import PROFILE_LIST_BYTES_MAX, STRING_CHARACTERS_MAX
from trackway.ingest.arrival import Arrival
from trackway.ingest.fast_path import updates
from trackway.ingest.limits import FAST_INTEGER_MAX, FAST_LIST_ELEMENTS_MAX
from trackway.ingest.split import update_texts

PLACED = arrival(Endpoint.ENGAGE, place_of=PLACES.get)
PLAIN: list[dict[str, Any]] = [
    {"set": {"a": "x", "b": 1.5, "c": True, "d": [1, "x", None]}},
    {"set": {}},
    {"set_once": {"a": None, "b": 1}},
    {"add": {"a": 1, "b": -2.5}},
    {"append": {"a": "x", "b": [1]}},
    {"union": {"a": [1, "x"], "b": []}},
    {"set": {"a": 1}, "time": NOW_S - 60},
    {"set": {"a": 1}, "time": (NOW_S - 60) * 1000.0},
    {"set": {"a": 1}, "ip": 0},
    {"set": {"a": 1}, "ip": next(iter(PLACES))},
    {"set": {"a": 1}, "ip": None, "device_id": {"of": "an SDK"}},
]
OTHER: list[dict[str, Any]] = [
    {"set": {"a": 1}, "set_once": {"b": 1}},
    {"set": {"a": 1}, "unset": ["b"]},
    {"delete": ""},
    {"set": {"a": 1}, "delete": None},
    {"remove": {"a": 1}},
    {"set": {"a": None}},
    {"set": {"a": {"b": 1}}},
    {"set": {"a": "x" * (STRING_CHARACTERS_MAX + 1)}},
    {"set": {"a": FAST_INTEGER_MAX + 1}},
    {"set": {"a": [0] * (FAST_LIST_ELEMENTS_MAX + 1)}},
    {"set": {"$last_seen": "then"}},
    {"add": {"a": True}},
    {"add": {"$last_seen": 1}},
    {"set": {"a": 1}, "ignore_time": True},
    {"set": {"a": 1}, "ignore_alias": True},
    {"set": {"a": 1}, "latitude": 47, "longitude": 15},
    {"set": {"a": 1}, "time": "1"},
    {"set": {"a": 1}, "distinct_id": 5},
    {"set": {"a": 1}, "distinct_id": ""},
    {"set": {"a": 1}, "token": "unknown"},
    {},
]


def fast(records: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, to: Arrival = ENGAGE) -> int:
    """How many updates of a body take the fast path."""
    left = 0

    def decode(text: bytes) -> Any:
        nonlocal left
        left += 1
        return msgspec.json.decode(text, type=dict[str, msgspec.Raw])

    with monkeypatch.context() as patch:
        patch.setattr(updates, "decode_update", decode)
        texts = update_texts(dumps(records), lines=False)
        assert texts is not None
        assert len(updates.judge_updates(texts, to) or []) == len(records)
    ingest(dumps(records), to)
    return len(records) - left


@pytest.mark.parametrize("given", PLAIN, ids=str)
def test_an_update_with_one_operation_on_plain_values_takes_the_fast_path(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fast([user(**given)], monkeypatch, PLACED) == 1


@pytest.mark.parametrize("given", OTHER, ids=lambda each: str(each)[:60])
def test_every_other_update_takes_the_complete_rules(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for body in ([user(**given)], [*FILLER, user(**given), *FILLER]):
        assert fast(body, monkeypatch) == len(body) - 1


def test_a_body_of_many_others_leaves_the_fast_path_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    body = [user(set={"a": None}) if at % 3 else user(set={"a": 1}) for at in range(300)]
    assert 0 < fast(body, monkeypatch) < 50


def test_a_list_of_the_fast_path_is_within_the_limit_of_its_bytes() -> None:
    longest = ["\x01" * STRING_CHARACTERS_MAX] * FAST_LIST_ELEMENTS_MAX
    assert len(msgspec.json.encode(longest)) < PROFILE_LIST_BYTES_MAX


NUMBER = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.none() | st.booleans() | NUMBER | st.text(max_size=5) | st.just("é" * 256)
VALUE = SCALAR | st.lists(SCALAR, max_size=3) | st.dictionaries(st.text(max_size=3), SCALAR, max_size=2)
NAME = st.sampled_from(["a", "b", "é", 'q"', "$city", "$last_seen", "n" * 256])
OPERATION = st.sampled_from(["$set", "$set_once", "$add", "$append", "$union", "$remove", "$unset", "$delete"])
OPERAND = st.dictionaries(NAME, VALUE, max_size=3) | st.dictionaries(NAME, NUMBER | st.lists(SCALAR), max_size=2)
HEAD = st.fixed_dictionaries(
    {},
    optional={
        "$token": st.sampled_from([ALPHA.token, BETA.token, "", 5]),
        "$distinct_id": st.sampled_from(["u", "v" * 20, "", "none", 5, None, "w" * 256]),
        "$ip": st.sampled_from([0, "0", None, True, *PLACES]),
        "$time": st.sampled_from([NOW_S, NOW_S * 1000, -1, 10**13, 1.5, "1", None]),
        "$ignore_time": st.booleans(),
        "$ignore_alias": st.booleans(),
        "$latitude": st.just(47.07),
    },
)


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    known = {"$token": ALPHA.token, "$distinct_id": "u"}
    given = draw(st.dictionaries(OPERATION, OPERAND | VALUE, max_size=2) | st.dictionaries(OPERATION, OPERAND))
    return known | draw(st.just({}) | HEAD) | given


@given(st.lists(records(), min_size=1, max_size=6), st.booleans())
@example([user(set={"a": -0.0, "b": 10**18, "c": 1e300})], False)
def test_the_complete_rules_give_the_same(given: list[dict[str, Any]], placed: bool) -> None:
    ingest(dumps(given), PLACED if placed else ENGAGE)


@pytest.mark.parametrize(
    "text",
    [
        '{"$token":"T","$distinct_id":"u","$set":{"a":1,"a":2},"$set":{"b":1,"c":1.0,"b":3e2}}',
        '{"\\u0024token":"T","$distinct_id":"\\u00fc","\\u0024set":{"a\\u00e9\\/":"\\u00e9\\/","b":-0}}',
        '{ "$token" : "T" , "$distinct_id" : "u", "$set" : { "a" : [ 1 , 2.50 ] } }',
        '{"$token":"T","$distinct_id":"u","$set":{"a":"\\ud83d\\ude00","b":1234567890123456789.5,"c":0.1e-400}}',
        '{"$token":"T","$distinct_id":"u","$set":{"a":"\\ud800"}}',
        '{"$token":"T","$distinct_id":"u","$set":{"a":1e400}}',
        '{"$token":"T","$distinct_id":"u","x":' + "[" * 200 + "]" * 200 + ',"$set":{"a":1}}',
    ],
    ids=lambda text: text[:80],
)
def test_texts_that_no_encoder_writes_mean_the_same(text: str) -> None:
    ingest(text.replace('"T"', f'"{ALPHA.token}"').encode())
