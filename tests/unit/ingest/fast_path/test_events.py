"""The fast path: which events take it, which ones leave it, what it learns, and what may be suspected of each event."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.ingest.bodies import BETA, FILLER, HOME, IMPORT, LARGE, PLACES, TRACK, arrival, dumps, record, send
from tests.support.ingest.stored_events import read_events
from trackway.domain.limits import SINGLE_BYTES_MAX
from trackway.geo.place import Place
from trackway.ingest import coalesce
from trackway.ingest.arrival import Arrival
from trackway.ingest.fast_path.events import LearnedReaders
from trackway.ingest.fast_path.record_types import _readers
from trackway.ingest.limits import (
    COMPILED_NAMES_CHARACTERS_MAX,
    COMPILED_NAMES_MAX,
    COMPILED_TYPES_MAX,
    LEARNED_FROM_EVENTS,
    LEARNED_PROJECTS_MAX,
)
from trackway.ingest.outcome import TOKEN_MISSING
from trackway.ingest.prefilter import KINDS, SUSPECT_ALL, suspicions_of_each
from trackway.ingest.raw_fields import UNREADABLE, decode_event
from trackway.ingest.request import ingest_events
from trackway.ingest.split import event_texts, single_text, split_json

PLAIN = [dumps(each) for each in FILLER]
MANY = PLAIN * LARGE


def fast(texts: list[bytes], to: Arrival = TRACK, learned: LearnedReaders | None = None) -> int:
    """How many events of a body take the fast path."""
    return send(b"[" + b",".join(texts) + b"]", to, learned=learned).ingested.on_fast_path


def learned(texts: list[bytes]) -> LearnedReaders:
    """After the texts came again and again, one by one."""
    readers = LearnedReaders()
    for at in range(LEARNED_FROM_EVENTS):
        learn(readers, texts[at % len(texts)])
    return readers


def learn(readers: LearnedReaders, text: bytes, times: int = 1) -> None:
    for _ in range(times):
        readers.learn(text, readers.names(decode_event(text)))


def are_read(readers: LearnedReaders, *texts: bytes) -> list[bool]:
    found = []
    for text in texts:
        try:
            readers.read(text)
            found.append(True)
        except UNREADABLE:
            found.append(False)
    return found


def test_a_large_batch_of_events_with_the_same_properties_takes_the_fast_path() -> None:
    for to in (TRACK, IMPORT):
        assert fast(MANY, to) == len(MANY)
    lines = send(b"\n\n".join(MANY), lines=True)
    assert lines.ingested.on_fast_path == len(MANY)


def test_a_small_batch_takes_the_fast_path_when_its_properties_are_known() -> None:
    for to in (TRACK, IMPORT):
        assert fast(PLAIN, to) == 0
        assert fast(PLAIN, to, learned(PLAIN)) == len(PLAIN)
        assert fast(PLAIN[:1], to, learned(PLAIN)) == 1


def test_small_batches_teach_the_fast_path() -> None:
    readers = LearnedReaders()
    sent = [fast(PLAIN[:10], TRACK, readers) for _ in range(LEARNED_FROM_EVENTS // 10 + 2)]
    assert sent[0] == 0
    assert sent[-1] == 10


def test_rejected_events_teach_nothing() -> None:
    readers = LearnedReaders()
    unknown = [dumps(record({"token": f"{number:032d}"})) for number in range(LEARNED_FROM_EVENTS)]
    for text in unknown:
        send(text, learned=readers)
        coalesce.ingest_singles([coalesce.Singles(TRACK, [text])], readers)
    assert not readers._learners


@pytest.mark.parametrize(
    "changes",
    [{"other": 1}, {"ip": 0}, {"$ignore": 0}, {"time": "1"}, {"distinct_id": 5}, {"$device_id": None}, {"token": "?"}],
    ids=repr,
)
def test_an_event_unlike_the_others_leaves_the_fast_path(changes: dict[str, Any]) -> None:
    texts = [*PLAIN[:40], dumps(record(changes)), *PLAIN[40:]]
    assert fast(texts, TRACK, learned(PLAIN)) == len(PLAIN)
    assert fast([*MANY[:40], dumps(record(changes)), *MANY[40:]]) == len(MANY)


def test_a_large_batch_of_many_unlike_events_leaves_the_fast_path_for_good() -> None:
    texts = [PLAIN[0] if at % 3 else dumps(record({"time": f"{1_760_000_000 - at}"})) for at in range(len(MANY))]
    assert 0 < fast(texts) < len(texts) // 5


def test_events_alike_without_a_token_are_each_refused() -> None:
    for texts in ([dumps(record({}, "token"))] * 400, [dumps(record({}, "token")), *MANY]):
        sent = send(b"[" + b",".join(texts) + b"]")
        without = sum(b'"token"' not in text for text in texts)
        assert [failure.message for failure in sent.failures] == [TOKEN_MISSING.reason] * without
        assert len(sent.events) == len(texts) - without


def test_events_that_are_not_alike_do_not_take_the_fast_path() -> None:
    assert fast([dumps(record({"ip": 0}))] * 300) == 0
    many_names = [dumps(record({f"{number}-{at}": 1 for at in range(20)})) for number in range(300)]
    assert fast(many_names) == 0
    assert event_texts(b"[" + b",".join([b"5"] * 300) + b"]", lines=False) is not None
    assert len(send(b"[" + b",".join([b"5"] * 300) + b"]").failures) == 300


def test_the_types_of_events_that_an_edge_process_remembers_are_bounded() -> None:
    for number in range(2 * COMPILED_TYPES_MAX):
        assert fast([dumps(record({f"name {number}": 1}))] * 300) == 300
        assert len(_readers) <= COMPILED_TYPES_MAX


def test_the_projects_whose_properties_an_edge_process_remembers_are_bounded() -> None:
    readers = learned(PLAIN)
    for number in range(LEARNED_PROJECTS_MAX - 1):
        learn(readers, dumps(record({"token": f"{number:032d}"})))
    assert are_read(readers, PLAIN[0]) == [True]
    learn(readers, dumps(record({"token": "x" * 32})))
    assert len(readers._learners) == LEARNED_PROJECTS_MAX
    assert are_read(readers, PLAIN[0]) == [False], "the oldest one is forgotten"


def test_events_that_come_alone_are_read_like_those_before_them() -> None:
    new, more = dumps(record({"color": "red"})), dumps(record({"color": "red", "size": None}))
    assert are_read(LearnedReaders(), PLAIN[0], new) == [False, False]
    reader = learned([PLAIN[0]])
    assert are_read(reader, PLAIN[1], new) == [True, False]
    learn(reader, more, LEARNED_FROM_EVENTS)
    assert are_read(reader, PLAIN[1], new, more) == [True, True, True]


def test_properties_of_one_project_are_not_mixed_with_those_of_another() -> None:
    half = COMPILED_NAMES_MAX // 2
    first, second = (
        dumps(record({f"{token}-{at}": 1 for at in range(half)} | {"token": token * 32})) for token in "xy"
    )
    reader = LearnedReaders()
    for _ in range(2 * LEARNED_FROM_EVENTS):
        learn(reader, first)
        learn(reader, second)
    assert are_read(reader, first, second) == [True, True]


@pytest.mark.parametrize("changes", [{}, {"text": None}, {"text": ["x" * 300, {"a": 1}]}, {"text": 'a "quote"' * 40}])
@pytest.mark.parametrize("place", [None, PLACES[HOME]])
def test_what_comes_alone_and_is_alike_is_not_decoded_twice(
    changes: dict[str, Any], place: Place | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(coalesce, "judge_other")
    texts = [*PLAIN, dumps(record(changes)), *PLAIN]
    sent = coalesce.ingest_singles([coalesce.Singles(arrival(place=place), texts)], learned(PLAIN))
    assert sent.left_out == [[]]
    assert len(read_events(sent.payload)) == len(texts) == sent.on_fast_path


def test_single_events_of_projects_with_other_properties_share_the_fast_path() -> None:
    ours, theirs = dumps(record({"ours": 1})), dumps(record({"theirs": 1, "token": BETA.token}))
    readers = LearnedReaders()
    for text in (ours, theirs):
        learn(readers, text, LEARNED_FROM_EVENTS)
    for texts in ([ours, theirs] * 2, [theirs, ours, ours]):
        sent = coalesce.ingest_singles([coalesce.Singles(TRACK, texts)], readers)
        assert (len(read_events(sent.payload)), sent.on_fast_path) == (len(texts), len(texts))


def test_events_that_need_the_complete_rules_are_ingested_together_too() -> None:
    odd = [record({"ip": HOME}), record({}, "$insert_id"), record({"time": "1759999999"}), record(name="$identify")]
    texts = [dumps(each) for each in odd]
    sent = coalesce.ingest_singles([coalesce.Singles(TRACK, texts)], learned(PLAIN))
    assert sent.left_out == [[3]], "only the one that is rejected"
    assert (len(read_events(sent.payload)), sent.on_fast_path) == (3, 0)


def test_a_long_name_is_not_kept_while_learning() -> None:
    readers = LearnedReaders()
    for number in range(LEARNED_FROM_EVENTS - 1):
        learn(readers, dumps(record({"x" * COMPILED_NAMES_CHARACTERS_MAX + str(number): 1})))
    (learner,) = readers._learners.values()
    assert not learner._unknown
    assert single_text(dumps(record({"x": "y" * SINGLE_BYTES_MAX}))) is None


def test_what_no_type_can_have_is_not_learned_from() -> None:
    odd = [dumps(record({name: 1})) for name in ("ip", "$ignore", "$latitude", "$city")]
    bad = [b"{}", dumps(record({}, "time"))]
    reader = learned(odd + bad)
    assert are_read(reader, *odd) == [False] * len(odd)
    learn(reader, PLAIN[0], LEARNED_FROM_EVENTS - 1)
    assert are_read(reader, PLAIN[0]) == [False]
    learn(reader, PLAIN[0])
    assert are_read(reader, PLAIN[0]) == [True]


def test_names_that_are_learned_are_bounded_and_the_newest_stay() -> None:
    half = COMPILED_NAMES_MAX // 2
    first, second = (dumps(record({f"{kind}-{at}": 1 for at in range(half)})) for kind in "ab")
    reader = learned([first])
    learn(reader, second, LEARNED_FROM_EVENTS)
    assert are_read(reader, first, second) == [False, True]
    for at in range(LEARNED_FROM_EVENTS):
        learn(reader, dumps(record({f"{at}-{name}": 1 for name in range(half)})))
    assert are_read(reader, second) == [True], "too many names at once are not learned"
    learn(reader, dumps(record({"x" * (COMPILED_NAMES_CHARACTERS_MAX + 1): 1})), LEARNED_FROM_EVENTS)
    assert are_read(reader, second) == [True], "nor too long ones"


@pytest.mark.parametrize("one_in", [2, 10, 30])
def test_a_batch_of_some_events_that_are_not_alike_gives_the_rows_it_gives_without_the_fast_path(one_in: int) -> None:
    others: list[dict[str, Any]] = [
        {"other": [1, None]},
        {"time": 1},
        {"distinct_id": "null"},
        {"ip": "192.0.2.10"},
        {"$insert_id": "a_b"},
    ]
    batch = [each if at % one_in else record(others[at % len(others)]) for at, each in enumerate(FILLER * 8, 1)]
    body = dumps(batch)
    plain = ingest_events(split_json(body), arrival())
    sent = send(body)
    assert sent.ingested._replace(payload=b"", on_fast_path=0) == plain._replace(payload=b"")
    assert sorted(sent.ingested.payload) == sorted(plain.payload)


VALUES = st.sampled_from([1, None, [1], {"a": 1}, "x" * 255, "x" * 256, '"' * 256, "null", "[", "ü" * 256, "\\"])
EVENTS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES).map(record), min_size=1, max_size=40)


def within(value: Any) -> Iterator[Any]:
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from within(inner)


@settings(max_examples=examples(100))
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
