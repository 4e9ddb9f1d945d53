"""What is kept of a rejected record: the client's bytes without the address in them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ingest.sending import dumps

from trackway.ingest.originals import kept
from trackway.limits import REJECTED_ORIGINAL_BYTES_MAX

ADDRESS = "192.0.2.10"
UNCHANGED = [
    b"",
    b'{"event": 5,\n "properties": {"a" : [1, 2]}}',
    b'{"event":"ip","properties":{"zip":"192","tip":{"ip":"nested, the client\'s own"}}}',
    b'{"event":"\\u0069p"}',
    b"ip",
    b'"ip"',
    b"[5]",
    b"\xff ip",
]


@pytest.mark.parametrize("original", UNCHANGED)
def test_bytes_without_an_address_are_kept_as_they_are(original: bytes) -> None:
    assert kept(original) == original


CHANGED = [
    ('{"event":5,"properties":{"a":1.10,"ip":"@","b":"ü"}}', '{"event":5,"properties":{"a":1.10,"ip":0,"b":"ü"}}'),
    ('{"properties":{"\\u0069p":"@"}}', '{"properties":{"ip":0}}'),
    ('{"$ip":"@","$set":{"ip":"x"}}', '{"$ip":0,"$set":{"ip":"x"}}'),
    ('{"properties":{"ip":["@"]}}', '{"properties":{"ip":0}}'),
    ('{"properties":{"ip": "@", "a":', '{"properties":{"ip": 0, "a":'),
    ('[{"properties":{"ip" : "@"}},{"$ip":"@', '[{"properties":{"ip" : 0}},{"$ip":0'),
    ('{"properties":"ip","$ip":"@"}', '{"properties":"ip","$ip":0}'),
    ('[{"properties":{"ip":["@","@"],', '[{"properties":{"ip":0,'),
]


@pytest.mark.parametrize(("original", "expected"), CHANGED)
def test_the_address_becomes_zero(original: str, expected: str) -> None:
    assert kept(original.replace("@", ADDRESS).encode()) == expected.encode()


@pytest.mark.parametrize(
    "original",
    [
        b'{"event":"\xff","properties":{"ip":"192.0.2.10"}}',
        b'{"event":"a","properties":{"ip":"192.0.2.10","\xff":1}}',
        b'{"event":"a","properties":{"ip":"192.0.2.10"},"\xff":1}',
        b'{"event":"a","properties":{"ip":"192.0.2.10","a":"\xff"}}',
    ],
)
def test_the_address_is_taken_out_of_what_is_not_utf8(original: bytes) -> None:
    assert kept(original) == original.replace(b'"192.0.2.10"', b"0")


def test_what_is_kept_is_bounded() -> None:
    assert len(kept(b"ip" * REJECTED_ORIGINAL_BYTES_MAX)) == REJECTED_ORIGINAL_BYTES_MAX


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ip", "$ip", "a"]), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["event", "properties", "$ip", "a"]), JSON))
def test_an_address_becomes_zero_where_one_is_looked_for_and_all_else_stays(record: dict[str, object]) -> None:
    expected = {name: 0 if name == "$ip" else value for name, value in record.items()}
    properties = record.get("properties")
    if isinstance(properties, dict):
        expected["properties"] = {name: 0 if name == "ip" else value for name, value in properties.items()}
    assert json.loads(kept(dumps(record))) == expected
