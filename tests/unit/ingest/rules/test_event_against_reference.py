"""What the rules do with arbitrary records and bodies, held against a slow reference."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.ingest import event_reference as reference
from tests.support.ingest.bodies import (
    ABROAD,
    AFLOAT,
    ALPHA,
    BETA,
    GAMMA,
    HOME,
    IMPORT,
    LOCATED,
    NOW_S,
    OFFICE,
    PLACES,
    STRICT,
    TRACK,
    Sent,
    arrival,
    dumps,
    outcomes,
    record,
    send,
)
from tests.support.ingest.stored_events import StoredEvent
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import NO_KEY
from trackway.domain.errors import RequestError
from trackway.domain.link import LinkKind
from trackway.ingest.arrival import Arrival
from trackway.ingest.split import MalformedBody

ARRIVALS = st.sampled_from(
    [
        TRACK,
        IMPORT,
        STRICT,
        arrival(hash_address="192.0.2.1"),
        arrival(accept_unknown_tokens=True),
        arrival(Endpoint.IMPORT, project=GAMMA),
        arrival(**LOCATED),
        arrival(Endpoint.IMPORT, **LOCATED | {"place": PLACES[ABROAD]}),
        arrival(**LOCATED | {"place": None}),
        arrival(**LOCATED | {"place": PLACES[AFLOAT]}),
    ]
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["", "x" * 255, "ü" * 256, '"' * 300, "\\" * 200, "\n\x00/", "😀" * 256, "{[,:]}" * 60]
)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
) | st.sampled_from([["x"] * 255, {f"k{number}": 1 for number in range(255)}, [[[["x" * 300]]]], [list(range(254))]])
IDS = st.sampled_from(
    [
        "u",
        "u2",
        "",
        "d",
        "$device:d",
        "$device:",
        "anon",
        "NULL",
        "0",
        "x" * 256,
        0,
        -1,
        7,
        1.5,
        1e20,
        1e-7,
        True,
        [],
        {},
    ]
)
TIMES = st.sampled_from([NOW_S, NOW_S - 431_999, NOW_S - 432_001, NOW_S + 3600, NOW_S + 3601, 31_536_000, 31_535_999])
TIME_VALUES = (
    TIMES
    | TIMES.map(lambda seconds: seconds * 1000)
    | TIMES.map(str)
    | TIMES.map(lambda seconds: seconds - 0.25)
    | TIMES.map(lambda seconds: f"{seconds - 1}.75")
    | NUMBERS
)
EXACT_TIMES = st.sampled_from([0, 1, 1000, 999.0, 0.5, -1]).map(lambda ms: (NOW_S - 1) * 1000 + ms) | TIME_VALUES
INSERT_IDS = st.sampled_from(
    ["Az09-" * 7, "x" * 36, "x" * 37, "a_b", "", "none", 5, 0, 1.5, "ü", "-", "insert-id-of-10"]
)
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "token": st.sampled_from([ALPHA.token, ALPHA.token, BETA.token, GAMMA.token, "", "unknown", 5]),
        "time": TIME_VALUES | LEAVES,
        "distinct_id": IDS | VALUES,
        "$user_id": IDS | LEAVES,
        "$device_id": IDS | LEAVES | IDS.map(lambda each: f"$device:{each}"),
        "$insert_id": INSERT_IDS | LEAVES,
        "$ignore": st.sampled_from([True, False, None, 0, 1, "", "no", [], {"a": 1}]),
        "$identified_id": IDS,
        "$anon_id": IDS,
        "$anon_distinct_id": IDS,
        "alias": IDS,
        "$distinct_ids": st.lists(IDS, min_size=1, max_size=3) | LEAVES,
        "ip": st.sampled_from([HOME, OFFICE, ABROAD, "203.0.113.1", 0, "0", None]) | LEAVES,
        "$latitude": st.sampled_from([5, 5.5, -5, 91, True, None]) | LEAVES,
        "$longitude": st.sampled_from([5, 5.5, -5, 181, "5", None]) | LEAVES,
        "$city": VALUES,
        "$region": LEAVES,
        "mp_country_code": LEAVES,
        "$import": LEAVES,
        "$mp_api_event_time_ms": EXACT_TIMES | LEAVES,
        "$distinct_id_before_identity": IDS | LEAVES,
        "a": VALUES,
        "b": VALUES,
    },
)
GOOD = {"token": ALPHA.token, "time": NOW_S - 1, "distinct_id": "u", "$insert_id": "insert-id-1"}
MOSTLY_GOOD = st.builds(lambda changes: GOOD | changes, PROPERTIES)
NAMES = (
    st.sampled_from(["a", "a", "a", "$identify", "$identify", "$create_alias", "$merge", "", "x" * 256, 5, None])
    | TEXTS
)
RECORDS = st.fixed_dictionaries(
    {"event": NAMES, "properties": MOSTLY_GOOD | PROPERTIES | st.dictionaries(TEXTS, VALUES, max_size=5)},
    optional={"$mp_metadata": VALUES},
) | st.fixed_dictionaries({}, optional={"event": NAMES, "properties": MOSTLY_GOOD})


def agrees(found: StoredEvent | tuple[str, str] | None, expected: reference.Event | tuple[str, str] | None) -> None:
    """The outcome is the reference's; ids that the server makes are only there."""
    if not isinstance(expected, reference.Event):
        assert found == expected
        return
    assert isinstance(found, StoredEvent), found
    for field in ("project_id", "time_ms", "event", "device_id", "user_id", "properties"):
        assert getattr(found, field) == getattr(expected, field), field
    if expected.distinct_id is None:
        assert len(found.distinct_id) == 32
    else:
        assert found.distinct_id == expected.distinct_id
    if expected.insert_id is None:
        assert 1 <= len(found.insert_id) <= 36
    else:
        assert (found.insert_id, found.key == NO_KEY) == (expected.insert_id, False)


def links_agree(found: StoredEvent | tuple[str, str] | None, expected: object) -> None:
    """The links asked for are the reference's; but for those of devices, they name the event."""
    if isinstance(found, StoredEvent) and isinstance(expected, reference.Event):
        assert tuple((link.kind, link.id, link.to) for link in found.links) == expected.links
        for link in found.links:
            assert link.insert_id == ("" if link.kind is LinkKind.DEVICE else found.insert_id)
            assert link.reason == ""


@settings(max_examples=examples(120))
@given(RECORDS, ARRIVALS)
@example({"event": "a", "properties": GOOD | {"time": -1e306}}, TRACK)
def test_any_record_has_the_outcome_of_the_reference_in_every_form_of_a_body(
    value: dict[str, Any], to: Arrival
) -> None:
    expected = reference.judge(value, to)
    for found in outcomes(value, to):
        agrees(found, expected)
        links_agree(found, expected)


@settings(max_examples=examples(100))
@given(st.lists(RECORDS | VALUES, min_size=1, max_size=8), ARRIVALS, st.booleans())
def test_each_record_of_a_batch_is_judged_for_itself_and_in_order(values: list[Any], to: Arrival, lines: bool) -> None:
    body = b"\n".join(map(dumps, values)) if lines else dumps(values)
    if lines and not body.strip():
        return
    sent = send(body, to, lines=lines)
    assert sent.ingested.received == len(values)
    expected = [reference.judge(value, to) if is_record(value) else "bad" for value in values]
    failed = {failure.index: (failure.field, failure.message) for failure in sent.failures}
    assert set(failed) == {index for index, each in enumerate(expected) if isinstance(each, str | tuple)}
    assert {index: each for index, each in enumerate(expected) if isinstance(each, tuple)}.items() <= failed.items()
    assert sent.ingested.ignored == expected.count(None)
    for project in (ALPHA, BETA, GAMMA):
        wanted = [
            each for each in expected if isinstance(each, reference.Event) and each.project_id == project.project_id
        ]
        found = [event for event in sent.events if event.project_id == project.project_id]
        for event, expected_event in zip(found, wanted, strict=True):
            agrees(event, expected_event)
        links = dict.fromkeys(link for event in wanted for link in event.links)
        asked = sent.links.get(project.project_id, [])
        assert list(dict.fromkeys((each.kind, each.id, each.to) for each in asked)) == list(links)


SPACES = st.sampled_from(["", "", "", " ", "\n\t"])
KEYS = st.sampled_from(["token", "time", "distinct_id", "$insert_id", "$device_id", "$user_id", "a", "b", "ü", '"', ""])
VALUE_TEXTS = st.sampled_from(
    [
        json.dumps(ALPHA.token),
        f"{NOW_S - 1}",
        f"{NOW_S}.5e0",
        '"u"',
        '"\\u0075"',
        '"insert-id-1"',
        '"$device:d"',
        "null",
        '"\\"time\\":"',
        '{"time":1,"a":[{"token":"x"}]}',
        "[ [1],\n[2] , null]",
        '"' + "x" * 300 + '"',
        '"' + '\\"' * 260 + '"',
        "[[[[1]]]]",
    ]
)


def spelled(key: str, escaped: bool) -> str:
    return '"' + "".join(f"\\u{ord(each):04x}" for each in key) + '"' if escaped else json.dumps(key)


MEMBERS = st.lists(
    st.tuples(KEYS, st.sampled_from([False, False, False, True]), SPACES, VALUE_TEXTS, SPACES), max_size=6
).map(lambda members: [f"{spelled(key, escaped)}{s}:{t}{value}{s}" for key, escaped, s, value, t in members])
WHOLE = [f'"{key}":{json.dumps(value)}' for key, value in GOOD.items()]


@st.composite
def spelled_records(draw: st.DrawFn) -> str:
    """The text of a record whose keys may be repeated, escaped, spaced out, and stand where they mean nothing."""
    members = draw(st.permutations([*WHOLE, *draw(MEMBERS)]))
    outer = ['"event":"a"', '"properties":{' + ",".join(members) + "}", *draw(MEMBERS)]
    return "{" + draw(SPACES) + ",".join(draw(st.permutations(outer))) + "}"


@settings(max_examples=examples(200))
@given(spelled_records(), ARRIVALS)
def test_a_record_means_the_same_however_it_is_spelled(text: str, to: Arrival) -> None:
    expected = reference.judge(json.loads(text), to)
    for found in outcomes(text.encode(), to):
        agrees(found, expected)


def is_record(value: Any) -> bool:
    """Whether the reference knows the shape; anything else is refused as a record."""
    return isinstance(value, dict) and isinstance(value.get("properties", {}), dict)


def answered(body: bytes, to: Arrival, *, lines: bool) -> Sent | str:
    """What became of any bytes; an error that the edge does not know fails the test."""
    try:
        return send(body, to, lines=lines)
    except MalformedBody as fault:
        return str(fault)
    except RequestError as error:
        assert error.status == 413
        return error.message


BYTES = st.binary(max_size=60) | st.text('{}[]",:0123456789.eE+-ntfu\\ \n', max_size=60).map(str.encode)


@settings(max_examples=examples(300))
@given(BYTES, ARRIVALS, st.booleans())
def test_any_bytes_are_answered(body: bytes, to: Arrival, lines: bool) -> None:
    answered(body, to, lines=lines)


JUNK = st.lists(
    st.sampled_from(
        [
            b'"',
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b"\\",
            b"\\u",
            b"d800",
            b"\xff",
            b"\xc3",
            b"\n",
            b"\x00",
            b" ",
            b"1e999",
            b"NaN",
            b"-",
            b"01",
            b"1.",
            b"null",
            b"true",
            b"5",
            b"\\u00e9",
            b"\xed\xa0\x80",
        ]
    ),
    max_size=6,
).map(b"".join)


@settings(max_examples=examples(300))
@given(JUNK, st.integers(0, 300), st.integers(0, 300), ARRIVALS, st.booleans(), st.booleans())
def test_what_is_accepted_of_damaged_json_is_json_and_the_same_to_the_reference(
    junk: bytes, at: int, cut: int, to: Arrival, many: bool, lines: bool
) -> None:
    text = dumps(record({"a": "text", "o": {"k": [1, 2]}, "n": 5, "long": "x" * 260}))
    damaged = text[: at % len(text)] + junk + text[at % len(text) + cut % 12 :]
    body = b"[" + damaged + b"," + text + b"]" if many and not lines else damaged
    sent = answered(body, to, lines=lines)
    if not isinstance(sent, Sent) or not sent.events:
        return
    source = body.decode("utf-8", "surrogateescape")
    values = [json.loads(line) for line in source.split("\n") if line.strip()] if lines else json.loads(source)
    for value in values if isinstance(values, list) else [values]:
        expected = reference.judge(value, to) if is_record(value) and is_text(value) else None
        if isinstance(expected, reference.Event):
            agrees(sent.events.pop(0), expected)
    assert sent.events == []


def is_text(value: Any) -> bool:
    """Whether every string is one that UTF-8 can hold."""
    try:
        dumps(value).decode()
    except UnicodeDecodeError:
        return False
    return True


def test_the_reference_accepts_what_it_is_compared_with() -> None:
    for to in (TRACK, IMPORT, STRICT):
        assert isinstance(reference.judge(record(), to), reference.Event)
    assert reference.judge(record({"$ignore": 1}), TRACK) is None
    assert Endpoint.TRACK is TRACK.endpoint
