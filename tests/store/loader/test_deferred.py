"""What waits for its turn: everything counts once all the same, whoever is killed when, and nobody else waits."""

import random
import tracemalloc
from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec
import pytest

from tests.support.ingest.bodies import ALPHA, dumps, record
from tests.support.ingest.stored_events import entry_events
from tests.support.loader.event_requests import bad_payload
from tests.support.loader.expected import DAY_US, SECOND_US, Sending, expected_of, payload
from tests.support.loader.profile_requests import STORY as UPDATES
from tests.support.loader.profile_requests import request, update
from tests.support.loader.story import FailingStore, Killed, Place, row_of
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import Entry, Rejection, decode_entries, encode_entries
from trackway.ingest.arrival import Arrival
from trackway.ingest.request import ingest_events
from trackway.ingest.split import split_json
from trackway.loader import deferred, months
from trackway.loader.canonical_ids import AS_GIVEN
from trackway.loader.deferred import Waiting
from trackway.loader.limits import FAT_PROFILE_BYTES, FAT_PROFILE_S, MONTHS_AT_ONCE_MAX, WAITING_BYTES_MAX
from trackway.loader.placed import Placed
from trackway.loader.profile_loading import Change, Changes, ProfileKey, changes_of
from trackway.store.client import Store
from trackway.store.errors import StoreError

MONTH_US = 31 * DAY_US
NOW_US = 1_790_000_000 * SECOND_US


def history(began_us: int, after_us: int, ages: list[int], project_wide: int = 0) -> bytes:
    """An import of one event a month of these ages."""
    received_us = began_us + after_us
    arrival = Arrival(endpoint=Endpoint.IMPORT, received_us=received_us, find_project=lambda _: None, project=ALPHA)
    body = [
        record(
            {
                "time": (received_us - age * MONTH_US) // 1000,
                "distinct_id": f"u{age}",
                "$insert_id": f"h-{project_wide}-{age}",
                "token": ALPHA.token,
            }
        )
        for age in ages
    ]
    return ingest_events(split_json(dumps(body)), arrival).payload


def story(began_us: int) -> list[bytes]:
    """Histories of many months, between events of now and updates of profiles."""
    found = [
        payload(Sending(0, [1, 2, 3, None, -1]), began_us),
        history(began_us, SECOND_US, list(range(20))),
        payload(Sending(2 * SECOND_US, [1, 4, -2]), began_us),
        history(began_us, 3 * SECOND_US, [*range(5, 30)]),  # some of them again
        payload(Sending(4 * SECOND_US, [5, 6]), began_us),
        history(began_us, 5 * SECOND_US, [*range(300, 0, -7)], 1),
        payload(Sending(6 * SECOND_US, [7, 7]), began_us),
    ]
    for index, each in enumerate(UPDATES):
        found.insert(2 * index, encode_entries([at_time(entry, began_us + index) for entry in decode_entries(each)]))
    return found


def at_time(entry: Entry, received_us: int) -> Entry:
    """The same, as if it had come in then: no record comes much earlier than the one before it."""
    return msgspec.structs.replace(entry, received_us=received_us)


@pytest.fixture
def all_wait(monkeypatch: pytest.MonkeyPatch, small_batches: None) -> None:
    """Events of all months but one, and updates of any profile that was just written."""
    monkeypatch.setattr(deferred, "MONTHS_AT_ONCE_MAX", 3)
    monkeypatch.setattr(deferred, "FAT_PROFILE_BYTES", 0)
    monkeypatch.setattr(deferred, "FAT_PROFILE_S", 0.03)


def test_what_waits_counts_once(place: Place, all_wait: None) -> None:
    place.append_payloads(story(place.began_us))
    place.load()
    place.check()
    place.check_positions()


@pytest.mark.parametrize(("at", "after"), [(6, False), (9, True), (14, True), (27, True)])
def test_a_loader_killed_while_something_waits_goes_on_as_if_nothing_had_been(
    place: Place, all_wait: None, at: int, after: bool
) -> None:
    place.append_payloads(story(place.began_us))
    store = FailingStore(place.url, at, after=after, error=Killed())
    with pytest.raises(Killed):
        place.load(store)
    assert store.failed
    place.load()
    place.check()


def test_a_failed_insert_is_tried_again_while_something_waits(place: Place, all_wait: None) -> None:
    place.append_payloads(story(place.began_us))
    place.load(FailingStore(place.url, 11, after=True, error=StoreError("store: connection failed")))
    place.check()


@pytest.mark.parametrize("where", [2, 11])
def test_a_record_that_the_store_refuses_is_singled_out_while_something_waits(
    place: Place, all_wait: None, where: int
) -> None:
    good = story(place.began_us)
    bad = bad_payload(place.began_us + 7, 2)
    place.append_payloads([*good[:where], bad, *good[where:]])
    place.load()
    assert [row[6:7] for row in place.rejected()].count(("",)) >= 2
    place.payloads.remove(bad)
    expected = expected_of(place.payloads)
    assert sorted(place.stored()) == sorted(map(row_of, expected.stored))
    assert place.profiles() == expected.profiles


class CountingStore(Store):
    """Says what every insert brought: the table and its bytes."""

    def __init__(self, url: str):
        super().__init__(url)
        self.inserts: list[tuple[str, int]] = []

    def insert_rows(self, table: str, columns: Any, rows: Any, *args: Any, **more: Any) -> int:
        content = rows if isinstance(rows, bytes) else b"".join(rows)
        self.inserts.append((table, len(content)))
        return super().insert_rows(table, columns, content, *args, **more)


def test_a_fat_profile_is_written_once_in_some_seconds(place: Place, small_batches: None) -> None:
    """Thirty small updates, each in a batch of its own: without waiting, thirty rows of 128 KiB."""
    fat = {f"p{number}": "x" * 250 for number in range(512)}
    updates = [request(update("ann", {"$add": {"n": 1}, "$set": {"pad": "y" * 900}})) for _ in range(30)]
    place.append_payloads([request(update("ann", {"$set": fat})), *updates])
    store = CountingStore(place.url)
    place.load(store)
    place.check()
    assert place.profiles()[ProfileKey(7, "", "ann")]["n"] == 30
    written = [size for table, size in store.inserts if table == "profiles" and size > FAT_PROFILE_BYTES]
    assert len(written) <= 4


def test_events_of_now_are_stored_before_those_of_many_months(place: Place) -> None:
    """One insert brings the most common months; no later one brings more than its share."""
    place.append_payloads([history(place.began_us, 0, list(range(40)))])
    place.append(*(Sending(number * SECOND_US, [number]) for number in range(1, 6)))
    store = CountingStore(place.url)
    place.load(store)
    place.check()
    assert [table for table, _ in store.inserts].count("events") == -(-40 // MONTHS_AT_ONCE_MAX)


def test_months_of_entries_are_told_apart_and_lose_nothing() -> None:
    rng = random.Random(5)
    ages = [rng.randrange(400) for _ in range(200)]
    (entry,) = decode_entries(history(NOW_US, 0, ages))
    parts = months.by_month(entry)
    assert sum(part.events.number for part in parts.values()) == entry.events.number
    for month, part in parts.items():
        assert set(months.months_of(part).tolist()) == {month}
    whole = sorted(_events(entry))
    assert sorted(event for part in parts.values() for event in _events(part)) == whole


def _events(entry: Entry) -> list[str]:
    return [repr(each) for each in entry_events(entry)]


def test_updates_of_a_profile_that_waits_wait_behind_each_other() -> None:
    now_s = count(0.0, FAT_PROFILE_S / 2)
    turns = Waiting(lambda: next(now_s))
    key, other = ProfileKey(1, "", "a"), ProfileKey(1, "", "b")
    (entry,) = decode_entries(UPDATES[0])
    changes: Changes = {key: [Change(1, 0, entry.updates[0])]}
    assert turns.changes_now(changes) == changes
    turns.wrote(key, FAT_PROFILE_BYTES + 1)
    turns.wrote(other, FAT_PROFILE_BYTES)
    assert turns.changes_now(changes) == {}
    assert turns.changes_now({other: changes[key]}) == {other: changes[key]}
    assert [len(each) for each in turns.due_profiles().values()] == [1]
    assert turns.changes_now(changes) == {}, "what was due is not written yet"
    assert [len(each) for each in turns.due_profiles().values()] == [2]


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def beside(number: int) -> bytes:
    """A record with one small update of a fat profile, few events of many months, and much that does not wait."""
    (entry,) = decode_entries(history(NOW_US, number, list(range(number % 3, 60, 3)), number))
    rejected = [Rejection(0, "reason", "", "", random.Random(number).randbytes(100_000))]
    fat, other = update("ann", {"$add": {"n": number}}), update("bob", {"$set": {"pad": "y" * 100_000}})
    return encode_entries([msgspec.structs.replace(entry, rejections=rejected, updates=[fat, other])])


def test_what_waits_takes_the_memory_that_it_is_counted_with(traced: None) -> None:
    turns = Waiting(lambda: 0.0)
    turns.wrote(ProfileKey(7, "", "ann"), FAT_PROFILE_BYTES + 1)
    records = [beside(number) for number in range(100)]
    before = tracemalloc.get_traced_memory()[0]
    for position, each in enumerate(records):
        placed = [Placed(position, entry, 1) for entry in decode_entries(each)]
        turns.events_now(placed)
        turns.changes_now(changes_of(placed, AS_GIVEN))
    del placed
    taken = tracemalloc.get_traced_memory()[0] - before
    counted = WAITING_BYTES_MAX - turns.room
    assert turns.has_months
    assert counted > 500_000 and taken < 2 * counted
