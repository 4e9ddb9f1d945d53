"""Batches of events that are alike: what goes the quick way, what leaves it, and what may be suspected of each."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ingest.sending import ALPHA, FILLER, HOME, IMPORT, PLACES, TRACK, arrival, dumps, record, send
from tests.ingest.stored_events import read_events

from trackway.geo.place import Place
from trackway.ingest import request
from trackway.ingest.alike import SinglesReader, _readers, reader_for, take_alike
from trackway.ingest.entry import ProjectEntry
from trackway.ingest.events import Arrival
from trackway.ingest.outcome import TOKEN_MISSING
from trackway.ingest.records import UNREADABLE, decode_record, event_texts, single_text, split_json
from trackway.ingest.request import ingest_events
from trackway.ingest.suspicion import KINDS, SUSPECT_ALL, suspicions_of_each
from trackway.ingest.usual import Usual
from trackway.limits import (
    ALIKE_LEARNED_FROM,
    ALIKE_NAMES_CHARACTERS_MAX,
    ALIKE_NAMES_MAX,
    ALIKE_TYPES_MAX,
    SINGLE_BYTES_MAX,
)

PLAIN = [dumps(each) for each in FILLER]


def taken(texts: list[bytes], to: Arrival = TRACK) -> int | None:
    """How many events go the quick way before the first that does not; None when the batch is not one for it."""
    entry = ProjectEntry(ALPHA.project_id, to)
    usual = Usual(to)
    read = reader_for(texts, usual)
    if read is None:
        return None
    end = take_alike(texts, 0, read, usual, to, lambda _: entry, [KINDS.index(SUSPECT_ALL)] * len(texts))
    assert entry.events == end
    return end


def test_plain_events_with_the_same_properties_go_the_quick_way() -> None:
    for to in (TRACK, IMPORT):
        assert taken(PLAIN, to) == len(PLAIN)
    assert event_texts(b"[" + b" ,\n".join(PLAIN) + b"]\n", lines=False) is not None
    assert event_texts(b"\n\n".join(PLAIN), lines=True) == PLAIN


@pytest.mark.parametrize(
    "changes",
    [{"other": 1}, {"ip": 0}, {"$ignore": 0}, {"time": "1"}, {"distinct_id": 5}, {"$device_id": None}, {"token": "?"}],
    ids=repr,
)
def test_an_event_that_is_not_like_the_others_leaves_the_quick_way(changes: dict[str, Any]) -> None:
    texts = [*PLAIN[:40], dumps(record(changes)), *PLAIN[40:]]
    assert taken(texts) == 40


def test_events_alike_without_a_token_are_each_refused() -> None:
    for texts in ([dumps(record({}, "token"))] * 40, [dumps(record({}, "token")), *PLAIN]):
        sent = send(b"[" + b",".join(texts) + b"]")
        without = sum(b'"token"' not in text for text in texts)
        assert [failure.message for failure in sent.failures] == [TOKEN_MISSING.reason] * without
        assert len(sent.events) == len(texts) - without


def test_events_that_are_not_alike_do_not_go_the_quick_way() -> None:
    assert taken([dumps(record({"ip": 0}))] * 50) is None
    assert (
        taken([dumps(record({f"{number}-{at}": 1 for at in range(20)})) for number in range(ALIKE_NAMES_MAX)]) is None
    )
    assert taken([b"5"] * 50) is None


def test_the_types_of_events_that_an_edge_process_remembers_are_bounded() -> None:
    for number in range(2 * ALIKE_TYPES_MAX):
        assert taken([dumps(record({f"name {number}": 1}))] * 40) == 40
        assert len(_readers) <= ALIKE_TYPES_MAX


def learned(texts: list[bytes]) -> SinglesReader:
    """After the texts have come again and again, alone."""
    reader = SinglesReader()
    for at in range(ALIKE_LEARNED_FROM):
        reader.learn(decode_record(texts[at % len(texts)]))
    return reader


def are_read(reader: SinglesReader, *texts: bytes) -> list[bool]:
    found = []
    for text in texts:
        try:
            reader.read(text)
            found.append(True)
        except UNREADABLE:
            found.append(False)
    return found


def test_events_that_come_alone_are_read_like_those_before_them() -> None:
    new, more = dumps(record({"color": "red"})), dumps(record({"color": "red", "size": None}))
    assert are_read(SinglesReader(), PLAIN[0], new) == [False, False]
    reader = learned([PLAIN[0]])
    assert are_read(reader, PLAIN[1], new) == [True, False]
    for _ in range(ALIKE_LEARNED_FROM):
        reader.learn(decode_record(more))
    assert are_read(reader, PLAIN[1], new, more) == [True, True, True]


@pytest.mark.parametrize("changes", [{}, {"text": None}, {"text": ["x" * 300, {"a": 1}]}, {"text": 'a "quote"' * 40}])
@pytest.mark.parametrize("place", [None, PLACES[HOME]])
def test_what_comes_alone_and_is_alike_is_not_decoded_twice(
    changes: dict[str, Any], place: Place | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(request, "_take_alone")
    texts = [*PLAIN, dumps(record(changes)), *PLAIN]
    payload, left_out = request.ingest_singles([request.Singles(arrival(place=place), texts)], learned(PLAIN))
    assert left_out == [[]]
    assert len(read_events(payload)) == len(texts)


def test_a_long_name_is_not_kept_while_learning() -> None:
    reader = SinglesReader()
    for number in range(ALIKE_LEARNED_FROM - 1):
        reader.learn(decode_record(dumps(record({"x" * ALIKE_NAMES_CHARACTERS_MAX + str(number): 1}))))
    assert not reader._unknown
    assert single_text(dumps(record({"x": "y" * SINGLE_BYTES_MAX}))) is None


def test_what_is_never_alike_is_not_learned_from() -> None:
    odd = [dumps(record({name: 1})) for name in ("ip", "$ignore", "$latitude", "$city")]
    bad = [b"{}", dumps(record({}, "time"))]
    reader = learned(odd + bad)
    assert are_read(reader, *odd) == [False] * len(odd)
    for _ in range(ALIKE_LEARNED_FROM - 1):
        reader.learn(decode_record(PLAIN[0]))
    assert are_read(reader, PLAIN[0]) == [False]
    reader.learn(decode_record(PLAIN[0]))
    assert are_read(reader, PLAIN[0]) == [True]


def test_names_that_are_learned_are_bounded_and_the_newest_stay() -> None:
    half = ALIKE_NAMES_MAX // 2
    first, second = (dumps(record({f"{kind}-{at}": 1 for at in range(half)})) for kind in "ab")
    reader = learned([first])
    for _ in range(ALIKE_LEARNED_FROM):
        reader.learn(decode_record(second))
    assert are_read(reader, first, second) == [False, True]
    for at in range(ALIKE_LEARNED_FROM):
        reader.learn(decode_record(dumps(record({f"{at}-{name}": 1 for name in range(half)}))))
    assert are_read(reader, second) == [True], "too many names at once are not learned"
    for _ in range(ALIKE_LEARNED_FROM):
        reader.learn(decode_record(dumps(record({"x" * (ALIKE_NAMES_CHARACTERS_MAX + 1): 1}))))
    assert are_read(reader, second) == [True], "nor too long ones"


@pytest.mark.parametrize("one_in", [2, 10, 30])
def test_a_batch_of_some_events_that_are_not_alike_gives_the_rows_it_gives_without_the_quick_way(one_in: int) -> None:
    others: list[dict[str, Any]] = [
        {"other": [1, None]},
        {"time": 1},
        {"distinct_id": "null"},
        {"ip": "192.0.2.10"},
        {"$insert_id": "a_b"},
    ]
    batch = [each if at % one_in else record(others[at % len(others)]) for at, each in enumerate(FILLER * 4, 1)]
    body = dumps(batch)
    plain = ingest_events(split_json(body), arrival())
    sent = send(body)
    assert sent.ingested._replace(payload=b"") == plain._replace(payload=b"")
    assert sorted(sent.ingested.payload) == sorted(plain.payload)


VALUES = st.sampled_from([1, None, [1], {"a": 1}, "x" * 255, "x" * 256, '"' * 256, "null", "[", "ü" * 256, "\\"])
EVENTS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES).map(record), min_size=1, max_size=40)


def within(value: Any) -> Iterator[Any]:
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from within(inner)


@settings(max_examples=100, deadline=None)
@given(EVENTS, st.sampled_from([b",", b" ,\n", b"\n", b"\n\n"]))
def test_what_an_event_may_break_is_suspected_of_it(events: list[dict[str, Any]], between: bytes) -> None:
    texts = [dumps(each) for each in events]
    lines = between.startswith(b"\n")
    body = between.join(texts) if lines else b"[" + between.join(texts) + b"]"
    kinds = [KINDS[kind] for kind in suspicions_of_each(body, texts)]
    for each, suspected in zip(events, kinds, strict=True):
        values = [value for own in each["properties"].values() for value in within(own)]
        assert suspected.null or None not in values
        assert suspected.nested or not any(isinstance(value, list | dict) for value in values)
        assert suspected.long or not any(isinstance(value, str) and len(value) > 255 for value in values)


def test_plain_events_are_suspected_of_nothing() -> None:
    plain, odd = [dumps(record({"text": "short"}))] * 50, dumps(record({"a": None, "b": [1], "c": "x" * 300}))
    texts = [*plain, odd, *plain]
    kinds = suspicions_of_each(b"[" + b",".join(texts) + b"]", texts)
    assert [at for at, kind in enumerate(kinds) if kind] == [len(plain)]
    assert KINDS[kinds[len(plain)]] == SUSPECT_ALL


@pytest.mark.parametrize(("value", "suspected"), [("\\" * 70_000, "long"), ([None] * 550_000, "null")])
def test_where_more_stands_than_its_places_are_told_of_all_events_are_suspected(value: Any, suspected: str) -> None:
    texts = [dumps(record({"text": "short"})), dumps(record({"many": value}))]
    kinds = [KINDS[kind] for kind in suspicions_of_each(b"[" + b",".join(texts) + b"]", texts)]
    assert [getattr(kind, suspected) for kind in kinds] == [True, True]
