"""The compactor with a real loader and a real store: facts and newer events are always the events."""

import itertools
import random
import threading
import time
from contextlib import closing, suppress

import pytest

from tests.support.compaction.compared import (
    PROJECT,
    PROPERTIES,
    Requests,
    check,
    compacted,
    compactor,
    rows_of_facts,
    truth,
)
from tests.support.loader.expected import DAY_US
from tests.support.loader.story import Killed, Place
from tests.support.store.dying_store import Dying
from tests.support.store.process import RunningStore
from tests.support.store.questions import ask
from tests.support.store.tables import emptied
from tests.support.waiting import wait_until
from trackway.compaction import changes, persons, plan, untidy
from trackway.compaction import compactor as loop
from trackway.compaction.compactor import Compactor, Making
from trackway.compaction.derived_rows import Deriving
from trackway.compaction.limits import MERGED_AT_ONCE
from trackway.compaction.versions import Version, Versions
from trackway.domain.entry import unlink_payload
from trackway.domain.errors import StorageError
from trackway.query import facts_state
from trackway.query.facts_state import facts_of
from trackway.query.sql import facts as facts_sql
from trackway.query.sql.segments import HOURS, NO_SLOT, PERSONS, Derived, Facts
from trackway.store.client import Store
from trackway.store.errors import MEMORY_LIMIT_EXCEEDED, StoreError


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    monkeypatch.setattr(untidy, "TIDY_INTERVAL_S", 0)


@pytest.mark.parametrize("seed", range(4))
def test_facts_and_newer_events_are_the_events(
    place: Place, store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    if seed >= 2:  # persons of newer events are found as those of many are
        monkeypatch.setattr(facts_sql, "IDS_LOOKED_UP_MAX", 0)
    requests = Requests(seed, place.began_us - seed % 2 * 30 * DAY_US)  # half of them, when no key of theirs is kept
    place.append_payloads([requests.next(20) for _ in range(5)])
    place.load()
    assert check(store) is None
    working = compactor(place, store)
    counted, turns = 0, itertools.count(seed)
    for number in range(12):
        if working.turn() or not number:
            counted += check(store, turn=next(turns)) is not None
        if number % 3 == 2:
            place.append_payloads([requests.next(15, days_later=number % 2 * 1.2)])
            place.load()
            counted += check(store, turn=next(turns)) is not None
    assert counted > 8


@pytest.mark.parametrize("after", [pytest.param(False, marks=pytest.mark.one_machine), True])
def test_a_compactor_killed_at_any_statement_changes_nothing_or_all(
    place: Place, store: Store, at_once: None, after: bool
) -> None:
    requests = Requests(7, place.began_us)
    place.append_payloads([requests.next(20) for _ in range(4)])
    place.load()
    turns = random.Random(7)
    for at in range(int(after), 24, 3):
        with closing(Dying(place.url, at, after=after)) as dying, suppress(Killed):
            working = compactor(place, dying)
            for _ in range(6):
                working.turn()
            assert dying.left >= 0, "it was not killed"
        check(store, turn=turns.randrange(12))
        place.append_payloads([requests.next(10, days_later=0.6)])
        place.load()
        check(store, turn=turns.randrange(12))
    assert is_whole(finish(place, store))


def has_facts_alone(store: Store) -> bool:
    facts = ask(store, facts_of, PROJECT)
    return facts is not None and not facts.has_tail


def aged(store: Store, since_ms: int) -> None:
    """Events before an instant are gone, as ageing deletes them."""
    gone = "DELETE WHERE toUnixTimestamp64Milli(time) < {ms:Int64} SETTINGS mutations_sync = 2"
    store.command(f"ALTER TABLE {store.holding('events')} {gone}", {"ms": since_ms})


def rolling_up(place: Place, requests: Requests, working: Compactor) -> Making:
    """The rollup of times by person that is begun after some events."""
    for _ in range(2):
        place.append_payloads([requests.next(20)])
        place.load()
        while not ((begun := working._making.get(PROJECT)) and begun.table == PERSONS) and working.turn():
            pass
    assert begun
    return begun


def is_whole(facts: Facts) -> bool:
    """Whether no late event is left to take in."""
    return not facts.late_days and not facts.late_known


def finish(place: Place, store: Store, turn: int | None = None) -> Facts:
    """The facts after a compactor had nothing left to do."""
    compacted(place, store)
    facts = check(store, turn=turn)
    assert facts is not None and facts.links is None
    assert facts.rollups or len(facts.segments) == 1
    return facts


def test_what_a_killed_compactor_inserts_late_never_counts(place: Place, store: Store, at_once: None) -> None:
    requests = Requests(8, place.began_us)
    place.append_payloads([requests.next(20)])
    place.load()
    finish(place, store)
    killed = Versions(store)
    before = killed.newest(PROJECT)
    finish_by_another = finish(place, store)
    with pytest.raises(StorageError):
        killed.commit(before._replace(segments=()))
    assert check(store) is not None
    place.append_payloads([requests.next(20)])
    place.load()
    assert finish(place, store).position > finish_by_another.position


def test_lost_facts_are_noticed_and_built_anew(place: Place, store: Store, at_once: None) -> None:
    place.append_payloads([Requests(9, place.began_us).next(30)])
    place.load()
    facts = finish(place, store)
    (segment,) = facts.segments
    store.command(f"ALTER TABLE {store.holding('facts')} DROP PARTITION ID '{PROJECT}-{segment}'")
    assert check(store) is None
    assert finish(place, store).segments != [segment]
    emptied(store, "facts_versions")
    assert check(store) is None
    assert finish(place, store).segments


def test_facts_wait_until_damaged_events_are_there_again(place: Place, store: Store, at_once: None) -> None:
    place.append_payloads([Requests(10, place.began_us).next(30)])
    place.load()
    finish(place, store)
    working = compactor(place, store)
    for state in (0, 1):
        store.command(f"INSERT INTO damage SELECT 'events', 'part', {state}, now64(3), 'broken', 1, 1")
        assert check(store) is None
        for _ in range(4):
            working.turn()
        assert (check(store) is None) == (state == 0)


def test_facts_follow_links_that_come_after_them(place: Place, store: Store, at_once: None) -> None:
    requests = Requests(11, place.began_us)
    place.append_payloads([requests.next(30)])
    place.load()
    finish(place, store)
    for id in ("ann", "$device:d1"):
        place.append_payloads([unlink_payload(PROJECT, place.began_us, id, "a test")])
        place.load()
        facts = check(store)
        assert facts is not None and facts.links is not None
    assert finish(place, store).links is None


def test_days_of_late_events_are_held_against_them_only_where_one_has_an_older_copy(
    place: Place, store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = Requests(16, place.began_us - 30 * DAY_US)  # no key of theirs is kept
    place.append_payloads([requests.next(30)])
    place.load()
    finish(place, store)
    place.append_payloads([requests.next(2) for _ in range(5)])
    place.load()
    facts = check(store)
    assert facts is not None and not facts.late_days and facts.late_known
    asked_before = facts
    place.append_payloads([requests.next(30, days_later=2)])
    place.load()
    facts = check(store)
    assert facts is not None and facts.late_days and facts.late_known
    assert not rows_of_facts(store, PROJECT, asked_before, []) - truth(store, PROJECT, []), "something counts twice"
    monkeypatch.setattr(facts_state, "LATE_KNOWN_MAX", 0)
    place.append_payloads([requests.next(1)])
    place.load()
    unnamed = check(store)
    assert unnamed is not None and not unnamed.late_known and set(unnamed.late_days) > set(facts.late_days)


def test_many_small_steps_become_few_segments_and_nothing_is_left_over(
    place: Place, store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "RETIRED_KEPT_S", -1)
    requests = Requests(12, place.began_us)
    for number in range(12):
        place.append_payloads([requests.next(5)])
        place.load()
        if number % 4 < 3:
            compacted(place, store)
        else:
            facts = finish(place, store, number)
    assert 1 <= len(facts.segments) <= MERGED_AT_ONCE
    by_person = [each.segment for each in facts.derived if each.table == PERSONS and each.rows]
    for table, numbers in (("facts", facts.segments), (PERSONS, by_person)):
        assert {int(n) for (n,) in store.query(f"SELECT DISTINCT segment FROM {table}")} == set(numbers), table


@pytest.mark.parametrize("pays", [True, False])
def test_times_are_put_together_of_segments_that_have_none_where_it_pays(
    place: Place, store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch, pays: bool
) -> None:
    def none(store: Store, project_id: int, number: int, segments: list[int], facts: int) -> Deriving:
        yield
        return Derived(number, PERSONS, 0, ())

    monkeypatch.setattr("trackway.compaction.derived.derive_persons", none)
    monkeypatch.setattr(persons, "PERSONS_FEW_ROWS", 1000 if pays else 0)
    monkeypatch.setattr(persons, "PERSONS_SHARE", 1 if pays else 1_000_000)
    requests = Requests(18, place.began_us)
    for _ in range(3):
        place.append_payloads([requests.next(20)])
        place.load()
        compacted(place, store)
    facts = check(store)
    assert facts is not None and not facts.derived_in(PERSONS, NO_SLOT)
    by_person = facts.by_person
    assert bool(by_person.numbers) == pays and set(by_person.segments) == (set(facts.segments) if pays else set())


@pytest.mark.parametrize("how", ["too little memory", "does not pay"])
def test_what_cannot_be_one_large_rollup_stays_in_smaller_ones(
    place: Place, store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    most, tried = 60, list[int]()
    for module in (plan, changes):
        monkeypatch.setattr(module, "ROLLUP_ROWS_MAX", most)
    monkeypatch.setitem(plan.ROLLUP_SIZES, HOURS, [most])
    monkeypatch.setitem(plan.ROLLUP_SIZES, PERSONS, [10_000, most])
    monkeypatch.setattr(plan, "ROLLUPS_AT_ONCE", 2)
    together = persons.put_together

    def limited(store: Store, project_id: int, number: int, segments: list[int], facts: int) -> Deriving:
        if facts <= most:
            return (yield from together(store, project_id, number, segments, facts))
        tried.append(facts)
        if how == "does not pay":
            return Derived(number, PERSONS, 0, ())
        raise StoreError("store: too little memory", MEMORY_LIMIT_EXCEEDED)

    monkeypatch.setattr(changes, "put_together", limited)
    requests, working, turns = Requests(19, place.began_us), compactor(place, store), 0
    for _ in range(8):
        place.append_payloads([requests.next(20)])
        place.load()
        with_more = True
        while with_more and turns < 200:
            turns += 1
            with suppress(StoreError):
                with_more = working.turn()
    facts = check(store)
    assert facts is not None and turns < 200
    assert tried and len(tried) <= 3 and facts.by_person.numbers
    of = dict(zip(facts.segments, facts.rows, strict=True))
    for segments in facts.rolled_up(PERSONS, NO_SLOT).values():
        assert sum(of[number] for number in segments) <= most


@pytest.mark.parametrize("change", ["more events", "late copies", "ageing", "restart", "another compactor"])
def test_facts_may_change_between_two_steps_of_a_rollup(
    place: Place, store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(changes, "RETIRED_KEPT_S", -1)
    monkeypatch.setattr(persons, "PERSONS_FACTS_AT_ONCE", 5)
    requests, working = Requests(21, place.began_us), compactor(place, store)
    begun = rolling_up(place, requests, working)
    stored = f"SELECT count() FROM {PERSONS} WHERE segment = {begun.number}"
    while store.query(stored) == [(0,)]:
        assert working.turn()
    before = check(store)
    assert before is not None and begun.number not in before.rollups

    if change == "restart":
        working = compactor(place, store)
    elif change == "another compactor":  # of a machine that had the lease for a moment
        compactor(place, store).turn()
        assert store.query(stored) == [(0,)]
    elif change == "ageing":
        aged(store, place.began_us // 1000)
        working.without_aged(PROJECT, place.began_us // 1000)
    else:
        place.append_payloads([requests.next(20, days_later=1.2 * (change == "late copies"))])
        place.load()
    working.turn()
    after = check(store)
    assert after is not None
    assert (after.position > before.position) == (change in ("more events", "late copies"))
    assert begun.number not in after.rollups
    counted = False
    while working.turn():
        facts = check(store)
        counted |= facts is not None and begun.number in facts.rollups
    assert counted == (change == "more events")
    assert counted or store.query(stored) == [(0,)]
    assert finish(place, store).by_person.numbers


def test_a_rollup_does_not_count_where_another_compactor_is_at_work(
    place: Place, store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests, working = Requests(22, place.began_us), compactor(place, store)
    begun = rolling_up(place, requests, working)
    verify, others = changes.Changes._verify, [compactor(place, store)]

    def claimed(self: changes.Changes, version: Version, number: int) -> None:
        verify(self, version, number)
        if number == begun.number and others:
            others.pop().turn()

    monkeypatch.setattr(changes.Changes, "_verify", claimed)
    with pytest.raises(StorageError, match="another compactor"):
        while working.turn():
            pass
    assert not others
    facts = check(store)
    assert facts is not None and begun.number not in facts.rollups
    assert finish(place, store).by_person.numbers


def test_a_change_of_another_thread_that_failed_may_be_made_again(
    place: Place, store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = Requests(20, place.began_us)
    for _ in range(3):
        place.append_payloads([requests.next(20)])
        place.load()
        working = compacted(place, store)
    since_ms = place.began_us // 1000 - 3_600_000 * 2
    aged(store, since_ms)
    verify, calls = changes.Changes._verify, itertools.count()

    def fails_once(self: changes.Changes, version: Version, number: int) -> None:
        if next(calls) == 1:
            raise StorageError("store: away")
        verify(self, version, number)

    monkeypatch.setattr(changes.Changes, "_verify", fails_once)
    with pytest.raises(StorageError, match="away"):
        working.without_aged(PROJECT, since_ms)
    working.without_aged(PROJECT, since_ms)
    assert next(calls) > 3
    assert check(store) is not None


def test_times_put_together_stay_while_their_segments_are_written_again(
    place: Place, store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "STEP_EVENTS_MAX", 10)
    requests = Requests(17, place.began_us)
    place.append_payloads([requests.next(20) for _ in range(2)])
    place.load()
    before = finish(place, store)
    [number] = before.by_person.numbers
    place.append_payloads([unlink_payload(PROJECT, place.began_us, "$device:d1", "a test")])
    place.load()
    working, kept, turns = compactor(place, store), 0, itertools.count()
    while working.turn():
        facts = check(store, turn=next(turns))
        assert facts is not None
        if number in facts.rollups and set(facts.rollups[number]) != set(before.rollups[number]):
            assert facts.links is not None and facts.by_person.numbers == [number]
            kept += 1
    assert kept
    assert finish(place, store).by_person.numbers != [number]


def test_a_day_with_too_many_events_is_built_in_pieces(
    place: Place, store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "STEP_EVENTS_MAX", 10)
    place.append_payloads([Requests(13, place.began_us).next(60)])
    place.load()
    assert len(finish(place, store).segments) < MERGED_AT_ONCE


def test_a_store_killed_at_any_moment_leaves_facts_that_are_right(
    place: Place, running: RunningStore, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "POLL_S", 0.01)
    monkeypatch.setattr(loop, "RETRY_S", 0.01)
    requests, rng, stop = Requests(14, place.began_us), random.Random(14), threading.Event()
    place.append_payloads([requests.next(20) for _ in range(4)])
    place.load()
    with closing(Store(place.url)) as store:
        working = Compactor(store, place.journal.progress(), stop, lambda: True)
        thread = threading.Thread(target=working.run)
        thread.start()
        try:
            for _ in range(6):
                time.sleep(rng.uniform(0.1, 0.8))
                running.kill()
                running.start()
                with closing(Store(place.url)) as asking:
                    check(asking)
                place.append_payloads([requests.next(10, days_later=0.6)])
                place.load()
        finally:
            stop.set()
            thread.join()
    with closing(Store(place.url)) as store:
        assert is_whole(finish(place, store))


def test_a_compactor_asks_the_store_only_when_something_was_loaded(
    place: Place, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "POLL_S", 0.01)
    monkeypatch.setattr(loop, "IDLE_POLL_S", 3600.0)
    monkeypatch.setattr(untidy, "TIDY_INTERVAL_S", 3600.0)
    turn, looks, stop = Compactor.turn, list[bool](), threading.Event()

    def noted(self: Compactor) -> bool:
        looks.append(turn(self))
        return looks[-1]

    monkeypatch.setattr(Compactor, "turn", noted)
    requests = Requests(17, place.began_us)
    with closing(Store(place.url)) as store:
        for number in range(1, 3):
            place.append_payloads([requests.next(20)])
            place.load()
            if number == 1:
                thread = threading.Thread(target=Compactor(store, place.journal.progress(), stop, lambda: True).run)
                thread.start()
            wait_until(lambda: has_facts_alone(store), 30.0, lambda: "no facts")
            assert check(store) is not None
            wait_until(lambda: not looks[-1], 30.0, lambda: "it does not rest")
        before = len(looks)
        time.sleep(0.5)
        stop.set()
        thread.join()
    assert len(looks) == before


def test_properties_that_become_frequent_get_a_column(
    place: Place, store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "SLOTS_EVENTS_MIN", 1)
    requests = Requests(15, place.began_us)
    place.append_payloads([requests.next(1)])
    place.load()
    first = finish(place, store)
    assert not first.has(PROPERTIES)
    place.append_payloads([requests.next(40)])
    place.load()
    finish(place, store)
    place.append_payloads([requests.next(1)])
    place.load()
    assert finish(place, store).has(PROPERTIES)
