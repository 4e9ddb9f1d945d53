"""The `$insert_id` that an import gives to an event without one."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.domain.line_ids import LineSource, line_source, made_id, with_insert_id

TEXTS = st.text(max_size=6) | st.sampled_from(['"properties":{', '"properties"', "$insert_id", "properties", "}", "\\"])
INNER = st.dictionaries(TEXTS, TEXTS | st.dictionaries(TEXTS, TEXTS, max_size=2), max_size=3)


@given(
    properties=INNER,
    others=st.dictionaries(TEXTS, TEXTS | INNER, max_size=2),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]),
    first=st.booleans(),
)
def test_any_event_without_an_id_gets_one_and_nothing_else_changes(
    properties: dict[str, Any], others: dict[str, Any], separators: tuple[str, str], first: bool
) -> None:
    members = [("event", "e"), ("properties", properties)]
    event = dict([*members, *others.items()] if first else [*others.items(), *members])
    event["properties"] = properties
    text = json.dumps(event, separators=separators).encode()
    found = json.loads(with_insert_id(text, "a.ndjson", 7))
    given_id = found["properties"].pop("$insert_id", None)
    if b'"$insert_id"' in text:
        assert given_id == properties.get("$insert_id")
        properties.pop("$insert_id", None)
    else:
        assert re.fullmatch("[0-9a-f]{32}", given_id)
    assert found == event


@pytest.mark.parametrize(
    "value",
    ["12345678901234567890123", "18446744073709551616", "1.10", "-0.0", "1E5", "[" * 300 + "]" * 300, '"\\u00fc"'],
)
@pytest.mark.parametrize(
    "form", ['{"properties" : {"n":%s}}', '{"properties":{ "n":%s},"m":7}', '{"m":%s,"properties":{}}']
)
def test_no_value_is_written_anew(value: str, form: str) -> None:
    text = form % value
    found = with_insert_id(text.encode(), "a", 1).decode()
    assert re.search(r'"\$insert_id":"[0-9a-f]{32}"', found)
    assert f":{value}" in found


@pytest.mark.parametrize("inner", ['"properties":{"n":1}', '"properties": {"n":1}', '"n":1'])
def test_the_id_of_an_event_whose_names_are_escaped_is_among_its_properties(inner: str) -> None:
    text = rf'{{"event":"e","prop\u0065rties":{{{inner}}}}}'.encode()
    found = json.loads(with_insert_id(text, "a", 1))
    assert found["properties"].pop("$insert_id") == made_id("a", 1, text)
    assert found == json.loads(text)


def test_id_is_of_the_file_the_line_and_the_content() -> None:
    ids = {made_id(*each) for each in [("a", 1, b"x"), ("b", 1, b"x"), ("a", 2, b"x"), ("a", 1, b"y"), ("a", 11, b"")]}
    assert len(ids) == 5
    assert made_id("a", 1, b"x") == made_id("a", 1, b"x")


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"7", b"broken", b'{"event":"x"}', b'{"properties":7}', b'{"properties":{"$insert_id":"a"}}']
)
def test_what_is_no_event_or_has_an_id_stays_as_it_is(text: bytes) -> None:
    assert with_insert_id(text, "a", 1) == text


@given(
    name=st.text(max_size=20) | st.sampled_from(["a b.ndjson", "ü/\udce9.ndjson", "1 2"]), first=st.integers(1, 10**9)
)
def test_a_header_says_of_which_file_lines_are(name: str, first: int) -> None:
    text = LineSource(name, first).header()
    assert text.isascii() and text.isprintable()
    assert line_source(text) == (name, first)


@pytest.mark.parametrize("text", ["", "x a.ndjson", "a.ndjson"])
def test_a_header_without_a_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        line_source(text)
