"""Each rule of protocol §4 and §6 as rows of a table; every row is played in every form of a body."""

from typing import Any

import pytest

from tests.support.ingest.bodies import (
    ALPHA,
    BETA,
    DAY_S,
    IMPORT,
    NOW_MS,
    NOW_S,
    STRICT,
    TRACK,
    arrival,
    outcomes,
    record,
)
from tests.support.ingest.event_outcomes import accepted, rejected
from tests.support.ingest.refused_ids import REFUSED_IDS
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import NO_KEY

MISSING = "must not be missing"
NO_TIME = "must be specified as seconds since epoch"
HOUR_S = 3600


def invalid(field: str, why: str) -> tuple[str, str]:
    return field, f"'{field}' is invalid: {why}"


# (name, sent, /track gives, strict /import gives): milliseconds stored, or why it is refused.
OLD = "must not be older than 5 days; send it to /import"
MICROSECONDS = "must be specified as seconds or milliseconds since epoch, not microseconds"
NANOSECONDS = "must be specified as seconds or milliseconds since epoch, not nanoseconds"
TIMES: list[tuple[str, Any, int | str, int | str]] = [
    ("seconds", NOW_S - 60, NOW_MS - 60_000, NOW_MS - 60_000),
    ("milliseconds", NOW_MS - 59_999, NOW_MS - 59_999, NOW_MS - 59_999),
    ("fraction of seconds", NOW_S - 0.25, NOW_MS - 250, NOW_MS - 250),
    ("fraction of milliseconds", NOW_MS - 1.5, NOW_MS - 2, NOW_MS - 2),
    ("whole number as a fraction", float(NOW_S - 60), NOW_MS - 60_000, NOW_MS - 60_000),
    ("string of seconds", str(NOW_S - 60), NOW_MS - 60_000, NOW_MS - 60_000),
    ("string of milliseconds", str(NOW_MS - 1), NOW_MS - 1, NOW_MS - 1),
    ("string with a fraction", f"{NOW_S - 1}.75", NOW_MS - 250, NOW_MS - 250),
    ("now", NOW_S, NOW_MS, NOW_MS),
    ("a millisecond ahead", NOW_MS + 1, NOW_MS, NOW_MS),
    ("an hour ahead", NOW_S + HOUR_S, NOW_MS, NOW_MS),
    ("an hour and a millisecond ahead", NOW_MS + 3_600_001, NOW_MS, "must not be in the future"),
    ("the end of the year 9999", 253_402_300_799_999, NOW_MS, "must not be in the future"),
    ("beyond the year 9999", 253_402_300_800_000, MICROSECONDS, "must not be in the future"),
    ("microseconds", NOW_MS * 1000, MICROSECONDS, "must not be in the future"),
    ("microseconds as a string", str(NOW_MS * 1000), MICROSECONDS, "must not be in the future"),
    ("microseconds as a fraction", NOW_MS * 1000.0, MICROSECONDS, "must not be in the future"),
    ("nanoseconds", NOW_MS * 1_000_000, NANOSECONDS, "must not be in the future"),
    ("1e300", 1e300, NANOSECONDS, "must not be in the future"),
    ("5 days old", NOW_S - 5 * DAY_S, NOW_MS - 5 * DAY_S * 1000, NOW_MS - 5 * DAY_S * 1000),
    ("5 days and a millisecond old", NOW_MS - 5 * DAY_S * 1000 - 1, OLD, NOW_MS - 5 * DAY_S * 1000 - 1),
    ("1971", 31_536_000, OLD, 31_536_000_000),
    ("1971 as a string", "31536000", OLD, 31_536_000_000),
    ("the last moment of 1970", 31_535_999.999, OLD, "must not be before 1971-01-01"),
    ("just below 1e11 is seconds", 99_999_999_999, NOW_MS, "must not be in the future"),
    ("1e11 is milliseconds", 100_000_000_000, OLD, 100_000_000_000),
    ("zero", 0, OLD, "must not be before 1971-01-01"),
    ("negative", -NOW_S, OLD, "must not be before 1971-01-01"),
    ("the least integer", -(2**63), OLD, "must not be before 1971-01-01"),
    ("the least float", -1.7e308, OLD, "must not be before 1971-01-01"),
    ("a word", "yesterday", NO_TIME, NO_TIME),
    ("a date", "2026-01-31T00:00:00", NO_TIME, NO_TIME),
    ("an empty string", "", NO_TIME, NO_TIME),
    ("a padded string", f" {NOW_S}", NO_TIME, NO_TIME),
    ("a string with an exponent", "1.7e9", NO_TIME, NO_TIME),
    ("a string ending in a newline", f"{NOW_S}\n", NO_TIME, NO_TIME),
    ("true", True, NO_TIME, NO_TIME),
    ("a list", [NOW_S], NO_TIME, NO_TIME),
    ("an object", {"a": NOW_S}, NO_TIME, NO_TIME),
    ("null", None, NOW_MS, MISSING),
]


@pytest.mark.parametrize(("name", "sent", "on_track", "on_import"), TIMES, ids=[row[0] for row in TIMES])
def test_time_is_read_and_bounded(name: str, sent: Any, on_track: int | str, on_import: int | str) -> None:
    for to, expected in ((TRACK, on_track), (STRICT, on_import)):
        value = record({"time": sent})
        if isinstance(expected, str):
            assert rejected(value, to) == invalid("properties.time", expected)
        else:
            assert accepted(value, to).time_ms == expected
            assert "time" not in accepted(value, to).properties


def test_time_that_no_float_can_hold_is_no_time() -> None:
    text = b'{"event":"a","properties":{"token":"%b","distinct_id":"u","time":1e400}}' % ALPHA.token.encode()
    assert rejected(text) == invalid("properties.time", NO_TIME)


def test_a_missing_time_is_the_arrival_unless_import_is_strict() -> None:
    assert accepted(record(None, "time")).time_ms == NOW_MS
    assert accepted(record(None, "time"), IMPORT).time_ms == NOW_MS
    assert rejected(record(None, "time"), STRICT) == invalid("properties.time", MISSING)


# (name, properties, (distinct_id, device_id, user_id)): protocol §6, simplified.
IDENTITIES: list[tuple[str, dict[str, Any], tuple[str, str, str]]] = [
    ("a string", {"distinct_id": "u"}, ("u", "", "")),
    ("empty", {"distinct_id": ""}, ("", "", "")),
    ("an integer", {"distinct_id": 13793}, ("13793", "", "")),
    ("an integer of 20 digits", {"distinct_id": 18446744073709551615}, ("18446744073709551615", "", "")),
    ("a fraction", {"distinct_id": 1.5}, ("1.5", "", "")),
    ("a whole fraction", {"distinct_id": 7.0}, ("7", "", "")),
    ("a large float", {"distinct_id": 1e21}, ("1000000000000000000000", "", "")),
    ("a small float", {"distinct_id": 1e-7}, ("0.0000001", "", "")),
    ("a negative integer", {"distinct_id": -2}, ("-2", "", "")),
    ("any characters", {"distinct_id": 'ü ✓ 😀 "\\/\n\0'}, ('ü ✓ 😀 "\\/\n\0', "", "")),
    ("255 characters", {"distinct_id": "😀" * 255}, ("😀" * 255, "", "")),
    ("nearly a refused one", {"distinct_id": "nullable"}, ("nullable", "", "")),
    ("a device", {"distinct_id": "$device:d"}, ("$device:d", "d", "")),
    ("a device and its id", {"distinct_id": "$device:x", "$device_id": "d"}, ("$device:d", "d", "")),
    ("a dollar", {"distinct_id": "$u"}, ("$u", "", "")),
    ("user wins", {"distinct_id": "x", "$device_id": "d", "$user_id": "u"}, ("u", "d", "u")),
    ("user wins over a device's distinct_id", {"distinct_id": "$device:d", "$user_id": "u"}, ("u", "d", "u")),
    ("device wins over distinct_id", {"distinct_id": "x", "$device_id": "d"}, ("$device:d", "d", "")),
    ("empty user is none", {"distinct_id": "x", "$user_id": ""}, ("x", "", "")),
    ("null user and device are none", {"distinct_id": "x", "$user_id": None, "$device_id": None}, ("x", "", "")),
    ("numbers", {"distinct_id": "x", "$user_id": 7, "$device_id": 8}, ("7", "8", "7")),
    ("user alone", {"distinct_id": None, "$user_id": "u"}, ("u", "", "u")),
    ("device alone", {"distinct_id": None, "$device_id": "d"}, ("$device:d", "d", "")),
]


@pytest.mark.parametrize(("name", "changes", "ids"), IDENTITIES, ids=[row[0] for row in IDENTITIES])
def test_identity_is_derived(name: str, changes: dict[str, Any], ids: tuple[str, str, str]) -> None:
    for to in (TRACK, STRICT):
        event = accepted(record(changes), to)
        assert (event.distinct_id, event.device_id, event.user_id) == ids
        kept = {key: value for key, value in changes.items() if key != "distinct_id" and value is not None}
        assert event.properties == kept


@pytest.mark.parametrize("refused", [*REFUSED_IDS, *(each.upper() for each in REFUSED_IDS), "Anonymous"])
def test_ids_that_stand_for_nobody_are_refused(refused: str) -> None:
    why = f"must not be '{refused}', which stands for no one"
    for field in ("distinct_id", "$user_id", "$device_id"):
        for to in (TRACK, IMPORT):
            assert rejected(record({field: refused}), to) == invalid(f"properties.{field}", why)


@pytest.mark.parametrize("field", ["distinct_id", "$user_id", "$device_id"])
def test_ids_must_be_strings_or_numbers_of_bounded_length(field: str) -> None:
    name = f"properties.{field}"
    no_texts: list[Any] = [True, False, [], ["u"], {}, {"a": 1}]
    too_long: list[Any] = ["x" * 256, "ü" * 256, 1e300, 10**260]
    for value in no_texts:
        assert rejected(record({field: value})) == invalid(name, "must be a string")
    for value in too_long:
        assert rejected(record({field: value})) == invalid(name, "must not be longer than 255 characters")
    assert rejected(record({field: 0})) == invalid(name, "must not be '0', which stands for no one")
    assert rejected(record({field: -1})) == invalid(name, "must not be '-1', which stands for no one")
    assert rejected(record({field: 0.0})) == invalid(name, "must not be '0', which stands for no one")


@pytest.mark.parametrize("digits", [400, 5000])
def test_an_id_of_hundreds_of_digits_is_refused(digits: int) -> None:
    text = b'{"event":"a","properties":{"token":"%b","distinct_id":%b}}' % (ALPHA.token.encode(), b"1" * digits)
    assert rejected(text)[0] == "properties.distinct_id"


def test_nobody_at_all_is_refused_or_hashed_from_the_address() -> None:
    value = record(None, "distinct_id")
    assert rejected(value) == ("properties.distinct_id", "distinct_id, missing or empty")
    assert rejected(value, STRICT) == invalid("properties.distinct_id", MISSING)
    here, there = arrival(hash_address="192.0.2.1"), arrival(hash_address="192.0.2.2")
    hashed = accepted(value, here).distinct_id
    assert (len(hashed), "192" in hashed) == (32, False)
    assert accepted(value, here).distinct_id == hashed
    assert accepted(value, there).distinct_id != hashed
    assert accepted(record({"token": BETA.token}, "distinct_id"), here).distinct_id != hashed
    assert accepted(record(), here).distinct_id == "u"


def test_requests_that_link_ids_need_neither_time_nor_insert_id() -> None:
    bare = ("time", "distinct_id", "$insert_id")
    ids = {"$identified_id": "u", "$anon_id": "x"}
    for to in (TRACK, IMPORT, STRICT):
        event = accepted(record(ids, *bare, name="$identify"), to)
        assert (event.event, event.time_ms, event.distinct_id, event.properties) == ("$identify", NOW_MS, "u", ids)
        alias = accepted(record({"alias": "x"}, "time", "$insert_id", name="$create_alias"), to)
        assert (alias.event, alias.time_ms, alias.distinct_id) == ("$create_alias", NOW_MS, "u")
    for to in (IMPORT, STRICT):
        merge = accepted(record({"$distinct_ids": ["a", "b"]}, *bare, name="$merge"), to)
        assert (merge.event, merge.time_ms, merge.distinct_id) == ("$merge", NOW_MS, "a")


INSERT_CHARACTERS = "must only contain alphanumeric or hyphen '-' characters"
# (sent, why strict /import refuses it)
BAD_INSERT_IDS: list[tuple[Any, str]] = [
    ("a" * 37, "must not be longer than 36 bytes"),
    ("", INSERT_CHARACTERS),
    ("a_b", INSERT_CHARACTERS),
    ("a b", INSERT_CHARACTERS),
    ("ü", INSERT_CHARACTERS),
    ("insert-id\n", INSERT_CHARACTERS),
    ("٣٤٥", INSERT_CHARACTERS),
    (1.5, "must be a string"),
    (True, "must be a string"),
    (["a"], "must be a string"),
    ({"a": 1}, "must be a string"),
    (0, "must not be '0', which identifies nothing"),
    ("-1", "must not be '-1', which identifies nothing"),
    ("UNDEFINED", "must not be 'UNDEFINED', which identifies nothing"),
    (REFUSED_IDS[0], f"must not be '{REFUSED_IDS[0]}', which identifies nothing"),
]


@pytest.mark.parametrize(("sent", "why"), BAD_INSERT_IDS, ids=[repr(row[0]) for row in BAD_INSERT_IDS])
def test_a_bad_insert_id_is_refused_by_strict_import_and_replaced_elsewhere(sent: Any, why: str) -> None:
    value = record({"$insert_id": sent})
    assert rejected(value, STRICT) == invalid("$insert_id", why)
    for to in (TRACK, IMPORT):
        event = accepted(value, to)
        assert event.insert_id.isalnum()
        assert event.insert_id != sent
        assert len(event.insert_id) <= 36
        assert "$insert_id" not in event.properties


@pytest.mark.parametrize("sent", ["a", "Az09-" * 7 + "x", "-", "insert-id-of-20-byte", 12345])
def test_a_good_insert_id_is_kept_and_deduplicates(sent: Any) -> None:
    for to in (TRACK, IMPORT, STRICT):
        event = accepted(record({"$insert_id": sent}), to)
        assert event.insert_id == str(sent)
        assert event.key != NO_KEY


def test_a_missing_insert_id_is_made_up_and_does_not_deduplicate() -> None:
    for value in (record(None, "$insert_id"), record({"$insert_id": None})):
        for to in (TRACK, IMPORT):
            first, second = accepted(value, to), accepted(value, to)
            assert first.key == second.key == NO_KEY
            assert first.insert_id != second.insert_id
        assert rejected(value, STRICT) == invalid("$insert_id", MISSING)


def test_the_same_bad_insert_id_is_replaced_by_the_same_so_that_a_retry_is_recognised() -> None:
    first, again = (accepted(record({"$insert_id": "a_b"})) for _ in range(2))
    other = accepted(record({"$insert_id": "a_c"}))
    assert first.key == again.key != NO_KEY
    assert other.key != first.key


def test_only_project_event_user_and_insert_id_make_the_key() -> None:
    key = accepted(record()).key
    same = [record({"time": NOW_S - 5}), record({"extra": 1}), record({"distinct_id": "x", "$user_id": "u"})]
    assert {accepted(value).key for value in same} == {key}
    assert accepted(record(), IMPORT).key == key
    others = [
        record({"token": BETA.token}),
        record(name="b"),
        record({"distinct_id": "v"}),
        record({"$insert_id": "insert-id-2"}),
        record({"distinct_id": "uinsert-id", "$insert_id": "-1x"}),
    ]
    assert len({key, *(accepted(value).key for value in others)}) == 6


NO_TEXT = "'event' is invalid: must be a string"
TOO_LONG = "'event' is invalid: must not be longer than 255 characters"
# (name, event, /track says, /import says)
NAMES: list[tuple[str, Any, str, str]] = [
    ("null", None, "event, missing", f"'event' is invalid: {MISSING}"),
    ("empty", "", "event, missing", f"'event' is invalid: {MISSING}"),
    ("a number", 5, NO_TEXT, NO_TEXT),
    ("true", True, NO_TEXT, NO_TEXT),
    ("a list", ["a"], NO_TEXT, NO_TEXT),
    ("an object", {"a": "b"}, NO_TEXT, NO_TEXT),
    ("256 characters", "ü" * 256, TOO_LONG, TOO_LONG),
]


@pytest.mark.parametrize(("name", "sent", "on_track", "on_import"), NAMES, ids=[row[0] for row in NAMES])
def test_an_event_needs_a_name(name: str, sent: Any, on_track: str, on_import: str) -> None:
    assert rejected(record(name=sent)) == ("event", on_track)
    assert rejected(record(name=sent), STRICT) == ("event", on_import)


def test_an_event_without_a_name_at_all_is_refused() -> None:
    assert rejected({"properties": record()["properties"]}) == ("event", "event, missing")
    assert rejected({}, IMPORT) == invalid("event", MISSING)


def test_an_event_without_properties_is_refused() -> None:
    assert rejected({"event": "a"}) == ("properties.token", "token, missing or empty")
    assert rejected({"event": "a"}, STRICT) == invalid("properties", MISSING)


@pytest.mark.parametrize("sent", [[], "x", 5, True, None])
def test_properties_that_are_no_object_are_named(sent: Any) -> None:
    for to in (TRACK, STRICT):
        field, message = rejected({"event": "a", "properties": sent}, to)
        assert "properties" in field
        assert "JSON object" not in message


@pytest.mark.parametrize("name", ["a", "ü" * 255, " a  b ", "$mp_web_page_view", 'a"\\\n\0'])
def test_event_names_are_kept_as_they_are(name: str) -> None:
    assert accepted(record(name=name)).event == name
    assert accepted(record(name=name), STRICT).event == name


TOKENS: list[tuple[Any, str]] = [
    (None, "token, missing or empty"),
    ("", "token, missing or empty"),
    (5, "token, missing or empty"),
    (["a"], "token, missing or empty"),
    ("f" * 32, "token, unknown"),
    (ALPHA.token.upper(), "token, unknown"),
]


@pytest.mark.parametrize(("sent", "message"), TOKENS, ids=[repr(row[0]) for row in TOKENS])
def test_track_needs_a_known_token_and_import_none(sent: Any, message: str) -> None:
    assert rejected(record({"token": sent})) == ("properties.token", message)
    assert accepted(record({"token": sent}), STRICT).project_id == ALPHA.project_id
    assert accepted(record({"token": BETA.token}), STRICT).project_id == ALPHA.project_id


def test_a_missing_token_is_refused_and_an_unknown_one_can_be_dropped_silently() -> None:
    silent = arrival(accept_unknown_tokens=True)
    assert rejected(record(None, "token")) == ("properties.token", "token, missing or empty")
    assert rejected(record(None, "token"), silent) == ("properties.token", "token, missing or empty")
    assert set(outcomes(record({"token": "f" * 32}), silent)) == {None}


@pytest.mark.parametrize("value", [True, 1, "yes", "false", [0], {"a": 0}])
def test_a_record_marked_ignore_is_ignored_whatever_else_it_breaks(value: Any) -> None:
    for changes in ({}, {"time": "x"}, {"distinct_id": "null"}, {"a": [[[[1]]]]}):
        for to in (TRACK, STRICT):
            assert set(outcomes(record(changes | {"$ignore": value}), to)) == {None}


@pytest.mark.parametrize("value", [False, 0, "", [], {}, None])
def test_a_record_whose_ignore_is_false_is_kept(value: Any) -> None:
    expected = {} if value is None else {"$ignore": value}
    assert accepted(record({"$ignore": value})).properties == expected


def test_import_is_told_apart_in_the_row() -> None:
    assert accepted(record()).endpoint == Endpoint.TRACK
    assert accepted(record(), STRICT).endpoint == Endpoint.IMPORT
    assert accepted(record()).received_us == NOW_MS * 1000
