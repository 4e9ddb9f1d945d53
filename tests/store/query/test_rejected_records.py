"""Rejected records on a real store: by reason, page by page, and what became of their replays."""

import time
from collections.abc import Iterator

import pytest

from tests.support.store.questions import ask
from tests.support.store.tables import emptied
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import VERSION, Entry, Rejection
from trackway.loader.batch import make_batch
from trackway.loader.placed import Placed
from trackway.loader.seen_keys import Window
from trackway.loader.statements import insert_loads, insert_rest
from trackway.query import ingestion_stats, rejected_records
from trackway.query.rejected_records import Key, State, read_key
from trackway.store.client import Store

ALPHA, BETA = 7, 8
NOW_S = int(time.time()) // 60 * 60
NOW_US = NOW_S * 1_000_000
WHY, OTHER = "event, missing", "'properties.time' is invalid: must not be in the future"


@pytest.fixture
def filled(store: Store) -> Iterator[Store]:
    yield store
    for table in ("rejected_records", "replays", "loads"):
        emptied(store, table)


def reject(
    store: Store,
    position: int,
    *reasons: str,
    project_id: int = ALPHA,
    received_us: int = NOW_US,
    endpoint: Endpoint = Endpoint.TRACK,
    original: bytes = b'{"a":"\xff"}',
    ignored: int = 0,
) -> None:
    """Load the rejected records of one request, as the loader does."""
    rejections = [Rejection(index, reason, "event", "", original) for index, reason in enumerate(reasons)]
    entry = Entry(VERSION, project_id, received_us, endpoint, ignored, rejections=rejections)
    batch = make_batch([Placed(position, entry, 1)], position, position + 1, Window(1), lambda keys, before: {})
    insert_rest(store, batch)
    insert_loads(store, [batch], received_us // 1000)


def keys(store: Store, **changes: object) -> list[Key]:
    asked = {"endpoint": Endpoint.TRACK, "reason": WHY, "count": 10} | changes
    return [each.key for each in ask(store, rejected_records.records, ALPHA, **asked)]  # type: ignore[arg-type]


def test_reasons_are_counted_for_one_project_and_by_endpoint(filled: Store) -> None:
    reject(filled, 1, WHY, WHY, OTHER)
    reject(filled, 2, WHY, endpoint=Endpoint.ENGAGE)
    reject(filled, 3, WHY, project_id=BETA)
    found = [
        (each.endpoint, each.reason, each.records, each.replayed)
        for each in ask(filled, rejected_records.reasons, ALPHA)
    ]
    assert found[0] == (Endpoint.TRACK, WHY, 2, 0)
    assert set(found[1:]) == {(Endpoint.TRACK, OTHER, 1, 0), (Endpoint.ENGAGE, WHY, 1, 0)}


def test_records_come_newest_first_and_page_by_page(filled: Store) -> None:
    reject(filled, 1, WHY, WHY)
    reject(filled, 2, WHY, received_us=NOW_US - 1)
    reject(filled, 3, WHY)
    expected = [Key(NOW_US, 3, 0), Key(NOW_US, 1, 1), Key(NOW_US, 1, 0), Key(NOW_US - 1, 2, 0)]
    assert keys(filled) == expected
    assert keys(filled, count=2) == expected[:2]
    assert keys(filled, count=2, before=expected[1]) == expected[2:]


def test_record_is_shown_with_its_bytes_to_its_project_alone(filled: Store) -> None:
    reject(filled, 1, WHY)
    key = Key(NOW_US, 1, 0)
    found = ask(filled, rejected_records.record, ALPHA, key, 4)
    assert found is not None
    assert (found.original, found.size_bytes, found.reason, found.state) == (b'{"a"', 9, WHY, State.OPEN)
    assert ask(filled, rejected_records.record, BETA, key, 4) is None
    assert ask(filled, rejected_records.record, ALPHA, key._replace(place=1), 4) is None


def test_mark_made_last_counts(filled: Store) -> None:
    reject(filled, 1, WHY, WHY, WHY)
    first, second, third = (Key(NOW_US, 1, place) for place in range(3))
    ask(filled, rejected_records.mark, ALPHA, [first, second, third], State.BEGUN, NOW_US, "somebody")
    ask(filled, rejected_records.mark, ALPHA, [first], State.REPLAYED, NOW_US + 1, "somebody")
    ask(filled, rejected_records.mark, ALPHA, [second], State.OPEN, NOW_US + 1, "somebody")
    states = {
        each.key: each.state for each in ask(filled, rejected_records.records, ALPHA, Endpoint.TRACK, WHY, count=9)
    }
    assert states == {first: State.REPLAYED, second: State.OPEN, third: State.BEGUN}
    assert [each.replayed for each in ask(filled, rejected_records.reasons, ALPHA)] == [1]


def test_mark_of_one_project_is_none_of_another(filled: Store) -> None:
    reject(filled, 1, WHY)
    ask(filled, rejected_records.mark, BETA, [Key(NOW_US, 1, 0)], State.REPLAYED, NOW_US, "somebody")
    assert [each.state for each in ask(filled, rejected_records.records, ALPHA, Endpoint.TRACK, WHY, count=9)] == [
        State.OPEN
    ]


@pytest.mark.parametrize(("endpoint", "again"), [(Endpoint.IMPORT, True), (Endpoint.ENGAGE, False)])
def test_replay_that_was_cut_off_is_repeated_for_an_event_and_not_for_an_update(
    filled: Store, endpoint: Endpoint, again: bool
) -> None:
    reject(filled, 1, WHY, endpoint=endpoint)
    ask(filled, rejected_records.mark, ALPHA, [Key(NOW_US, 1, 0)], State.BEGUN, NOW_US, "somebody")
    assert bool(keys(filled, endpoint=endpoint, sendable=True)) is again
    found = ask(filled, rejected_records.record, ALPHA, Key(NOW_US, 1, 0), 4)
    assert found is not None and found.may_be_replayed is again


def test_record_of_which_nothing_is_kept_cannot_be_sent(filled: Store) -> None:
    reject(filled, 1, WHY, original=b"")
    assert keys(filled) and not keys(filled, sendable=True)


def test_text_of_a_reason_is_no_part_of_the_statement(filled: Store) -> None:
    reason = "'x' OR 1=1 -- {project:UInt32}"
    reject(filled, 1, reason)
    reject(filled, 2, WHY)
    assert keys(filled, reason=reason) == [Key(NOW_US, 1, 0)]


@pytest.mark.parametrize(
    "text", ["", "1-2", "1-2-3-4", "a-1-2", "1-2-99999999999", "1-99999999999999999999-1", "-1-2-3"]
)
def test_key_that_is_none_is_told(text: str) -> None:
    assert read_key(text) is None


def test_key_is_read_as_it_is_written() -> None:
    key = Key(NOW_US, (1 << 64) - 1, (1 << 32) - 1)
    assert read_key(key.text) == key


def test_outcomes_of_each_minute_add_up(filled: Store) -> None:
    reject(filled, 1, WHY, OTHER, ignored=3)
    reject(filled, 2, WHY, received_us=NOW_US - 60_000_000)
    reject(filled, 3, WHY, received_us=NOW_US - 120 * 60_000_000)
    reject(filled, 4, WHY, project_id=BETA)
    hour = ask(filled, ingestion_stats.buckets, ALPHA, NOW_S + 59, 60, 60)
    assert len(hour) == 60
    assert [(each.received, each.rejected, each.ignored) for each in hour[-2:]] == [(1, 1, 0), (5, 2, 3)]
    assert hour[-1].begin_s == NOW_S
    assert ingestion_stats.total(hour)[1:] == (0, 0, 3, 3)
    assert ingestion_stats.total(ask(filled, ingestion_stats.buckets, ALPHA, NOW_S, 900, 96)).received == 7


def test_reasons_since_a_time_and_what_ever_came(filled: Store) -> None:
    assert ask(filled, ingestion_stats.arrivals, ALPHA) == (None, 0)
    reject(filled, 1, WHY, OTHER)
    reject(filled, 2, OTHER, received_us=NOW_US - 7200 * 1_000_000)
    reject(filled, 3, "token, unknown", project_id=0)
    found = ask(filled, ingestion_stats.rejected_for, ALPHA, NOW_S - 3600)
    assert sorted((each.reason, each.records) for each in found) == sorted([(WHY, 1), (OTHER, 1)])
    assert [each.reason for each in ask(filled, ingestion_stats.rejected_of_nobody, 0)] == ["token, unknown"]
    assert ask(filled, ingestion_stats.arrivals, ALPHA) == (NOW_S, 3)
