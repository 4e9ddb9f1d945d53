"""The `$insert_id` that an import gives to an event without one."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.transfer.insert_ids import made_id, with_insert_id

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


def test_id_is_of_the_file_the_line_and_the_content() -> None:
    ids = {made_id(*each) for each in [("a", 1, b"x"), ("b", 1, b"x"), ("a", 2, b"x"), ("a", 1, b"y"), ("a", 11, b"")]}
    assert len(ids) == 5
    assert made_id("a", 1, b"x") == made_id("a", 1, b"x")


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"7", b"broken", b'{"event":"x"}', b'{"properties":7}', b'{"properties":{"$insert_id":"a"}}']
)
def test_what_is_no_event_or_has_an_id_stays_as_it_is(text: bytes) -> None:
    assert with_insert_id(text, "a", 1) == text
