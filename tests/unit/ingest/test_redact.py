"""What is kept of a rejected record: the client's bytes without the address in them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ingest.bodies import dumps
from trackway.domain.limits import REJECTED_ORIGINAL_BYTES_MAX
from trackway.ingest.redact import kept

ADDRESS = "192.0.2.10"
ADDRESS_6 = "2001:db8::7777"
UNCHANGED = [
    b"",
    b'{"event": 5,\n "properties": {"a" : [1, 2]}}',
    b'{"event":"ip","properties":{"zip":"192","version":"1.2.3.4","at":"12:30:45"}}',
    b'{"event":"\\u0069p"}',
    b'{"event":"\\"ip","properties":{"a\\"ip": "b"}}',
    b'"ip"',
    b"[5]",
    b'"\xff ip"',
]


@pytest.mark.parametrize("original", UNCHANGED)
def test_bytes_without_an_address_are_kept_as_they_are(original: bytes) -> None:
    assert kept(original) == original


CHANGED = [
    ('{"event":5,"properties":{"a":1.10,"ip":"@","b":"ü"}}', '{"event":5,"properties":{"a":1.10,"ip":0,"b":"ü"}}'),
    ('{"properties":{"\\u0069p":"@"}}', '{"properties":{"\\u0069p":0}}'),
    ('{"$ip":"@","$set":{"ip" :\n"x"}}', '{"$ip":0,"$set":{"ip" :\n0}}'),
    ('{"properties":"ip","\\u0024ip":"a\\"@"}', '{"properties":"ip","\\u0024ip":0}'),
    ('{"event":"x","properties":[{"token":"t","ip":"@"}]}', '{"event":"x","properties":[{"token":"t","ip":0}]}'),
    ('{"event":"x","ip":"@","properties":{}}', '{"event":"x","ip":0,"properties":{}}'),
    ('{"data":[{"properties":{"ip":"@","a":"b"}}]}', '{"data":[{"properties":{"ip":0,"a":"b"}}]}'),
    ('[["ip",{"ip":"@"}]]', '[["ip",{"ip":0}]]'),
    ('{"properties":{"ip":["@",{"v":"#"}],"a":1}}', '{"properties":{"ip":["0",{"v":"0"}],"a":1}}'),
    ('{"properties":{"$ip":{"first":{"v":"::ffff:@"}}}}', '{"properties":{"$ip":{"first":{"v":"0"}}}}'),
    ('{"properties":"{\\"ip\\":\\"@\\"}"}', '{"properties":"{\\"ip\\":\\"0\\"}"}'),
]


@pytest.mark.parametrize(("original", "expected"), CHANGED)
def test_the_address_becomes_zero(original: str, expected: str) -> None:
    assert kept(original.replace("@", ADDRESS).replace("#", ADDRESS_6).encode()) == expected.encode()


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
    long = b'{"ip":' * REJECTED_ORIGINAL_BYTES_MAX
    assert len(kept(long)) == REJECTED_ORIGINAL_BYTES_MAX


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_characters=":."), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ip", "$ip", "a"]), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_every_ip_becomes_zero_and_all_else_stays(record: object) -> None:
    assert json.loads(kept(dumps(record))) == without_addresses(record)


def without_addresses(value: object) -> object:
    if isinstance(value, list):
        return [without_addresses(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: 0 if name in ("ip", "$ip") and not isinstance(member, dict | list) else without_addresses(member)
        for name, member in value.items()
    }
