"""Raws of members of texts as they are stored: those of the texts in a readable form."""

import json
from typing import Any, Final

import pytest

from trackway.query.expressions import raw_in, raw_in_readable, readable
from trackway.store.client import Store
from trackway.store.errors import VALUE_REFUSED, StoreError

pytestmark = pytest.mark.one_machine  # what an expression means depends on no place of rows

READABLE: Final = (
    "",
    "{}",
    '{"a":1}',
    '{"a":null,"b":2}',
    '{"a":"","b":""}',
    '{"b":{"a":1}}',
    '{"a":1,"a":2}',
)
UNREADABLE: Final = '{"b":123456789012345678901234567890}'
"""A text without the member `a`, of which the engine reads nothing."""
TEXTS: Final = (
    *READABLE,
    UNREADABLE,
    '{"b":123456789012345678901234567890,"a":"x"}',
    '{"a":123456789012345678901234567890}',
    '{"a":1e999,"b":[1e999,"1e999 -5"]}',
    '{"a":[1,{"a":18446744073709551616}],"b":"}"}',
    '{"b":1',
)


def read(store: Store, raw: str, texts: tuple[str, ...], name: str) -> list[tuple[Any, ...]]:
    parameters = {"texts": json.dumps(texts), "name": name}
    rows = "SELECT arrayJoin(JSONExtract({texts:String}, 'Array(String)')) AS text"
    return store.query(
        f"SELECT text, {raw}, JSONExtractRaw({readable('text')}, {{name:String}}) FROM ({rows})", parameters
    )


def test_a_member_of_a_text_that_the_engine_reads_needs_no_other_form(store: Store) -> None:
    for name in ("a", "b"):
        rows = read(store, raw_in_readable("text", "{name:String}"), READABLE, name)
        assert [raw for _, raw, _ in rows] == [raw for _, _, raw in rows]


def test_a_text_that_the_engine_cannot_read_fails_in_the_shorter_form(store: Store) -> None:
    with pytest.raises(StoreError) as raised:
        read(store, raw_in_readable("text", "{name:String}"), ("{}", UNREADABLE), "a")
    assert raised.value.code == VALUE_REFUSED


def test_a_member_of_a_stored_text_is_that_of_its_readable_form(store: Store) -> None:
    for name in ("a", "b"):
        rows = read(store, raw_in("text", "{name:String}"), TEXTS, name)
        assert len(rows) == len(TEXTS)
        assert [(text, raw) for text, raw, _ in rows] == [(text, raw) for text, _, raw in rows]
        assert sum(raw != "" for _, raw, _ in rows) > 6
