"""Batches count once their parts are verified: several together, and nothing is built or trimmed on the others."""

import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.support.loader.event_requests import STORY as EVENTS
from tests.support.loader.profile_requests import LOGINS
from tests.support.loader.profile_requests import STORY as PROFILES
from tests.support.loader.story import Place
from tests.support.store.damaged_parts import SpoilingStore, active, empty_marks, unsound
from tests.support.waiting import wait_until
from trackway.domain.errors import StorageError
from trackway.journal.log import Progress
from trackway.loader.cursor import Cursor
from trackway.loader.part_verification import CONTENT, PartVerification
from trackway.loader.sweep import Sweep
from trackway.store.client import Store
from trackway.store.errors import StoreError
from trackway.store.parts import parts


@pytest.fixture
def busy(small_batches: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loader that verifies only once it has nothing more to load."""
    monkeypatch.setattr(Cursor, "is_due", lambda self, *, idle: False)


class WatchingStore(Store):
    """Remembers the parts of a table that were there, and not verified, at an insert into it."""

    def __init__(self, url: str, table: str):
        super().__init__(url)
        self.inserts = 0
        self.unverified: list[str] = []
        self._table = table
        self._checks: list[str] = []

    def stream(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        format: str = "JSONEachRow",
        settings: Mapping[str, str] | None = None,
    ) -> Generator[bytes]:
        if sql.startswith(f"CHECK TABLE {self._table} "):
            self._checks.append(sql)
        return super().stream(sql, parameters, format, settings)

    def insert_rows(
        self,
        table: str,
        columns: Sequence[str],
        rows: bytes | Iterable[bytes],
        format: str = "RowBinary",
        settings: Mapping[str, str] | None = None,
    ) -> int:
        if table == self._table:
            self.inserts += 1
            names = [part.name for part in active(self.url, table) if part.first_block == part.last_block]
            self.unverified += [name for name in names if not any(f"'{name}'" in sql for sql in self._checks)]
        return super().insert_rows(table, columns, rows, format, settings)


class LateStore(SpoilingStore):
    """An insert into `loads` fails for its loader. The store makes it as the loader reads its cursor again, and leaves
    a damaged part behind."""

    def __init__(self, url: str):
        super().__init__(url, "loads", empty_marks)
        self._late: list[Callable[[], int]] = []
        self._failed = False

    def insert_rows(
        self,
        table: str,
        columns: Sequence[str],
        rows: bytes | Iterable[bytes],
        format: str = "RowBinary",
        settings: Mapping[str, str] | None = None,
    ) -> int:
        insert = partial(super().insert_rows, table, columns, rows, format, settings)
        if table == "loads" and not self._failed:
            self._failed = True
            self._late.append(insert)
            raise StoreError("store: no answer in time")
        return insert()

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        if "max(to_position)" in sql and self._late:
            self._late.pop()()
        return super().query(sql, parameters)


@pytest.mark.one_machine  # a cluster's replicas check parts, not the loader
def test_the_journal_is_not_trimmed_behind_a_cursor_that_came_late_and_is_not_whole(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trackway.loader.sweep.SWEEP_INTERVAL_S", 0.01)
    monkeypatch.setattr("trackway.loader.sweep.SWEEP_PAUSE", 0)
    sweep, sound = Sweep.sweep, list[list[str]]()

    def noted_sweep(self: Sweep, progress: Progress) -> None:
        sweep(self, progress)
        if any(self.sound_to):
            sound.append(unsound(place.url, ["loads"]))

    monkeypatch.setattr(Sweep, "sweep", noted_sweep)
    place.append(*EVENTS)
    store = LateStore(place.url)
    place.load_until(lambda: len(sound) > 2, store)
    assert store.spoilt == 1 and not any(sound)
    place.load()
    place.check()


def test_batches_that_follow_each_other_are_verified_together(
    place: Place, busy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified, check_inserted = list[int](), PartVerification.check_inserted

    def check(self: PartVerification, store: Store) -> None:
        check_inserted(self, store)
        verified.append(place.ask("SELECT count() FROM loads")[0][0])

    monkeypatch.setattr(PartVerification, "check_inserted", check)
    place.append(*EVENTS)
    place.load()
    place.check()
    assert verified == [0]
    assert len(place.ask("SELECT DISTINCT to_position FROM loads")) > 2


def test_all_is_loaded_only_once_it_counts(place: Place, busy: None) -> None:
    place.append(*EVENTS)
    cursors: list[int] = []

    def is_loaded() -> bool:
        if loaded := place.head.loaded >= place.head.synced:
            cursors.extend(place.ask("SELECT max(to_position) FROM loads")[0])
        return loaded

    place.head.loaded = 0
    place.load_until(is_loaded)
    assert cursors == [place.head.synced]


@pytest.mark.one_machine  # a cluster's replicas check parts, not the loader
def test_no_batch_counts_before_all_are_whole(place: Place, busy: None) -> None:
    place.append(*EVENTS)
    store = SpoilingStore(place.url, "events", empty_marks, times=1)
    place.load_until(lambda: place.head.failing and store.spoilt == 1, store)
    assert place.ask("SELECT max(to_position) FROM loads") == [(0,)]
    place.load()
    place.check()


@pytest.fixture
def beside(small_batches: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loader that always verifies beside its next batch, until it has no more to load."""
    is_due = Cursor.is_due
    monkeypatch.setattr(Cursor, "is_due", lambda self, *, idle: not idle or is_due(self, idle=idle))


def test_a_loader_inserts_on_while_its_batches_are_verified_and_counts_none_that_came_later(
    place: Place, beside: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, check_inserted = WatchingStore(place.url, "events"), PartVerification.check_inserted
    counted = list[tuple[int, int]]()

    def check(self: PartVerification, asked: Store) -> None:
        before = store.inserts
        check_inserted(self, asked)
        if threading.current_thread().name.startswith("verification") and not counted:
            wait_until(lambda: store.inserts >= before + 2, 60, lambda: "the loader waits")
            counted.append((place.ask("SELECT max(to_position) FROM loads")[0][0], store.inserts))

    monkeypatch.setattr(PartVerification, "check_inserted", check)
    place.append(*EVENTS)
    place.load(store)
    place.check()
    [(cursor, inserts)] = counted
    assert cursor == 0 and inserts >= 3


@pytest.mark.one_machine
@pytest.mark.parametrize("table", ["events", "event_keys", "loads"])
def test_no_batch_counts_behind_one_that_a_thread_has_found_not_whole(place: Place, beside: None, table: str) -> None:
    place.append(*EVENTS)
    store = SpoilingStore(place.url, table, empty_marks, times=1)
    place.load_until(lambda: place.head.failing and store.spoilt == 1, store)
    if table != "loads":
        whole = place.ask("SELECT max(to_position) FROM loads")[0][0]
        assert whole < place.head.synced
    place.load()
    place.check()


@pytest.mark.one_machine
def test_rows_that_were_read_from_a_part_which_another_thread_has_dropped_are_built_upon_by_nobody(
    place: Place, small_batches: None
) -> None:
    verification = PartVerification()
    with closing(SpoilingStore(place.url, "events", empty_marks)) as store:
        found = parts(store, CONTENT)
        verification.begin(found.active, found.broken)
        verification.check_inserted(store)
        store.insert_rows("events", ["project_id"], b"7\n", "TSV")
        with pytest.raises(StorageError, match="not whole"):
            verification.check_inserted(store)
        assert unsound(place.url, ["events"]) == []
        with pytest.raises(StorageError, match="not whole"):
            verification.check_inserted(store)
        verification.drop_unfinished(store)
        verification.check_inserted(store)


@pytest.mark.one_machine
@pytest.mark.parametrize("table", ["profiles", "identity_links"])
def test_what_is_decided_from_the_store_is_inserted_only_once_that_is_verified(
    place: Place, busy: None, table: str
) -> None:
    place.append_payloads([*PROFILES, *LOGINS, *PROFILES])
    store = WatchingStore(place.url, table)
    place.load(store)
    place.check()
    assert store.inserts > 1 and store.unverified == []


@pytest.mark.one_machine
def test_the_journal_is_trimmed_only_once_the_counts_are_verified(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.settings = replace(place.settings, journal_retention_s=0)
    monkeypatch.setattr("trackway.loader.loop.REMOVAL_INTERVAL_S", 0.0)
    monkeypatch.setattr("trackway.loader.sweep.SWEEP_INTERVAL_S", 0.01)
    monkeypatch.setattr("trackway.loader.sweep.SWEEP_PAUSE", 0)
    place.append(*EVENTS[:-1])
    place.next_segment()
    place.append(*EVENTS[-1:])
    kept, is_due, sweep, sweeps = place.head.kept, Cursor.is_due, Sweep.sweep, list[bool]()

    def counted_sweep(self: Sweep, progress: Progress) -> None:
        sweep(self, progress)
        if place.counts():
            sweeps.append(any(self.sound_to))

    monkeypatch.setattr(Sweep, "sweep", counted_sweep)
    monkeypatch.setattr(Cursor, "is_due", lambda self, *, idle: False)
    place.load_until(lambda: len(sweeps) > 2)
    assert place.head.kept == kept and not any(sweeps)
    monkeypatch.setattr(Cursor, "is_due", is_due)
    place.load_until(lambda: place.head.kept > kept)
    place.check()
