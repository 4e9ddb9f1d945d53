"""Parts that are not whole: what they held is there once, as long as the journal holds it."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from tests.support.loader.event_requests import STORY as EVENTS
from tests.support.loader.profile_requests import LOGINS, link_request
from tests.support.loader.profile_requests import STORY as PROFILES
from tests.support.loader.story import LOAD_S_MAX, Place
from tests.support.store.damaged_parts import (
    WAYS,
    Damaging,
    SpoilingStore,
    active,
    empty_marks,
    merge,
    missing_column,
    path_of,
    truncated_data,
    unsound,
)
from tests.support.store.process import migrated_store
from tests.support.waiting import wait_until
from trackway.domain.link import LinkKind
from trackway.journal.log import Progress
from trackway.loader import statements
from trackway.loader.loop import Loader
from trackway.loader.part_verification import CONTENT, PartVerification
from trackway.loader.reload import COUNTED
from trackway.loader.seen_keys import Window
from trackway.loader.sweep import Sweep
from trackway.store.client import Store
from trackway.store.damage_table import UNKNOWN, Damage, all_damage
from trackway.store.errors import StoreError
from trackway.store.parts import Part, reopen

pytestmark = pytest.mark.one_machine

REFUSED = link_request(LinkKind.ALIAS, "anna", "adam")


@pytest.fixture(autouse=True)
def quick_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trackway.loader.sweep.SWEEP_INTERVAL_S", 0.05)
    monkeypatch.setattr("trackway.loader.sweep.SWEEP_SHARE", 1.0)
    monkeypatch.setattr("trackway.loader.sweep.SWEEP_PAUSE", 1)
    monkeypatch.setattr("trackway.loader.cursor.VERIFICATION_SHARE", 1.0)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Place]:
    """A place with a store of its own, whose loader has loaded a story in several batches."""
    with (
        migrated_store(tmp_path / "store") as running,
        closing(Place(tmp_path / "place", running.url, running)) as place,
    ):
        yield place


def tell(place: Place) -> None:
    """Append all that a store can hold."""
    place.append(*EVENTS)
    place.append_payloads([*PROFILES, *LOGINS, REFUSED])


def tell_and_load(place: Place) -> None:
    """The same, in three batches, so that each table has several parts."""
    for some in (EVENTS[:2], EVENTS[2:4], EVENTS[4:]):
        place.append(*some)
        place.append_payloads([*(PROFILES if some == EVENTS[:2] else ()), *(LOGINS if some == EVENTS[2:4] else ())])
        if some == EVENTS[4:]:
            place.append_payloads([*PROFILES[-2:], REFUSED])
        place.load()
    place.check()


def found(place: Place) -> list[Damage]:
    with closing(Store(place.url)) as store:
        return all_damage(store)


def remove(sources: list[Path]) -> None:
    """As the engine does some minutes after it has merged them."""
    for source in sources:
        shutil.rmtree(source, ignore_errors=True)


@pytest.mark.parametrize("table", CONTENT)
def test_an_insert_that_left_a_part_behind_which_is_not_whole_is_made_again(place: Place, table: str) -> None:
    tell(place)
    store = SpoilingStore(place.url, table, WAYS[CONTENT.index(table) % len(WAYS)], times=2)
    place.load_until(lambda: store.spoilt == 2 and unsound(place.url, CONTENT) == [], store)
    place.load()
    place.check()
    assert unsound(place.url, CONTENT) == []
    assert found(place) == []


def test_the_cursor_does_not_move_while_inserts_leave_parts_behind_that_are_not_whole(place: Place) -> None:
    tell(place)
    store = SpoilingStore(place.url, "events", empty_marks, times=1 << 30)
    place.load_until(lambda: store.spoilt > 1, store)
    assert place.ask("SELECT max(to_position) FROM loads") == [(0,)]
    assert place.head.failing
    place.load()
    place.check()
    assert not place.head.failing


@pytest.mark.parametrize("table", CONTENT)
def test_a_part_damaged_in_a_running_store_is_loaded_again(place: Place, table: str) -> None:
    tell_and_load(place)
    damaged = active(place.url, table)[0]
    WAYS[CONTENT.index(table) % len(WAYS)](path_of(place.url, damaged))
    place.load_until(lambda: any(each.place == table and not each.pending for each in found(place)))
    place.load()
    place.check()
    assert unsound(place.url, CONTENT) == []
    (damage,) = found(place)
    assert damage.lost == (0 if table in COUNTED else UNKNOWN)


@pytest.mark.parametrize(
    ("table", "damage"), [("events", empty_marks), ("profiles", truncated_data), ("loads", missing_column)]
)
def test_a_part_damaged_in_a_stopped_store_is_loaded_again(own: Place, table: str, damage: Damaging) -> None:
    tell_and_load(own)
    sources = merge(own.url, table)
    damaged = active(own.url, table)
    path = path_of(own.url, damaged[0])
    own.stop_store()
    damage(path)
    remove(sources)
    own.start_store()
    own.load()
    own.check()
    (noticed,) = found(own)
    assert (noticed.place, noticed.rows, noticed.pending) == (table, damaged[0].rows, False)


def test_what_was_loaded_again_before_trouble_is_not_said_to_be_lost(
    own: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell_and_load(own)
    path = path_of(own.url, active(own.url, "events")[0])
    own.stop_store()
    missing_column(path)
    own.start_store()
    fill, faults = statements.fill_window, [StoreError("store: connection failed")]

    def fill_window(store: Store, window: Window, since_us: int, before_position: int) -> int:
        if faults and all_damage(store) and own.stored() == own.expected_stored():
            raise faults.pop()
        return fill(store, window, since_us, before_position)

    monkeypatch.setattr(statements, "fill_window", fill_window)
    own.load()
    own.check()
    assert faults == [] and [each.lost for each in found(own)] == [0]


def test_parts_that_were_merged_are_active_no_more(own: Place) -> None:
    tell_and_load(own)
    assert len(merge(own.url, "events")) > 1
    (part,) = active(own.url, "events")
    assert part.first_block != part.last_block


def test_a_merged_part_that_is_not_whole_gives_way_to_the_parts_it_was_merged_from(own: Place) -> None:
    tell_and_load(own)
    merge(own.url, "events")
    before = own.head.kept
    own.forget_journal()
    assert own.head.kept > before
    empty_marks(path_of(own.url, active(own.url, "events")[0]))
    own.load_until(lambda: bool(found(own)))
    assert own.stored() == own.expected_stored()
    assert [each.lost for each in found(own)] == [0]


def test_rows_that_the_engine_attached_and_merged_again_are_not_said_to_be_lost(
    own: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.append(*EVENTS[:2])
    own.load()
    merge(own.url, "events")
    (damaged,) = active(own.url, "events")
    own.append(*EVENTS[2:])
    own.load()

    def reopen_and_merge(store: Store, table: str) -> None:
        reopen(store, table)
        merge(own.url, table)

    monkeypatch.setattr("trackway.loader.damage.reopen", reopen_and_merge)
    empty_marks(path_of(own.url, damaged))
    own.load_until(lambda: any(not each.pending for each in found(own)))
    own.load()
    own.check()
    assert [(each.name.endswith(damaged.name), each.lost) for each in found(own)] == [(True, 0)]


@pytest.mark.parametrize("reader", ["loader", "sweep"])
def test_a_rewritten_part_that_is_not_whole_is_damage_not_an_insert_to_repeat(
    place: Place, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    """A mutation, a new TTL or OPTIMIZE FINAL rewrites a part alone. Its records count already."""
    if reader == "loader":
        monkeypatch.setattr(Sweep, "sweep", lambda self, progress: None)
    place.append(*EVENTS[:-1])
    place.load()
    rewritten: list[Part] = []

    def is_reloaded() -> bool:
        if place.head.loaded and not rewritten:
            merge(place.url, "events")
            rewritten.extend(active(place.url, "events"))
            empty_marks(path_of(place.url, rewritten[0]))
            if reader == "loader":
                place.append(*EVENTS[-1:])
        return any(not each.pending for each in found(place))

    place.head.loaded = 0
    place.load_until(is_reloaded)
    place.load()
    place.check()
    assert rewritten[0].first_block == rewritten[0].last_block
    assert [(each.name.endswith(rewritten[0].name), each.lost) for each in found(place)] == [(True, 0)]


def test_what_the_journal_no_longer_holds_is_told_as_lost(own: Place) -> None:
    tell_and_load(own)
    remove(merge(own.url, "events"))
    stored = len(own.stored())
    own.forget_journal()
    own.append(*EVENTS[-1:])
    own.load()
    damaged = next(part for part in active(own.url, "events") if part.first_block != part.last_block)
    truncated_data(path_of(own.url, damaged))
    own.load_until(lambda: any(not each.pending for each in found(own)))
    (damage,) = found(own)
    assert damage.rows == damage.lost == damaged.rows
    assert len(own.stored()) < stored
    assert unsound(own.url, CONTENT) == []


def test_the_journal_is_trimmed_only_once_what_merges_wrote_is_whole(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.settings = replace(place.settings, journal_retention_s=0)
    monkeypatch.setattr("trackway.loader.loop.REMOVAL_INTERVAL_S", 0.0)
    tell(place)
    place.next_segment()
    place.append(*EVENTS[-1:])
    kept, sweep = place.head.kept, Sweep.sweep
    monkeypatch.setattr(Sweep, "sweep", lambda self, head: None)
    place.load()
    assert place.head.kept == kept
    monkeypatch.setattr(Sweep, "sweep", sweep)
    place.load_until(lambda: place.head.kept > kept)


def test_a_sweep_under_way_while_parts_are_taken_out_finds_nothing_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(place)
    place.load()
    begin, list_active, sweep = Loader._begin, PartVerification.list_active, Sweep.sweep
    begun, found_out = list[bool](), list[int]()

    def counted_begin(self: Loader) -> None:
        begin(self)
        begun.append(True)

    def list_while_parts_are_taken_out(self: PartVerification, store: Store) -> list[Part]:
        active_parts = list_active(self, store)
        if len(begun) == 1:
            self.report(active_parts[0], "a false alarm")
            wait_until(lambda: len(begun) == 2, LOAD_S_MAX, lambda: "the loader takes nothing out")
        return active_parts

    def noted_sweep(self: Sweep, progress: Progress) -> None:
        sweep(self, progress)
        if len(begun) == 2:
            found_out.append(self.sound_to[0])

    monkeypatch.setattr(Loader, "_begin", counted_begin)
    monkeypatch.setattr(PartVerification, "list_active", list_while_parts_are_taken_out)
    monkeypatch.setattr(Sweep, "sweep", noted_sweep)
    place.load_until(lambda: any(found_out))
    assert found_out[0] == 0 and found_out[-1] == place.head.loaded


def test_damage_is_noted_once_and_known_after_a_restart(own: Place) -> None:
    tell_and_load(own)
    path = path_of(own.url, active(own.url, "events")[0])
    own.stop_store()
    missing_column(path)
    own.start_store()
    own.load()
    before = found(own)
    own.stop_store()
    own.start_store()
    own.load()
    assert found(own) == before and len(before) == 1


def test_a_store_of_a_newer_version_stops_the_loader(own: Place) -> None:
    with closing(Store(own.url)) as store:
        store.command("INSERT INTO schema_migrations (number, name) SELECT 9999, 'later'")
    own.append(*EVENTS)
    with structlog.testing.capture_logs() as logged, own.loading():
        wait_until(lambda: bool(logged), LOAD_S_MAX, lambda: "the loader says nothing")
    assert [(each["log_level"], "9999" in each["error"]) for each in logged] == [("critical", True)]
    assert own.head.failing and own.stored() == []


def test_a_table_that_a_loader_left_closed_is_opened_again(own: Place) -> None:
    own.append(*EVENTS)
    own.load()
    with closing(Store(own.url)) as store:
        store.command("DETACH TABLE rejected_records SYNC")
    own.load()
    own.check()
