"""Parts of facts that are damaged on purpose: no answer is wrong, it is noted, and the facts are built anew."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.compaction.compared import PROJECT, Requests, check, compactor
from tests.support.compaction.damaged_facts import ALL_WAYS, flipped_byte
from tests.support.loader.story import Place
from tests.support.store.damaged_parts import WAYS, Damaging, active, empty_marks, path_of, unsound
from tests.support.store.questions import ask
from trackway.compaction import changes, derived, hours, untidy
from trackway.compaction import compactor as loop
from trackway.compaction.compactor import Compactor
from trackway.domain.errors import StorageError
from trackway.loader.part_verification import DERIVED, WATCHED
from trackway.query.broken_facts import may_ask_again
from trackway.query.facts_state import facts_of
from trackway.query.sql.segments import HOURS, TABLES
from trackway.store.client import Store
from trackway.store.damage_table import Damage, all_damage
from trackway.store.errors import StoreError

pytestmark = pytest.mark.one_machine


@pytest.fixture
def store(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    monkeypatch.setattr(untidy, "TIDY_INTERVAL_S", 0)
    monkeypatch.setattr(loop, "DOUBT_INTERVAL_S", 0)
    monkeypatch.setattr(changes, "RETIRED_KEPT_S", 0)
    with closing(Store(place.url)) as made:
        place.append_payloads([Requests(3, place.began_us).next(20) for _ in range(3)])
        place.load()
        yield made


def finish(working: Compactor) -> None:
    while working.turn():
        pass


def spoil(place: Place, store: Store, table: str, way: Damaging) -> None:
    """Damage the largest part of a table, of which the engine has nothing in memory."""
    store.command("SYSTEM DROP MARK CACHE")
    way(path_of(place.url, active(place.url, table)[0]))


def detached(store: Store) -> set[str]:
    """Broken parts of earlier tests stay in the store."""
    return {name for (name,) in store.query("SELECT name FROM system.detached_parts")}


def noted_but(store: Store, names: set[str]) -> list[Damage]:
    return [each for each in all_damage(store) if each.name not in names]


def asked(store: Store) -> bool:
    """Ask as an edge process does, and compare with the events. Returns whether the facts could not be read."""
    try:
        check(store)
    except StoreError as error:
        assert ask(store, may_ask_again, PROJECT, error), error
        assert check(store) is None
        return True
    return False


ONE_SEGMENT = [table for table in TABLES if table != HOURS]
"""The tables with rows of one segment."""
PAIRS = [(ONE_SEGMENT[number % len(ONE_SEGMENT)], way) for number, way in enumerate((*ALL_WAYS, *WAYS))]
"""Each way once, and each of three ways with two tables. All pairs give the same (24 of them)."""


@pytest.mark.parametrize(("table", "way"), PAIRS)
def test_facts_damaged_in_a_running_store_give_no_wrong_answer_and_are_built_anew(
    place: Place, store: Store, table: str, way: Damaging
) -> None:
    working = compactor(place, store)
    finish(working)
    before = check(store)
    assert before is not None and unsound(place.url, TABLES) == []
    spoil(place, store, table, way)
    was_noticed = asked(store)
    finish(working)
    after = check(store)
    assert after is not None
    if way is flipped_byte and not was_noticed:  # in a column that nothing has read
        assert after.segments == before.segments
        return
    assert not set(after.segments) & set(before.segments)
    assert unsound(place.url, TABLES) == []
    assert [(each.place, each.pending, each.lost) for each in noted_but(store, detached(store))] == [(table, False, 0)]


@pytest.mark.parametrize("way", WAYS)
def test_damaged_facts_that_late_events_are_looked_for_in_give_no_wrong_answer(
    place: Place, store: Store, way: Damaging
) -> None:
    finish(compactor(place, store))
    place.append_payloads([Requests(4, place.began_us).next(20)])
    place.load()
    before = check(store)
    assert before is not None and before.late_known
    spoil(place, store, "facts", way)
    place.append_payloads([Requests(5, place.began_us).next(5)])
    place.load()
    asked(store)
    finish(compactor(place, store))
    assert check(store) is not None


@pytest.mark.parametrize(("table", "way"), PAIRS[: len(ALL_WAYS)])
def test_facts_damaged_in_a_stopped_store_give_no_wrong_answer_and_are_built_anew(
    place: Place, store: Store, table: str, way: Damaging
) -> None:
    finish(compactor(place, store))
    damaged = path_of(place.url, active(place.url, table)[0])
    earlier = detached(store)
    place.stop_store()
    way(damaged)
    place.start_store()
    was_noticed = asked(store)
    place.load()
    finish(compactor(place, store))
    assert check(store) is not None
    if was_noticed or way is not flipped_byte:
        noted = noted_but(store, earlier)
        assert all((each.place, each.pending, each.lost) == (table, False, 0) for each in noted)
        assert noted or not damaged.exists(), "a part that is gone as a whole leaves nothing to note"
        assert unsound(place.url, TABLES) == []


@pytest.mark.parametrize("table", ONE_SEGMENT)
def test_a_compactor_that_cannot_read_facts_builds_them_anew(place: Place, store: Store, table: str) -> None:
    """It reads the facts where it merges segments or links persons anew, and saw no sizes before."""
    finish(compactor(place, store))
    before = check(store)
    assert before is not None
    spoil(place, store, table, empty_marks)
    working = compactor(place, store)
    version = working._versions.newest(PROJECT)
    with pytest.raises(StorageError):
        store.query(f"SELECT sum(cityHash64(*)) FROM {table}")
    working._guarded(lambda *_: bool(store.query(f"SELECT sum(cityHash64(*)) FROM {table}")), PROJECT)
    assert working._versions.newest(PROJECT).segments == () != version.segments
    finish(working)
    assert check(store) is not None and [each.place for each in noted_but(store, detached(store))] == [table]


@pytest.mark.parametrize("way", WAYS)
def test_damaged_hours_of_values_give_no_wrong_answer_and_all_is_built_anew(
    place: Place, store: Store, way: Damaging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in a rollup of two segments."""
    monkeypatch.setattr(derived, "COUNTED_BYTES_MAX", 10)
    monkeypatch.setattr(hours, "HOURS_SHARE", 1)
    working = compactor(place, store)
    finish(working)
    place.append_payloads([Requests(4, place.began_us).next(20)])
    place.load()
    finish(working)
    before = check(store)
    assert before is not None and any(before.rolled_up(HOURS, slot) for slot in range(3))
    spoil(place, store, HOURS, way)
    assert asked(store)
    finish(working)
    after = check(store)
    assert after is not None and not set(after.segments) & set(before.segments)
    assert unsound(place.url, TABLES) == []


def test_only_a_file_that_cannot_be_read_makes_facts_doubtful(place: Place, store: Store) -> None:
    """All facts are whole: they stay, whatever failed."""
    finish(compactor(place, store))
    for code in (None, 43, 159, 241, 33, 246):
        assert not ask(store, may_ask_again, PROJECT, StoreError("store: of something else", code))
    assert ask(store, facts_of, PROJECT) is not None


def test_a_question_whose_facts_were_given_up_meanwhile_is_asked_again(place: Place, store: Store) -> None:
    assert ask(store, facts_of, PROJECT) is None
    assert ask(store, may_ask_again, PROJECT, StoreError("store: no such file", 107))
    assert not ask(store, may_ask_again, PROJECT, ValueError("no error of the store"))


def test_each_table_is_loaded_again_or_made_anew(store: Store) -> None:
    assert set(TABLES) < set(DERIVED)
    named = {name for (name,) in store.query("SELECT name FROM system.tables WHERE database = currentDatabase()")}
    assert named - {*WATCHED, *DERIVED} == {"damage", "schema_migrations"}
