"""The loader with a real journal and a real store: killed between any two inserts, everything counts exactly once."""

import struct
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import msgspec
import pytest

from tests.support.loader.event_requests import STORY, bad_payload
from tests.support.loader.expected import DAY_US, SECOND_US, Sending, expected_of, payload
from tests.support.loader.story import LOAD_S_MAX, FailingStore, Killed, Place, row_of
from tests.support.store.process import RunningStore
from tests.support.store.tables import emptied
from tests.support.waiting import wait_until
from trackway.domain.entry import KEY_BYTES, decode_entries, encode_entries
from trackway.loader import loop, statements
from trackway.loader.batch import NOT_STORABLE, Count
from trackway.loader.duplicates import WINDOW_US
from trackway.loader.limits import MONTHS_AT_ONCE_MAX
from trackway.loader.seen_keys import Window
from trackway.settings.table import Settings
from trackway.store.client import Store
from trackway.store.errors import StoreError


def test_loader_loads_everything_once(place: Place) -> None:
    place.append(*STORY)
    place.load()
    place.check()


def test_loading_on_in_small_batches_gives_the_same(place: Place, small_batches: None) -> None:
    for sending in STORY:
        place.append(sending)
    place.load()
    place.check()
    place.check_positions()
    assert len(place.ask("SELECT DISTINCT to_position FROM loads")) > 1


@pytest.mark.parametrize(("rest_bytes_max", "rests_once"), [(1, True), (1 << 20, False)])
def test_a_loader_rests_only_while_little_waits(
    place: Place, small_batches: None, monkeypatch: pytest.MonkeyPatch, rest_bytes_max: int, rests_once: bool
) -> None:
    rested: list[int] = []
    monkeypatch.setattr(loop, "REST_BYTES_MAX", rest_bytes_max)
    monkeypatch.setattr(loop.Loader, "_rest", lambda loader, until_s: rested.append(loader._lanes[0].position))
    for sending in STORY:
        place.append(sending)
    place.load()
    place.check()
    assert rested[-1] == place.head.synced
    assert (len(rested) == 1) is rests_once


def test_a_rest_ends_once_enough_waits(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "REST_BYTES_MAX", 1000)
    place.settings = Settings(data_dir=place.directory, load_interval_ms=60_000)

    def is_loaded() -> bool:
        return place.head.loaded == place.head.synced

    with place.loading():
        place.append(STORY[0])
        wait_until(is_loaded, LOAD_S_MAX, lambda: "the loader does not begin")
        place.append(STORY[1])
        time.sleep(0.5)
        assert not is_loaded()
        place.append(*STORY[2:])
        wait_until(is_loaded, LOAD_S_MAX, lambda: "the loader rests on")
    place.check()


def test_a_loader_started_again_loads_nothing_twice(place: Place) -> None:
    place.append(*STORY[:3])
    place.load()
    place.load()
    place.append(*STORY[3:])
    place.load()
    place.check()


def test_loading_all_again_from_the_beginning_changes_no_event(place: Place) -> None:
    place.append(*STORY)
    place.load()
    before = place.stored(), place.rejected()
    with closing(Store(place.url)) as store:
        emptied(store, "loads")
    place.load()
    assert (place.stored(), place.rejected()) == before
    place.check()


@pytest.mark.parametrize(
    ("at", "after"), [(0, False), (0, True), (1, True), (2, False), (3, True), (5, False), (7, True)]
)
def test_a_loader_killed_at_any_insert_goes_on_as_if_nothing_had_been(
    place: Place, small_batches: None, at: int, after: bool
) -> None:
    for sending in STORY:
        place.append(sending)
    store = FailingStore(place.url, at, after=after, error=Killed())
    with pytest.raises(Killed):
        place.load(store)
    assert store.failed
    place.load()
    place.check()


@pytest.mark.parametrize(("at", "after"), [(0, True), (1, False), (1, True)])
def test_a_failed_insert_is_tried_again_also_with_more_records_behind_it(place: Place, at: int, after: bool) -> None:
    place.append(*STORY[:4])

    class GrowingStore(FailingStore):
        """While the loader is in trouble, the journal grows."""

        def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
            if self.failed and len(place.payloads) == 4:
                place.append(*STORY[4:])
            return super().query(sql, parameters)

    store = GrowingStore(place.url, at, after=after, error=StoreError("store: connection failed"))
    place.load(store)
    assert store.failed
    assert len(place.payloads) == len(STORY)
    place.check()


@pytest.mark.parametrize(("where", "events"), [(0, 1), (3, 2), (6, 1)])
def test_a_record_that_the_store_refuses_is_singled_out(place: Place, where: int, events: int) -> None:
    good = [payload(sending, place.began_us) for sending in STORY]
    bad = bad_payload(place.began_us + 7, events)
    place.append_payloads([*good[:where], bad, *good[where:]])
    place.load()
    expected = expected_of(good)
    assert place.stored() == sorted(map(row_of, expected.stored))
    minute_us = place.began_us + 7 - (place.began_us + 7) % 60_000_000
    assert place.counts() == expected.counts + Counter({Count(7, minute_us, 1, "rejected", NOT_STORABLE): events})
    (read,) = decode_entries(bad)
    kept = place.ask(
        f"SELECT hex(original), `index` FROM rejected_records FINAL WHERE reason = '{NOT_STORABLE}' ORDER BY `index`"
    )
    everything = b"".join((read.events.times_ms, *read.events.strings)).hex().upper()
    assert kept == [(everything if index == 0 else "", index) for index in range(events)]


@pytest.mark.parametrize("same_key", [True, False])
def test_a_record_that_cannot_be_taken_apart_is_singled_out(place: Place, same_key: bool) -> None:
    """One of whose events one is a duplicate, and one whose events are of more months than go in at once."""
    (entry,) = decode_entries(bad_payload(place.began_us + 7, 2 * MONTHS_AT_ONCE_MAX))
    number = entry.events.number
    times_ms = struct.pack(f"<{number}q", *[place.began_us // 1000 - 31 * 86_400_000 * at for at in range(number)])
    made = {"keys": b"k" * KEY_BYTES * number} if same_key else {"times_ms": times_ms}
    bad = msgspec.structs.replace(entry, events=msgspec.structs.replace(entry.events, **made))
    good = [payload(sending, place.began_us) for sending in STORY]
    place.append_payloads([*good[:3], encode_entries([bad]), *good[3:]])
    place.load()
    assert place.stored() == sorted(map(row_of, expected_of(good).stored))
    assert sum(count for what, count in place.counts().items() if what.reason == NOT_STORABLE) == number


@pytest.mark.parametrize(("at", "after"), [(2, False), (4, True)])
def test_a_loader_killed_while_it_singles_out_a_record_goes_on(place: Place, at: int, after: bool) -> None:
    good = [payload(sending, place.began_us) for sending in STORY]
    place.append_payloads([*good[:2], bad_payload(place.began_us + 7), *good[2:]])
    with pytest.raises(Killed):
        place.load(FailingStore(place.url, at, after=after, error=Killed()))
    place.load()
    assert place.stored() == sorted(map(row_of, expected_of(good).stored))
    refused = {count.outcome: number for count, number in place.counts().items() if count.reason == NOT_STORABLE}
    assert refused == {"rejected": 1}
    assert sum(place.counts().values()) == sum(expected_of(good).counts.values()) + 1


def test_an_empty_journal_loads_nothing(place: Place) -> None:
    place.append_payloads([encode_entries([])])
    place.load()
    assert (place.stored(), place.counts(), place.rejected()) == ([], Counter(), [])


def test_the_cursor_of_a_new_store_is_the_beginning(place: Place) -> None:
    with closing(Store(place.url)) as store:
        assert statements.read_cursor(store) == 0
        place.append(*STORY)
        place.load()
        assert statements.read_cursor(store) == place.head.synced


def test_a_window_is_filled_with_the_keys_of_its_time(place: Place) -> None:
    place.append(Sending(0, [1]), Sending(DAY_US, [2, None]))
    place.load()
    with closing(Store(place.url)) as store:
        for since_us, keys in ((0, 2), (place.began_us, 2), (place.began_us + 1, 1), (place.began_us + 2 * DAY_US, 0)):
            assert statements.fill_window(store, Window(WINDOW_US), since_us, 1 << 62) == keys


@pytest.mark.parametrize("size", [0, 10_001])
def test_known_keys_are_asked_for_in_pieces_and_by_position(place: Place, size: int) -> None:
    keys = [number.to_bytes(KEY_BYTES, "big") for number in range(1, size + 1)]
    now_us = time.time_ns() // 1000
    with closing(Store(place.url)) as store:
        if keys:
            rows = b"".join(
                key + struct.pack("<qQ", now_us, 5) + key + struct.pack("<qQ", now_us + 9, 8) for key in keys
            )
            store.insert_rows("event_keys", ("key", "received", "position"), rows)
        unknown = b"\xff" * KEY_BYTES
        assert statements.known_keys(store, [*keys, unknown], 5) == {}
        assert statements.known_keys(store, [*keys, unknown], 6) == dict.fromkeys(keys, now_us)
        assert statements.known_keys(store, [*keys, unknown], 9) == dict.fromkeys(keys, now_us + 9)


def test_a_store_that_is_away_loses_nothing(place: Place, running: RunningStore) -> None:
    place.append(*STORY[:3])
    running.kill()
    back = threading.Timer(0.5, running.start)
    back.start()
    try:
        place.load()
    finally:
        back.join()
    place.append(*STORY[3:])
    place.load()
    place.check()


def test_events_that_arrived_a_little_out_of_order_are_still_recognised_after_a_restart(place: Place) -> None:
    place.append(Sending(0, [1]))
    place.load()
    place.append(Sending(DAY_US + 10 * SECOND_US, [2]), Sending(DAY_US - SECOND_US, [1]))
    place.load()
    place.check()


def test_loader_raises_what_is_no_trouble_of_the_store(place: Place) -> None:
    place.append_payloads([b"not an entry"])
    with pytest.raises(ValueError, match="not a journal entry"):
        place.load()
