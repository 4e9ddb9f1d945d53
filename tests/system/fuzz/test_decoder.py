"""The pure functions between bytes and outcomes, given anything: they answer or raise what they name, nothing else."""

import json

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.fuzz.mutation import TOKENS, damaged_bytes
from tests.support.fuzz.requests import BODIES, GOOD, JSON_VALUES
from tests.support.ingest.bodies import ALPHA
from tests.support.ingest.stored_events import StoredEvent, read_events
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import decode_entries
from trackway.domain.errors import RequestError
from trackway.edge.wire.decode import Decoded, decode_request, read_query
from trackway.ingest.arrival import Arrival
from trackway.ingest.fast_path.events import LearnedReaders
from trackway.ingest.outcome import Ingested
from trackway.ingest.request import ingest_body, ingest_update_body
from trackway.ingest.split import MalformedBody

BYTES_MAX = 1_000_000
NOW_US = 1_780_000_000_000_000
EVENT_ENDPOINTS = (Endpoint.TRACK, Endpoint.IMPORT)
FUZZED = settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
TYPES = st.sampled_from(
    [b"", b"application/json", b"application/x-ndjson", b"application/x-www-form-urlencoded", b"\xff"]
)
ENCODINGS = st.sampled_from([b"", b"", b"gzip", b"identity", b"deflate", b"\xff"])
PART = st.sampled_from(
    [b"--b", b"\r\n", b"\r\n\r\n", b"--", b"Content-Disposition: form-data; name=", b'"data"', b"[{}]"]
)
ANY_BYTES = st.one_of(
    st.lists(PART | st.binary(max_size=3), max_size=20).map(lambda each: b"--b\r\n" + b"".join(each)),
    st.binary(max_size=300),
    st.lists(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=5)), max_size=30).map(b"".join),
    st.sampled_from([request.body for request in GOOD]).flatmap(damaged_bytes),
)


def arrival(endpoint: Endpoint, strict: bool) -> Arrival:
    project = ALPHA if endpoint is Endpoint.IMPORT else None
    return Arrival(endpoint, NOW_US, lambda token: ALPHA, project, strict)  # every token names it


def decoded(query: bytes, content_type: bytes, content_encoding: bytes, body: bytes) -> Decoded | None:
    """None where the bytes were refused as they may be."""
    try:
        return decode_request(read_query(query), content_type, content_encoding, body, BYTES_MAX)
    except (MalformedBody, RequestError) as refusal:
        assert str(refusal)
        assert "\n" not in str(refusal)
        return None


def ingested_of(text: bytes, lines: bool, to: Arrival) -> Ingested:
    """The outcomes of a body. Raises MalformedBody or RequestError."""
    if to.endpoint.takes_profiles:
        return ingest_update_body(text, to, lines=lines)
    return ingest_body(text, to, LearnedReaders(), lines=lines)


def assert_counts_add_up(text: bytes, lines: bool, endpoint: Endpoint, strict: bool) -> None:
    """Split, apply the rules, and count: every record has one outcome, and the payload can be read back."""
    try:
        ingested = ingested_of(text, lines, arrival(endpoint, strict))
    except (MalformedBody, RequestError) as refusal:
        assert str(refusal)
        return
    assert ingested.accepted + ingested.ignored + len(ingested.failures) == ingested.received
    assert sum(ingested.rejected.values()) == len(ingested.failures)
    entries = decode_entries(ingested.payload) if ingested.payload else []
    assert sum(entry.events.number + len(entry.updates) for entry in entries) == ingested.accepted
    assert sum(entry.ignored for entry in entries) == ingested.ignored
    kept = sum(len(entry.rejections) + sum(number for _, number in entry.counted) for entry in entries)
    assert kept == len(ingested.failures)
    for failure in ingested.failures:
        json.dumps([failure.message, failure.field, failure.insert_id], ensure_ascii=False).encode()


@FUZZED
@given(query=ANY_BYTES, content_type=TYPES, content_encoding=ENCODINGS, body=ANY_BYTES)
def test_decoder_answers_or_names_the_fault(
    query: bytes, content_type: bytes, content_encoding: bytes, body: bytes
) -> None:
    result = decoded(query, content_type, content_encoding, body)
    if result is not None:
        assert len(result.text) <= BYTES_MAX
        assert_counts_add_up(result.text, result.lines, Endpoint.TRACK, strict=False)


@FUZZED
@given(text=ANY_BYTES, lines=st.booleans(), endpoint=st.sampled_from(Endpoint), strict=st.booleans())
@example(text=b'{"event":"a","properties":{"x":"\\ud800"}}', lines=False, endpoint=Endpoint.IMPORT, strict=True)
@example(text=b'[{"event":"a","properties":{"a":1e999}}]', lines=False, endpoint=Endpoint.TRACK, strict=False)
@example(
    text=b'[{"event":"a","properties":{"time":1e999,"token":"a"}}]', lines=False, endpoint=Endpoint.TRACK, strict=False
)
@example(text=b'[{"event":"","properties":{"token":"\xff"}}]', lines=False, endpoint=Endpoint.TRACK, strict=False)
@example(text=b'[{"event":"","properties":{"$insert_id":"\xff"}}]', lines=False, endpoint=Endpoint.TRACK, strict=False)
@example(text=b'[{"event":"a","properties":{"\\ud800":1}}]', lines=False, endpoint=Endpoint.TRACK, strict=False)
@example(
    text=b'[{"$token":"a","$distinct_id":"u","$set":{"\\ud800":1}}]', lines=False, endpoint=Endpoint.ENGAGE, strict=True
)
@example(
    text=b'[{"$token":"a","$distinct_id":"u","$add":{"a":1e999}}]', lines=False, endpoint=Endpoint.ENGAGE, strict=True
)
def test_every_record_has_one_outcome(text: bytes, lines: bool, endpoint: Endpoint, strict: bool) -> None:
    assert_counts_add_up(text, lines, endpoint, strict)


@FUZZED
@given(body=BODIES, lines=st.booleans(), endpoint=st.sampled_from(Endpoint), strict=st.booleans())
def test_any_json_has_one_outcome_a_record(body: object, lines: bool, endpoint: Endpoint, strict: bool) -> None:
    assert_counts_add_up(json.dumps(body).encode(), lines, endpoint, strict)


NUMBERED = ["time", "distinct_id", "$insert_id", "a", "group_id", "ip", "unset"]


@FUZZED
@given(digits=st.integers(1, 5000), key=st.sampled_from(NUMBERED), sign=st.booleans())
def test_numbers_of_any_length_have_one_outcome(digits: int, key: str, sign: bool) -> None:
    number = ("-" if sign else "") + "9" * digits
    for text in (number, f"0.{'9' * digits}", f"1e{digits}", f"1e-{digits}", f'"{number}"'):
        properties = f'{{"token":"a","distinct_id":"u","{key}":{text}}}'
        for endpoint in EVENT_ENDPOINTS:
            assert_counts_add_up(f'[{{"event":"a","properties":{properties}}}]'.encode(), False, endpoint, True)
        profile = f'{{"$token":"a","$distinct_id":"u","${key}":{text},"$set":{properties},"$add":{properties}}}'
        for endpoint in (Endpoint.ENGAGE, Endpoint.GROUPS):
            assert_counts_add_up(f"[{profile}]".encode(), False, endpoint, True)


PROPERTY_KEYS = st.sampled_from(["time", "distinct_id", "$user_id", "$device_id", "$ignore", "ip", "a", "b", "$import"])
SIZES = st.sampled_from([1, 3, 4, 253, 254, 255, 300])
UNUSUAL = st.one_of(
    JSON_VALUES,
    SIZES.map("x".__mul__),
    SIZES.map('y"'.__mul__),
    SIZES.map(lambda size: {f"{key}": 0 for key in range(size)}),
    SIZES.map(lambda size: [""] * size),
    SIZES.map(lambda size: {"a": {"b": ["z" * size]}}),
)
SMALL_EVENTS = st.builds(
    lambda name, properties: {
        "event": name,
        "properties": {"token": "a", "$insert_id": "b", "distinct_id": "u", "time": NOW_US // 10**6, **properties},
    },
    st.sampled_from(["a", "ü" * 200, "", None]),
    st.dictionaries(PROPERTY_KEYS, UNUSUAL, max_size=5),
)
TINY: dict[str, object] = {"event": ""}


def plain_event(place: int) -> dict[str, object]:
    known = {"token": "a", "$insert_id": f"p{place}", "distinct_id": "u", "time": NOW_US // 10**6}
    return {"event": "a", "properties": {**known, "x": "x" * 90}}


PLAIN = [plain_event(place) for place in range(150)]


def outcomes(
    records: list[dict[str, object]], endpoint: Endpoint, lines: bool
) -> tuple[list[StoredEvent], list[tuple[str, str]]]:
    """The events to store, and what was said of the others."""
    texts = [json.dumps(each) for each in records]
    body = "\n".join(texts) if lines else f"[{','.join(texts)}]"
    ingested = ingest_body(body.encode(), arrival(endpoint, strict=True), LearnedReaders(), lines=lines)
    events = read_events(ingested.payload) if ingested.payload else []
    return events, [(each.field, each.message) for each in ingested.failures]


@settings(FUZZED, max_examples=300)
@given(
    events=st.lists(SMALL_EVENTS | st.just(TINY), min_size=1, max_size=4),
    endpoint=st.sampled_from(EVENT_ENDPOINTS),
    lines=st.booleans(),
)
def test_large_batch_is_stored_as_its_events_one_by_one(
    events: list[dict[str, object]], endpoint: Endpoint, lines: bool
) -> None:
    together = [*PLAIN, *events]
    events_stored, failures = outcomes(together, endpoint, lines)
    alone = [outcomes([each], endpoint, lines) for each in together]
    assert events_stored == [event for each, _ in alone for event in each]
    assert failures == [failure for _, each in alone for failure in each]
