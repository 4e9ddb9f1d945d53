"""The decisions of deduplication, held against a plain model; however the records are cut, crashed and repeated."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.ingest.stored_events import StoredEvent
from tests.support.loader.expected import (
    BEGAN_US,
    DAY_US,
    HOUR_US,
    SECOND_US,
    Sending,
    batch_rows,
    expected_of,
    payload,
    records_of,
    rows,
)
from trackway.domain.endpoint import Endpoint
from trackway.loader.batch import KEY_ROW, Batch, Count, make_batch, read_entries
from trackway.loader.duplicates import WINDOW_US
from trackway.loader.seen_keys import Window


class Tables:
    """The tables as far as decisions depend on them: keys by position, events that replace themselves, counts."""

    def __init__(self, payloads: Sequence[bytes]):
        self.payloads = payloads
        self.records = records_of(payloads)
        self.keys: list[tuple[bytes, int, int]] = []
        self.events: dict[tuple[int, str, int], StoredEvent] = {}
        self.counts: Counter[Count] = Counter()
        self.cursor = 0
        self.window = Window(WINDOW_US + HOUR_US)

    def known(self, keys: Sequence[bytes], before: int) -> dict[bytes, int]:
        asked = set(keys)
        found: dict[bytes, int] = {}
        for key, received_us, position in self.keys:
            if key in asked and position < before:
                found[key] = max(found.get(key, 0), received_us)
        return found

    def restart(self) -> None:
        """What a loader knows after a crash is what stands in the tables."""
        self.window = Window(WINDOW_US + HOUR_US)
        begin = self.records[self.cursor].position
        for key, received_us, position in self.keys:
            if position >= begin:
                continue  # left by the load that crashed, and perhaps a day ahead of what is loaded next
            self.window.add(np.frombuffer(key, dtype=np.uint64).reshape(-1, 2), received_us)

    def load(self, count: int, crash_after: int) -> None:
        """Load the next records; `crash_after` so many of the three inserts, 3 is none."""
        first = self.cursor
        batch_records = self.records[first : first + count]
        if not batch_records:
            return
        begin, end = batch_records[0].position, batch_records[-1].position + 1
        batch = make_batch(read_entries(batch_records), begin, end, self.window, self.known)
        if crash_after > 0:
            for each in batch_rows(batch):
                self.events[each.project_id, each.insert_id, each.received_us] = each
        if crash_after > 1:
            for key, received_us, position in np.frombuffer(batch.key_rows, dtype=KEY_ROW).tolist():
                self.keys.append((bytes(key), received_us, position))
        if crash_after < 3:
            self.restart()
            return
        self.counts += batch.counts
        self.window.add(batch.new_keys, batch.newest_us)
        self.cursor = first + len(batch_records)

    def load_all(self) -> None:
        while self.cursor < len(self.records):
            self.load(len(self.records), 3)


def batch_of(*sendings: Sending) -> Batch:
    records = read_entries(records_of([payload(sending) for sending in sendings]))
    return make_batch(records, 0, 10_000, Window(WINDOW_US), lambda _keys, _before: {})


EVENTS = st.lists(st.none() | st.integers(-2, 6), min_size=1, max_size=5)
STEPS = st.sampled_from([0, SECOND_US, HOUR_US, 23 * HOUR_US, DAY_US - 1, DAY_US, DAY_US + 1, -SECOND_US])
ENDPOINTS = st.sampled_from([Endpoint.TRACK, Endpoint.IMPORT])
SENDINGS = st.lists(st.tuples(STEPS, EVENTS, ENDPOINTS), min_size=1, max_size=12)
CUTS = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), max_size=25)


@settings(max_examples=examples(150))
@given(SENDINGS, CUTS)
def test_any_cutting_with_crashes_between_inserts_decides_as_the_model_does(
    steps: list[tuple[int, list[int | None], Endpoint]], cuts: list[tuple[int, int]]
) -> None:
    after_us, payloads = 0, []
    for step_us, events, endpoint in steps:
        after_us = max(after_us + step_us, 0)
        payloads.append(payload(Sending(after_us, events, endpoint)))
    expected = expected_of(payloads)
    tables = Tables(payloads)
    for count, crash_after in cuts:
        tables.load(count, crash_after)
    tables.load_all()
    assert sorted(tables.events) == sorted(set(rows(expected.stored)))
    assert tables.counts == expected.counts


# (seconds between an event and its repetition, whether the repetition is a duplicate)
@pytest.mark.parametrize(
    ("between_us", "duplicate"),
    [(0, True), (1, True), (DAY_US - 1, True), (DAY_US, False), (DAY_US + 1, False), (-1, True), (-DAY_US, True)],
)
@pytest.mark.parametrize("together", [True, False])
def test_an_event_is_a_duplicate_for_exactly_24_hours(between_us: int, duplicate: bool, together: bool) -> None:
    first = max(0, -between_us)
    tables = Tables([payload(Sending(first, [1])), payload(Sending(first + between_us, [1]))])
    tables.load(2 if together else 1, 3)
    tables.load_all()
    assert len(tables.events) == (1 if duplicate else 2)


def test_a_duplicate_does_not_prolong_the_window() -> None:
    tables = Tables([payload(Sending(after_us, [1])) for after_us in (0, DAY_US - 1, DAY_US, DAY_US + 1)])
    for _ in range(4):
        tables.load(1, 3)
    assert sorted(received_us - BEGAN_US for _, _, received_us in tables.events) == [0, DAY_US]


def test_the_same_id_of_another_project_or_event_is_another_event() -> None:
    batch = batch_of(Sending(0, [1, 2, 3, 1, 2, 3, 4]), Sending(0, [3, 3]))
    assert [row[1] for row in rows(batch_rows(batch))] == [
        "insert-id-1",
        "insert-id-2",
        "insert-id-4",
        "insert-id-3",
    ]


def test_events_whose_id_was_made_up_never_deduplicate() -> None:
    batch = batch_of(Sending(0, [None] * 5), Sending(0, [None] * 5))
    assert len(batch_rows(batch)) == 10
    assert batch.key_rows == b""
    assert batch.new_keys.shape == (0, 2)


def test_keys_are_laid_out_as_the_table_takes_them() -> None:
    batch = batch_of(Sending(5, [1, None, 1, 2]))
    assert len(batch.key_rows) == 2 * 32
    for number in range(2):
        row = batch.key_rows[32 * number : 32 * number + 32]
        assert row[:16] == batch.new_keys[number].tobytes()
        assert int.from_bytes(row[16:24], "little", signed=True) == BEGAN_US + 5
        assert int.from_bytes(row[24:], "little") == 1000
    assert batch.newest_us == BEGAN_US + 5


def test_a_batch_of_nothing_is_empty() -> None:
    batch = make_batch([], 5, 9, Window(WINDOW_US), lambda _keys, _before: {})
    assert (batch.from_position, batch.to_position) == (5, 9)
    assert (batch.events, batch.key_rows, batch.rejected, dict(batch.counts)) == ([], b"", b"", {})


def test_the_store_is_asked_only_about_suspects_and_only_up_to_the_batch() -> None:
    asked: list[tuple[int, int]] = []

    def known(keys: Sequence[bytes], before: int) -> dict[bytes, int]:
        asked.append((len(keys), before))
        return {}

    window = Window(WINDOW_US)
    payloads = [payload(Sending(0, [1, 2, 4, 5, None]))]
    first = make_batch(read_entries(records_of(payloads)), 77, 90, window, known)
    assert asked == []
    window.add(first.new_keys, first.newest_us)
    make_batch(read_entries(records_of(payloads)), 91, 99, window, known)
    assert asked == [(4, 91)]
