"""A whole request: outcomes that add up, entries by project, what is kept of a rejected record."""

from typing import Any

import pytest

from tests.support.ingest.bodies import (
    ALPHA,
    BETA,
    FILLER,
    IMPORT,
    STRICT,
    TRACK,
    arrival,
    dumps,
    entries_of,
    record,
    send,
)
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import NO_PROJECT, VERSION, decode_entries
from trackway.ingest.fast_path.events import LearnedReaders
from trackway.ingest.outcome import Rejected
from trackway.ingest.request import ingest_body, ingest_undecodable, ingest_unknown

UNKNOWN = {"token": "f" * 32}
LATE = {"time": 1}
LATE_REASON = "'properties.time' is invalid: must not be older than 5 days; send it to /import"


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
        ALPHA.project_id: [5],
        BETA.project_id: [6],
    }
    assert sent.counted == {"token, unknown": 1}
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


def test_of_records_of_no_project_the_reasons_are_counted_and_nothing_else_is_kept() -> None:
    sent = send(dumps([record(UNKNOWN)] * 2000))
    assert (sent.ingested.accepted, sent.rejections, sent.counted) == (0, {}, {"token, unknown": 2000})
    assert len(sent.ingested.payload) < 100


@pytest.mark.parametrize("left", [2, 1, 0])
def test_of_no_project_no_more_rows_are_kept_than_may_be(left: int) -> None:
    batch = [record(UNKNOWN), record(UNKNOWN), 5]
    sent = ingest_body(dumps(batch), arrival(rejected_left=lambda _project_id: left), LearnedReaders(), lines=False)
    counted = [entry.counted for entry in entries_of(sent)]
    assert counted == [[("token, unknown", 2), ("data, must be a JSON object", 1)][:left]] * (left > 0)
    assert sent.rejected == {"token, unknown": 2, "data, must be a JSON object": 1}
    assert dict(sent.rejected_kept) == ({NO_PROJECT: left} if left else {})


def test_originals_of_a_request_without_credentials_are_bounded() -> None:
    bad = record(LATE | {"padding": "x" * 20_000})
    kept = [each.original for each in send(dumps([bad] * 50)).rejections[ALPHA.project_id]]
    assert kept == [dumps(bad)] * 13 + [b""] * 37
    kept = [each.original for each in send(dumps([bad | {"event": ""}] * 50), IMPORT).rejections[ALPHA.project_id]]
    assert kept == [dumps(bad | {"event": ""})] * 50


def test_no_more_original_bytes_of_a_project_are_kept_than_may_be() -> None:
    bad = record(LATE)
    size = len(dumps(bad))
    to = arrival(rejected_left=lambda project_id: 2 * size if project_id == ALPHA.project_id else 0)
    sent = send(dumps([bad] * 3 + [record(LATE | {"token": BETA.token})]), to)
    assert [each.original for each in sent.rejections[ALPHA.project_id]] == [dumps(bad), dumps(bad), b""]
    assert [each.original for each in sent.rejections[BETA.project_id]] == [b""]
    assert [each.reason for each in sent.rejections[BETA.project_id]] == [LATE_REASON]
    assert dict(sent.ingested.rejected_kept) == {ALPHA.project_id: 2 * size}
    assert sent.ingested.originals_dropped == 2


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


def test_an_undecodable_body_is_one_rejected_record_of_no_project() -> None:
    reason = Rejected("data", "data, not valid JSON: expecting value at byte 0")
    ingested = ingest_undecodable(reason, arrival())
    (entry,) = entries_of(ingested)
    assert (entry.project_id, entry.events.number, entry.ignored) == (NO_PROJECT, 0, 0)
    assert (entry.rejections, entry.counted) == ([], [(reason.reason, 1)])
    assert (ingested.received, ingested.accepted, ingested.imported) == (1, 0, 0)
    assert [failure.message for failure in ingested.failures] == [reason.reason]


@pytest.mark.parametrize("accept", [False, True])
def test_records_whose_tokens_name_no_project_are_refused_without_a_look_at_them(accept: bool) -> None:
    for endpoint, field in ((Endpoint.TRACK, "properties.token"), (Endpoint.ENGAGE, "$token")):
        ingested = ingest_unknown(3, arrival(endpoint, accept_unknown_tokens=accept))
        assert (ingested.received, ingested.ignored) == (3, 3 if accept else 0)
        assert [each.field for each in ingested.failures] == ([] if accept else [field] * 3)
