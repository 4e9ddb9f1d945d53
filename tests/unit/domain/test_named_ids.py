"""The ids that a rejected record names, whatever it is."""

import json
from typing import Any

import pytest

from trackway.domain.named_ids import named_ids


@pytest.mark.parametrize(
    ("record", "ids"),
    [
        ({"event": "a", "properties": {"distinct_id": "ann", "x": "bob"}}, {"ann"}),
        ({"event": "a", "properties": {"distinct_id": 12, "$device_id": "d"}}, {"12", "d", "$device:d"}),
        ({"event": "a", "properties": {"$device_id": "$device:d"}}, {"d", "$device:d"}),
        ({"event": "a", "properties": {"$device_id": "d", "$user_id": "bob", "distinct_id": "d"}}, {"bob"}),
        ({"event": "$merge", "properties": {"$distinct_ids": ["a", 2, None, "b"]}}, {"a", "2", "b"}),
        ({"event": "$create_alias", "properties": {"distinct_id": "ann", "alias": "anna"}}, {"ann", "anna"}),
        ({"$token": "t", "$distinct_id": "ünï \U0001f600", "$set": {"distinct_id": "bob"}}, {"ünï \U0001f600"}),
        ([{"$distinct_id": "a"}, {"$distinct_id": "b"}], {"a", "b"}),
        ({"event": "a", "properties": ["ann"]}, set()),
        ({"properties": {"distinct_id": {"ann": 1}, "$distinct_ids": "ann"}}, set()),
        ("ann", set()),
        (None, set()),
    ],
)
def test_a_record_names_the_ids_in_the_fields_for_ids(record: Any, ids: set[str]) -> None:
    for ascii_only in (True, False):
        assert named_ids(json.dumps(record, ensure_ascii=ascii_only).encode()) == ids


@pytest.mark.parametrize("record", [b'{"distinct_id": "\\u00fcn\\"i", ', b'\xff"\\u00fcn\\"i"', b'["\\u00fcn\\"i"}'])
def test_of_other_bytes_each_text_in_quotes_may_be_one(record: bytes) -> None:
    assert 'ün"i' in named_ids(record)


def test_a_deep_record_is_read_as_bytes() -> None:
    assert "ann" in named_ids(b"[" * 100_000 + b'"ann"')
