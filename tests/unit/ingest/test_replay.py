"""Rejected records sent again: the same event each time, whatever was wrong and whatever is changed."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ingest.bodies import ALPHA, BETA, DAY_S, NOW_S, PROJECTS, dumps, record
from tests.support.ingest.stored_events import StoredEvent, read_events
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import Update, decode_entries
from trackway.domain.errors import RequestError
from trackway.ingest.arrival import Arrival
from trackway.ingest.outcome import Ingested
from trackway.ingest.replay import Change, Origin, insert_id_of, read_change, replay
from trackway.ingest.split import MalformedBody

LATER_S = NOW_S + 10 * DAY_S
CAME_US = NOW_S * 1_000_000 + 123_456
ORIGIN = Origin("7 1 2 3", CAME_US)


def arrival(endpoint: Endpoint = Endpoint.TRACK, at_s: int = LATER_S) -> Arrival:
    return Arrival(endpoint=endpoint, received_us=at_s * 1_000_000, find_project=PROJECTS.get, project=ALPHA)


def again(text: Any, change: Change | None = None, **changes: Any) -> Ingested:
    return replay(text if isinstance(text, bytes) else dumps(text), ORIGIN, arrival(**changes), change)


def event_of(ingested: Ingested) -> StoredEvent:
    (event,) = read_events(ingested.payload)
    return event


def update_of(ingested: Ingested) -> tuple[int, Update]:
    (entry,) = decode_entries(ingested.payload)
    (update,) = entry.updates
    return entry.project_id, update


def test_event_that_was_too_old_is_imported_with_its_own_time_and_insert_id() -> None:
    event = event_of(again(record({"time": NOW_S - 20 * DAY_S})))
    assert (event.endpoint, event.time_ms, event.insert_id) == (
        Endpoint.IMPORT,
        (NOW_S - 20 * DAY_S) * 1000,
        "insert-id-1",
    )


@pytest.mark.parametrize("token", [BETA.token, "unknown", None, 7])
def test_event_goes_to_the_project_it_is_sent_again_in_whatever_token_it_has(token: Any) -> None:
    event = event_of(again(record({"token": token})))
    assert event.project_id == ALPHA.project_id
    assert "token" not in event.properties


@pytest.mark.parametrize("given", [None, "", "undefined", 1.5])
def test_event_without_insert_id_and_time_is_the_same_event_each_time(given: Any) -> None:
    sent = record({"$insert_id": given}, "time")
    first, second = event_of(again(sent)), event_of(again(sent, at_s=LATER_S + DAY_S))
    assert first.insert_id == insert_id_of(ORIGIN, 0)
    assert first.time_ms == CAME_US // 1000
    assert (first.key, first.time_ms, first.insert_id) == (second.key, second.time_ms, second.insert_id)
    assert any(first.key)


def test_bad_insert_id_has_the_replacement_that_a_retry_of_the_client_has() -> None:
    sent = record({"$insert_id": "ü"})
    assert (
        event_of(again(sent)).insert_id == event_of(again(sent, at_s=LATER_S + 1)).insert_id != insert_id_of(ORIGIN, 0)
    )


def test_records_of_an_array_get_insert_ids_of_their_own() -> None:
    ingested = again([record(None, "$insert_id"), record(None, "$insert_id")])
    assert [event.insert_id for event in read_events(ingested.payload)] == [
        insert_id_of(ORIGIN, 0),
        insert_id_of(ORIGIN, 1),
    ]


def test_derived_insert_ids_differ_between_records_and_are_valid() -> None:
    made = {insert_id_of(Origin(identity, 0), index) for identity in ("1 2", "12", "1 2 3") for index in range(3)}
    assert len(made) == 9
    assert all(len(each) == 34 for each in made)


def test_record_that_is_still_wrong_is_refused_again() -> None:
    ingested = again(record({"distinct_id": None}))
    assert [(each.field, each.message) for each in ingested.failures] == [
        ("properties.distinct_id", "'properties.distinct_id' is invalid: must not be missing")
    ]


def test_change_sets_a_property_or_takes_it_out() -> None:
    assert event_of(again(record(None, "distinct_id"), Change("distinct_id", b'"mended"'))).distinct_id == "mended"
    assert event_of(again(record({"time": "noon"}), Change("time", None))).time_ms == CAME_US // 1000
    assert event_of(again(record(name=""), Change("event", b'"named"'))).event == "named"
    assert event_of(again({"event": "a"}, Change("distinct_id", b'"u"'))).distinct_id == "u"
    assert event_of(again(record(), Change("exact", b"1.000000000000000000001"))).text.endswith(
        b"1.000000000000000000001}"
    )


def test_change_is_read_as_reasons_name_fields() -> None:
    assert read_change(" properties.time ", "1", remove=False) == Change("time", b"1")
    assert read_change("$set", "ignored", remove=True) == Change("$set", None)
    for field, value in (("", "1"), ("properties.", "1"), ("a", ""), ("a", "Berlin"), ("a", "1 2"), ("a", "[" * 5000)):
        with pytest.raises(ValueError, match=r"must be"):
            read_change(field, value, remove=False)


def test_profile_update_goes_to_the_project_and_leaves_the_time_last_seen_alone() -> None:
    sent = {"$token": BETA.token, "$distinct_id": "u", "$set": {"plan": "pro"}}
    project_id, update = update_of(again(sent, endpoint=Endpoint.ENGAGE))
    assert project_id == ALPHA.project_id
    assert (update.profile_id, json.loads(update.operations)) == ("u", {"$set": {"plan": "pro"}})


def test_group_update_can_be_mended() -> None:
    sent = {"$group_key": "company", "$set": {"plan": "pro"}}
    assert again(sent, endpoint=Endpoint.GROUPS).failures[0].message == "$group_id, missing or empty"
    _, update = update_of(again(sent, Change("$group_id", b'"Acme"'), endpoint=Endpoint.GROUPS))
    assert (update.group_key, update.profile_id) == ("company", "Acme")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff{}", b"[" * 100_000])
def test_text_that_is_no_records_is_told(text: bytes) -> None:
    with pytest.raises(MalformedBody):
        again(text)


def test_more_records_than_a_request_may_have_are_refused() -> None:
    with pytest.raises(RequestError):
        again([record()] * 2001)


@given(
    st.recursive(
        st.none() | st.text(max_size=5) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["event", "properties", "token", "distinct_id", "time", "$insert_id"]), inner
            )
        ),
    )
)
def test_any_json_ends_in_outcomes_for_this_project_alone(value: Any) -> None:
    try:
        ingested = again(msgspec.json.encode(value))
    except MalformedBody:
        return
    assert ingested.received == ingested.accepted + ingested.ignored + len(ingested.failures)
    assert {entry.project_id for entry in decode_entries(ingested.payload)} == {ALPHA.project_id}
