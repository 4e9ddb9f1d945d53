"""From records to events and profiles."""

from typing import Any

import orjson
import pytest

from trackway.transfer.shapes import Mapping, Owner, Refused, mapped, profile, time_value

NAMED = Mapping(event_name="name", time="at", distinct_id="who")


def shaped(mapping: Mapping, record: dict[str, Any]) -> Any:
    return orjson.loads(orjson.dumps(mapped(mapping)(record)))


def test_columns_that_no_option_names_are_properties() -> None:
    record = {"name": "Buy", "at": "2024-01-02T03:04:05Z", "who": "u", "price": 2, "properties": {"a": 1, "price": 9}}
    assert shaped(NAMED, record) == {
        "event": "Buy",
        "properties": {"price": 2, "a": 1, "time": 1_704_164_645_000, "distinct_id": "u"},
    }


def test_named_properties_are_the_only_ones() -> None:
    record = {"name": "Buy", "at": 1, "who": "u", "price": 2, "attributes": '{"a":1}', "secret": "s"}
    chosen = NAMED._replace(properties=("price", "attributes", "missing"))
    assert shaped(chosen, record)["properties"] == {"price": 2, "a": 1, "time": 1, "distinct_id": "u"}


def test_the_id_of_an_event_is_kept_beside_named_properties() -> None:
    record = {"name": "Buy", "at": 1, "who": "u", "price": 2, "$insert_id": "i", "secret": "s"}
    chosen = NAMED._replace(properties=("price",))
    assert shaped(chosen, record)["properties"] == {"price": 2, "$insert_id": "i", "time": 1, "distinct_id": "u"}


def test_texts_of_a_csv_are_typed_but_ids_and_times_stay() -> None:
    record = {"event": "7", "time": "1700000000", "distinct_id": "007", "$insert_id": "12", "n": "12.50", "zip": "007"}
    assert shaped(Mapping(is_text=True), record) == {
        "event": "7",
        "properties": {"$insert_id": "12", "n": 12.5, "zip": "007", "time": "1700000000", "distinct_id": "007"},
    }


def test_a_record_without_a_name_is_refused() -> None:
    assert mapped(NAMED)({"event": "x"}) == Refused("event", "no value in the column 'name'")


def test_a_row_of_an_export_is_the_event_it_was() -> None:
    row = {
        "event": "A", "time": "2024-01-02T03:04:05.678000", "distinct_id": "u",
        "distinct_id_before_identity": "$device:d", "device_id": "d", "user_id": "",
        "insert_id": "i", "endpoint": "/track", "received": "x", "loaded": "x",
        "properties": '{"$device_id":"d","a":1}',
    }  # fmt: skip
    assert shaped(Mapping(), row) == {
        "event": "A",
        "properties": {
            "$device_id": "d", "a": 1, "distinct_id": "u", "$insert_id": "i", "time": 1_704_164_645_678,
            "$distinct_id_before_identity": "$device:d",
        },
    }  # fmt: skip


def test_a_row_of_an_export_may_have_no_user() -> None:
    """An empty field of a CSV is no member of its record."""
    row = {"event": "A", "time": "1", "insert_id": "i", "endpoint": "/track", "loaded": "x", "properties": '{"a":1}'}
    assert shaped(Mapping(is_text=True), row) == {
        "event": "A",
        "properties": {"a": 1, "distinct_id": "", "$insert_id": "i", "time": "1"},
    }


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("2024-01-02", 1_704_153_600_000),
        ("2024-01-02 03:04:05.678901", 1_704_164_645_678),
        ("2024-01-02 03:04:05.678 UTC", 1_704_164_645_678),
        ("2024-01-02T03:04:05+02:00", 1_704_157_445_000),
        ("1969-12-31T23:59:59.999", -1),
        ("yesterday-ish", "yesterday-ish"),
        ("-5", "-5"),
        (1700000000, 1700000000),
        (None, None),
    ],
)
def test_a_time_is_in_milliseconds_or_stays_as_it_is(value: Any, wanted: Any) -> None:
    assert time_value(value) == wanted


OWN = {"$token": "t", "$ip": "0", "$ignore_time": True}


@pytest.mark.parametrize(
    ("owner", "mapping", "record", "wanted"),
    [
        (Owner("t"), None, {"$distinct_id": "u", "$properties": {"a": 1}}, {"$distinct_id": "u", "$set": {"a": 1}}),
        (Owner("t"), None, {"$distinct_id": "u", "$set_once": {"a": 1}}, {"$distinct_id": "u", "$set_once": {"a": 1}}),
        (Owner("t"), None, {"$distinct_id": "u", "a": 1}, {"$distinct_id": "u", "$set": {"a": 1}}),
        (
            Owner("t", "company"), None, {"$distinct_id": "c", "$properties": {"a": 1}},
            {"$group_key": "company", "$group_id": "c", "$set": {"a": 1}},
        ),
        (
            Owner("t"), Mapping(distinct_id="id", is_text=True), {"id": "007", "n": "7"},
            {"$distinct_id": "007", "$set": {"n": 7}},
        ),
    ],
)  # fmt: skip
def test_a_profile_is_set(owner: Owner, mapping: Mapping | None, record: Any, wanted: dict[str, Any]) -> None:
    assert orjson.loads(orjson.dumps(profile(owner, mapping)(record))) == OWN | wanted


@pytest.mark.parametrize("operation", ["$add", "$append", "$remove"])
def test_an_update_that_would_add_up_is_refused(operation: str) -> None:
    found = profile(Owner("t"), None)({"$distinct_id": "u", operation: {"a": 1}})
    assert isinstance(found, Refused) and found.field == operation
