"""A whole request: outcomes that add up, entries by project, what is kept of a rejected record."""

import time
from typing import Any

import pytest
from tests.ingest.sending import ALPHA, BETA, FILLER, IMPORT, STRICT, TRACK, arrival, dumps, record, send

from trackway.ingest.outcome import Rejected
from trackway.ingest.request import ingest_undecodable
from trackway.journal.entry import NO_PROJECT, VERSION, Endpoint, decode_entries
from trackway.limits import REJECTED_ORIGINAL_BYTES_MAX

UNKNOWN = {"token": "f" * 32}
LATE = {"time": 1}


def test_a_batch_of_several_projects_has_one_entry_for_each() -> None:
    batch = [
        record({"$insert_id": "of-alpha-1"}),
        record({"token": BETA.token, "$insert_id": "of-beta--1"}),
        record({"$insert_id": "of-alpha-2"}),
        record(UNKNOWN),
        record({"token": BETA.token, "$ignore": True}),
        record(LATE),
        record(LATE | {"token": BETA.token}),
        record({"token": BETA.token, "$insert_id": "of-beta--2"}),
    ]
    sent = send(dumps(batch))
    assert [(event.project_id, event.insert_id) for event in sent.events] == [
        (ALPHA.project_id, "of-alpha-1"),
        (ALPHA.project_id, "of-alpha-2"),
        (BETA.project_id, "of-beta--1"),
        (BETA.project_id, "of-beta--2"),
    ]
    assert sent.ignored == {BETA.project_id: 1}
    assert {project: [each.index for each in group] for project, group in sent.rejections.items()} == {
        NO_PROJECT: [3],
        ALPHA.project_id: [5],
        BETA.project_id: [6],
    }
    assert [failure.index for failure in sent.failures] == [3, 5, 6]


def test_import_counts_everything_for_the_project_of_its_credentials() -> None:
    batch = [record(UNKNOWN), record({"token": BETA.token}), record({"$ignore": 1}), record(LATE), 5]
    sent = send(dumps(batch), IMPORT)
    assert {event.project_id for event in sent.events} == {ALPHA.project_id}
    assert (sent.ignored, list(sent.rejections)) == ({ALPHA.project_id: 1}, [ALPHA.project_id])


@pytest.mark.parametrize("many", [False, True])
def test_a_rejected_record_keeps_its_place_reason_and_insert_id(many: bool) -> None:
    before = FILLER if many else []
    bad = record(LATE | {"$insert_id": "of-the-bad-one"})
    sent = send(dumps([*before, bad, record()]), STRICT)
    (failure,), ((rejection,),) = sent.failures, sent.rejections.values()
    assert failure.index == rejection.index == len(before)
    assert failure.insert_id == rejection.insert_id == "of-the-bad-one"
    assert failure.field == rejection.field == "properties.time"
    assert failure.message == rejection.reason
    assert rejection.original == dumps(bad)
    assert sent.ingested.accepted == len(before) + 1


@pytest.mark.parametrize("insert_id", [None, 5, ["a"], "", "a_b", {"a": 1}])
def test_the_insert_id_of_a_failure_is_what_the_client_wrote_if_it_is_text(insert_id: Any) -> None:
    sent = send(dumps(record({"$insert_id": insert_id, "distinct_id": "null"})))
    assert sent.failures[0].insert_id == (insert_id if isinstance(insert_id, str) else "")


@pytest.mark.parametrize("name", ["token", "$insert_id", "distinct_id", "a"])
@pytest.mark.parametrize("value", [b'"\xff"', b'"\\ud800"', b"1e999", b"null", b"[]", b"{}", b"1" + b"0" * 400])
def test_what_a_bad_record_claims_is_read_with_care(name: str, value: bytes) -> None:
    text = dumps(record({name: "?", "time": 1})).replace(b'"?"', value)
    for body in (text, b"[" + text + b"]", b"[" + text + b"," + dumps(record()) + b"]"):
        assert len(send(body).failures) == 1
        assert len(send(body, STRICT).failures) == 1


def test_reasons_are_counted() -> None:
    sent = send(dumps([record(UNKNOWN), record(UNKNOWN), record(LATE), record(), 5]))
    assert sent.ingested.rejected == {
        "token, unknown": 2,
        "'properties.time' is invalid: must not be older than 5 days; send it to /import": 1,
        "data, must be a JSON object": 1,
    }


def test_a_batch_of_bad_records_alone_is_kept_as_rejected() -> None:
    sent = send(dumps([record(UNKNOWN)] * 2000))
    assert (sent.ingested.accepted, len(sent.rejections[NO_PROJECT])) == (0, 2000)


def test_an_entry_says_where_and_when_it_came_in() -> None:
    for to in (TRACK, IMPORT):
        (entry,) = decode_entries(send(dumps(record()), to).ingested.payload)
        assert (entry.version, entry.endpoint, entry.received_us) == (VERSION, to.endpoint, to.received_us)
        assert entry.events.number == 1


def test_the_same_request_gives_the_same_rows() -> None:
    body = dumps([*FILLER, record({"a": [1, 2, {"b": "x" * 300}]}), record({"$insert_id": "a_b"})])
    assert send(body).ingested.payload == send(body).ingested.payload


def test_a_record_gives_the_same_row_alone_and_among_others() -> None:
    batch = [*FILLER, record({"a": "x" * 300, "$insert_id": "insert-id-2"}), record({"$user_id": "u"})]
    together = send(dumps(batch)).events
    assert [send(dumps(each)).event for each in batch] == together


def test_an_undecodable_body_is_one_rejected_record() -> None:
    reason = Rejected("data", "data, not valid JSON: expecting value at byte 0")
    for to, project_id in ((arrival(), NO_PROJECT), (arrival(Endpoint.IMPORT), ALPHA.project_id)):
        body = b"[" + b"x" * REJECTED_ORIGINAL_BYTES_MAX
        ingested = ingest_undecodable(body, reason, to)
        (entry,) = decode_entries(ingested.payload)
        (rejection,) = entry.rejections
        assert (entry.project_id, entry.events.number, entry.ignored) == (project_id, 0, 0)
        assert (rejection.reason, rejection.field) == (reason.reason, "data")
        assert rejection.original == body[:REJECTED_ORIGINAL_BYTES_MAX]
        assert (ingested.received, ingested.accepted, ingested.imported) == (1, 0, 0)
        assert [failure.message for failure in ingested.failures] == [reason.reason]


def test_a_rejected_record_costs_the_same_in_a_large_batch() -> None:
    def seconds(count: int) -> float:
        body = dumps([record(LATE | {"text": "x y " * 60})] * count)
        started_s = time.perf_counter()
        send(body)
        return time.perf_counter() - started_s

    few = min(seconds(100) for _ in range(3))
    many = min(seconds(2000) for _ in range(2))
    assert many < 20 * few * 5
