"""The limits on properties (protocol §4): what is cut, dropped, refused, and what passes untouched."""

import json
from typing import Any

import pytest

from tests.support.ingest.bodies import ALPHA, STRICT, TRACK, dumps, record, send
from tests.support.ingest.event_outcomes import accepted, rejected

LARGE_BYTES = 20 * 1024


def nested(depth: int) -> Any:
    return {"a": nested(depth - 1)} if depth else 1


def keys(count: int) -> dict[str, int]:
    return {f"k{number}": number for number in range(count)}


def wide(field: str = "a") -> str:
    return f"'properties.{field}' is invalid: must have fewer than 255"


KEPT: dict[str, Any] = {
    "text": "a",
    "blank": "",
    "255 characters": "😀" * 255,
    "quotes": '"\\' * 127,
    "commas and brackets": ",{[" * 85,
    "integer": 1,
    "zero": 0,
    "large integer": 18446744073709551615,
    "larger integer": 123456789012345678901234567890,
    "fraction": 0.1,
    "exponent": 1e100,
    "true": True,
    "false": False,
    "list": [1, "a", True, 1.5, None, {"a": None}],
    "empty list": [],
    "empty object": {},
    "254 elements": list(range(254)),
    "254 keys": keys(254),
    "depth 3": nested(3),
    "depth 3 of lists": [[["x"]]],
    "254 nested elements": {"a": {"b": [0] * 254}},
    "brackets in a nested string": {"a": "[{" * 100},
    "the word null": "null",
    "nothing but a slash": "/",
    "separators of lines": "\u2028\u2029\r\n\t\0",
}


@pytest.mark.parametrize("name", KEPT)
def test_a_value_within_the_limits_is_kept(name: str) -> None:
    for to in (TRACK, STRICT):
        assert accepted(record({"a": KEPT[name], name: 1}), to).properties == {"a": KEPT[name], name: 1}


CUT: dict[str, tuple[Any, Any]] = {
    "256 characters": ("x" * 256, "x" * 255),
    "256 umlauts": ("ü" * 256, "ü" * 255),
    "beyond the basic plane": ("😀" * 300, "😀" * 255),
    "quotes": ('"' * 300, '"' * 255),
    "backslashes": ("\\" * 256, "\\" * 255),
    "control characters": ("\0\n" * 200, ("\0\n" * 200)[:255]),
    "in a list": (["a", "x" * 300], ["a", "x" * 255]),
    "in an object": ({"k": "y" * 300}, {"k": "y" * 255}),
    "deep": ([{"k": ["ü" * 256]}], [{"k": ["ü" * 255]}]),
}


@pytest.mark.parametrize("name", CUT)
def test_a_string_is_cut_to_255_code_points(name: str) -> None:
    sent, kept = CUT[name]
    for to in (TRACK, STRICT):
        assert accepted(record({"a": sent, "b": 1}), to).properties == {"a": kept, "b": 1}


def test_escaped_characters_are_counted_once() -> None:
    text = dumps(record({"a": "?"})).replace(b"?", b"\\ud83d\\ude00" * 255)
    assert accepted(text).properties == {"a": "😀" * 255}
    longer = dumps(record({"a": "?"})).replace(b"?", b"\\u00fc" * 256)
    assert accepted(longer).properties == {"a": "ü" * 255}


REFUSED: dict[str, tuple[Any, str]] = {
    "255 elements": ([0] * 255, f"{wide()} elements"),
    "255 keys": (keys(255), f"{wide()} keys"),
    "255 elements within": ({"b": [0] * 255}, f"{wide('a.b')} elements"),
    "255 keys within": ([1, keys(255)], f"{wide('a[1]')} keys"),
    "depth 4": (nested(4), "'properties.a.a.a.a' is invalid: must not be nested deeper than 3 levels"),
    "depth 4 of lists": ([[[[]]]], "'properties.a[0][0][0]' is invalid: must not be nested deeper than 3 levels"),
    "depth 4 mixed": ([{"b": [{}]}], "'properties.a[0].b[0]' is invalid: must not be nested deeper than 3 levels"),
    "depth 400": (
        json.loads("[" * 400 + "]" * 400),
        "'properties.a[0][0][0]' is invalid: must not be nested deeper than 3 levels",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_value_over_a_limit_is_refused_by_name(name: str) -> None:
    sent, message = REFUSED[name]
    for to in (TRACK, STRICT):
        assert rejected(record({"a": sent}), to) == (message.split("'")[1], message)


@pytest.mark.parametrize("name", REFUSED)
def test_a_limit_holds_in_a_large_body_of_few_brackets(name: str) -> None:
    padding = {f"p{number}": "x " * 50 for number in range(200)}
    sent, message = REFUSED[name]
    text = dumps(record(padding | {"a": sent}))
    assert len(text) > LARGE_BYTES
    assert send(text).failures[0].message == message
    few = [{"event": "a"}] * 8 + [record(padding | {"a": sent})]
    assert send(dumps(few)).failures[-1].message == message


def test_properties_are_counted_without_those_the_server_takes_out() -> None:
    own = {"ip": "1", "api_key": "k", "$import": True}
    assert accepted(record(keys(254) | own)).properties == keys(254)
    message = "'properties' is invalid: must have fewer than 255 properties"
    assert rejected(record(keys(255))) == ("properties", message)
    assert rejected(record(keys(255)), STRICT) == ("properties", message)


def test_nulls_do_not_count_as_properties() -> None:
    assert accepted(record(keys(254) | {"nothing": None})).properties == keys(254)


def test_nulls_are_dropped_at_the_top_only() -> None:
    sent = {"a": None, "b": [None], "c": {"d": None}, "e": None}
    assert accepted(record(sent)).properties == {"b": [None], "c": {"d": None}}


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "ip",
        "api_key",
        "$import",
        "$mp_api_endpoint",
        "$mp_api_timestamp_ms",
        "mp_processing_time_ms",
        "$distinct_id_before_identity",
    ],
)
def test_what_the_server_writes_or_hides_never_reaches_storage(name: str) -> None:
    for value in ("x", None, 1, {"a": 1}):
        sent = record({name: value if name != "token" else ALPHA.token, "a": 1})
        assert accepted(sent).properties == {"a": 1}
        assert accepted(sent, STRICT).properties == {"a": 1}


@pytest.mark.parametrize("name", ["", " ", "ü ✓ 😀", 'quote "', "back\\slash", "new\nline", "\0", "x" * 1000, "event"])
def test_property_names_are_kept(name: str) -> None:
    assert accepted(record({name: 1})).properties == {name: 1}


def test_the_last_of_equal_names_counts() -> None:
    text = dumps(record({"a": 3})).replace(b'"a":3', b'"a":1,"\\u0061":2')
    assert accepted(text).properties == {"a": 2}


PRETTY: dict[str, Any] = {
    "object": {"a": {"b": [1, {"c": 2}]}},
    "list": {"a": [1, 2, "x"]},
    "empty": {"a": {}, "b": []},
    "cut": {"a": {"b": "x" * 300}},
    "flat": {"a": 1, "b": "x"},
}


@pytest.mark.parametrize("name", PRETTY)
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_row_is_one_line_even_if_the_client_sent_indented_json(name: str, newline: bytes) -> None:
    text = json.dumps([record(PRETTY[name])], indent=2).encode().replace(b"\n", newline)
    event = send(text).event
    assert b"\n" not in event.text
    assert b"\r" not in event.text
    assert event.properties == json.loads(dumps(PRETTY[name]).replace(b"x" * 300, b"x" * 255))


@pytest.mark.parametrize("size", [1, 300])
@pytest.mark.parametrize("number", [b"1e400", b"-1e999", b"1" * 400])
def test_a_number_beyond_every_float_never_breaks_a_request(number: bytes, size: int) -> None:
    value = b'{"n":%b,"text":"%b"}' % (number, b"x" * size)
    for sent in (number, value, b"[%b]" % value):
        text = dumps(record({"a": "?"})).replace(b'"?"', sent)
        assert send(b"[" + text + b"," + dumps(record()) + b"]").ingested.received == 2


@pytest.mark.parametrize(
    "number", ["12345678901234567890123", "1.0", "1e5", "-0.0", "0.1000000000000000055511151231257827"]
)
def test_a_number_keeps_its_digits_even_where_a_neighbour_is_cut(number: str) -> None:
    text = dumps(record({"a": {"n": "?", "long": "x" * 300}})).replace(b'"?"', number.encode())
    kept = accepted(text).properties["a"]
    assert (kept["n"], type(kept["n"])) == (json.loads(number), type(json.loads(number)))


# (bytes in the place of a value, the field named)
NOT_UTF8: list[tuple[bytes, str]] = [
    (b'"\xff"', "properties.a"),
    (b'"\xc3"', "properties.a"),
    (b'"\xed\xa0\x80"', "properties.a"),
    (b'"\xf4\x90\x80\x80"', "properties.a"),
    (b'"\\ud800"', "properties.a"),
    (b'"\\udc00\\ud800"', "properties.a"),
    (b'"\\ud83d x"', "properties.a"),
    (b'["\\ud800"]', "properties.a"),
    (b'{"k":"\xff"}', "properties.a"),
    (b'{"\\ud800":1}', "properties.a"),
    (b'1,"distinct_id":"\xff"', "properties.distinct_id"),
    (b'1,"$insert_id":"\xff"', "properties.$insert_id"),
    (b'1,"token":"\xff"', "properties.token"),
    (b'1,"$insert_id":"\\ud800"', "properties.$insert_id"),
    (b'1,"token":"\\udfff"', "properties.token"),
]


@pytest.mark.parametrize(("value", "field"), NOT_UTF8, ids=[repr(row[0]) for row in NOT_UTF8])
def test_text_that_is_not_utf8_is_refused_by_name(value: bytes, field: str) -> None:
    text = dumps(record({"a": "?"})).replace(b'"?"', value)
    message = f"'{field}' is invalid: string should be valid utf8"
    for to in (TRACK, STRICT):
        assert rejected(text, to) == (field, message)


def test_a_name_that_is_not_utf8_is_refused() -> None:
    text = dumps(record(name="?")).replace(b'"?"', b'"\xff"')
    assert rejected(text) == ("event", "'event' is invalid: string should be valid utf8")
    field, _ = rejected(dumps(record({"?": 1})).replace(b'"?"', b'"\xff"'))
    assert field.startswith("properties.")
