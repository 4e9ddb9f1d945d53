"""The `$insert_id`s that lines of a file get: those that an import gives where it reads each line by itself."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.ingest.bodies import FILLER, LARGE, NOW_S, STRICT, dumps, entries_of, record, send
from tests.support.ingest.stored_events import StoredEvent, read_events
from trackway.domain.line_ids import LineSource, made_id, with_insert_id_anyway
from trackway.ingest.fast_path.events import LearnedReaders
from trackway.ingest.limits import LEARNED_FROM_EVENTS
from trackway.ingest.outcome import Ingested
from trackway.ingest.request import ingest_body

SOURCE = LineSource("a b.ndjson", 5)
WITHOUT = [dumps({**each, "properties": {**each["properties"], "$insert_id": None}}) for each in FILLER]
LACKING = [dumps(record({"text": "x" * 100, "n": number}, "$insert_id")) for number in range(len(FILLER))]
"""Events alike but for their numbers, all without the member."""
ODD = [
    b"",
    b" \t\r",
    dumps(record({}, "$insert_id")),
    dumps(record({"$insert_id": None})),
    dumps(record({"$insert_id": 7})),
    dumps(record({"$insert_id": "a_b"})),
    dumps(record({"other": {"$insert_id": "x"}}, "$insert_id")),
    dumps(record({"$distinct_id_before_identity": "x"}, "$insert_id")),
    dumps(record({"$anon_id": "v", "$identified_id": "w"}, "$insert_id", name="$identify")),
    dumps(record({"time": "1"}, "$insert_id")),
    dumps(record({"ip": "192.0.2.10"}, "$insert_id")),
    dumps(record({}, "$insert_id")) + b" \r",
    dumps(record({}, "$insert_id")).replace(b"properties", rb"prop\u0065rties"),
    dumps(record({"properties": {"a": 1}}, "$insert_id")).replace(b'"properties"', rb'"prop\u0065rties"', 1),
    dumps(record({})).replace(b"insert_id", rb"ins\u0065rt_id"),
    b'{"event":"a"}',
    b'{"event":"a","properties":7}',
]


def ingested(lines: list[bytes], source: LineSource | None, learned: LearnedReaders | None = None) -> Ingested:
    return ingest_body(b"\n".join(lines), STRICT, learned or LearnedReaders(), lines=True, source=source)


def with_ids(lines: list[bytes]) -> list[bytes]:
    """Lines as an import sends them that gives the ids itself."""
    return [with_insert_id_anyway(line, SOURCE.name, number) for number, line in enumerate(lines, SOURCE.first)]


def events_of(found: Ingested) -> list[StoredEvent]:
    return read_events(found.payload)


@settings(max_examples=examples(60))
@given(
    st.lists(st.sampled_from([*ODD, *LACKING[:3], *map(dumps, FILLER[:3])]), min_size=1, max_size=25),
    st.sampled_from([[], LACKING * LARGE, [dumps(each) for each in FILLER] * LARGE, WITHOUT * LARGE]),
)
def test_lines_have_the_outcomes_that_they_have_with_their_ids_in_them(odd: list[bytes], like: list[bytes]) -> None:
    lines = [*odd[:12], *like, *odd[12:]]
    if not any(line.strip() for line in lines):
        return
    found, expected = ingested(lines, SOURCE), ingested(with_ids(lines), None)
    assert found.failures == expected.failures
    assert [each.rejections for each in entries_of(found)] == [each.rejections for each in entries_of(expected)]
    assert found.accepted == expected.accepted
    if found.accepted:
        assert events_of(found) == events_of(expected)


def test_a_body_of_no_text_also_has_the_ids_of_its_lines() -> None:
    """It is split one by one."""
    lines = [dumps(record({}, "$insert_id")), b"", b'{"event":"\xff"}', dumps(record({}, "$insert_id"))]
    found = ingested(lines, SOURCE)
    assert [each.insert_id for each in events_of(found)] == [made_id(SOURCE.name, at, lines[at - 5]) for at in (5, 8)]
    assert [each.index for each in found.failures] == [1]


@pytest.mark.parametrize("like", [[], LACKING * LARGE])
def test_a_rejected_line_is_kept_with_the_id_that_a_replay_stores_it_under(like: list[bytes]) -> None:
    late = dumps(record({"time": NOW_S + 10**6}, "$insert_id"))
    [entry] = entries_of(ingested([late, *like], SOURCE))
    [rejection] = entry.rejections
    assert rejection.insert_id == made_id(SOURCE.name, 5, late)
    assert json.loads(rejection.original)["properties"]["$insert_id"] == rejection.insert_id


@pytest.mark.parametrize("lines", [LACKING * LARGE, [line + b"\r" for line in LACKING] * LARGE])
def test_lines_alike_take_the_fast_path_without_their_ids(lines: list[bytes]) -> None:
    found = ingested(lines, SOURCE)
    assert found.on_fast_path == len(lines)
    assert [each.insert_id for each in events_of(found)] == [
        made_id(SOURCE.name, number, line) for number, line in enumerate(lines, SOURCE.first)
    ]


def test_no_request_after_it_gets_ids() -> None:
    """The type of events that may lack an id is another one than that of events which must have it."""
    learned = LearnedReaders()
    lines = LACKING * LARGE
    assert ingested(lines, SOURCE, learned).accepted == len(lines)
    refused = ingested(lines, None, learned)
    assert refused.accepted == 0 and {each.message for each in refused.failures} == {
        "'$insert_id' is invalid: must not be missing"
    }


def test_a_small_batch_gets_the_ids_of_its_lines() -> None:
    learned = LearnedReaders()
    for at in range(-(-LEARNED_FROM_EVENTS // 10)):
        few: list[dict[str, Any]] = [record({"n": at}, "$insert_id")] * 10
        found = ingested([*map(dumps, few), dumps(record({"time": NOW_S + at}))], SOURCE, learned)
        ids = [made_id(SOURCE.name, number, dumps(few[0])) for number in range(5, 15)]
        assert [each.insert_id for each in events_of(found)] == [*ids, "insert-id-1"]


def test_an_array_gets_no_ids() -> None:
    body = dumps([json.loads(LACKING[0])])
    assert len(send(body, STRICT).failures) == 1
