"""Events age on their project's day: those before it are gone from every table, and everything else stays."""

import random
import time
from contextlib import closing, suppress
from datetime import date

import pytest

from tests.support.ageing.place import ZONES, AgeingPlace, OldEvents, kept_from_ms
from tests.support.compaction.compared import check, counts_of_facts, rows_of_facts, truth
from tests.support.ingest.bodies import ALPHA, GAMMA
from tests.support.loader.story import Killed
from tests.support.store.dying_store import Dying
from tests.support.store.questions import ask
from trackway.ageing import worker
from trackway.domain.data_age import FOREVER, next_day_ms
from trackway.query.aged_data import aged_data
from trackway.query.event_names import volumes
from trackway.query.facts_state import facts_of

DAY_MS = 86_400_000
OWN = {
    "event_ages",
    "aged_rows",
    "facts",
    "facts_counts",
    "facts_sums",
    "facts_hours",
    "facts_persons",
    "facts_versions",
    "facts_rebuilds",
}
"""Tables that ageing itself writes."""


@pytest.mark.parametrize(("seed", "with_facts"), [(0, True), (1, True), (2, False)])
def test_exactly_the_events_in_range_remain_in_every_table(ageing: AgeingPlace, seed: int, with_facts: bool) -> None:
    chosen, now_ms = random.Random(seed), time.time_ns() // 1_000_000
    events = OldEvents(seed, now_ms)
    ageing.place.append_payloads([events.payload(25) for _ in range(4)])
    ageing.place.load()
    if with_facts:
        ageing.compact()
        assert check(ageing.store) is not None
    before = ageing.read_out()
    stored = {project_id: ageing.rows(project_id) for project_id in ZONES}
    kept = {project_id: chosen.choice((FOREVER, 1, 15, 40, 74)) for project_id in ZONES}
    kept[chosen.choice(list(ZONES))] = chosen.randrange(5, 60)
    for project_id, days in kept.items():
        ageing.keep(project_id, days)
    started = ageing.ageing()
    started.turn()
    removed = 0
    for project_id, days in kept.items():
        since_ms = kept_from_ms(days, ZONES[project_id], now_ms) if days else 0
        left = [row for row in stored[project_id] if row[0] >= since_ms]
        assert ageing.rows(project_id) == left
        removed += len(stored[project_id]) - len(left)
        noted = "SELECT sum(rows) FROM aged_rows FINAL WHERE place = 'events' AND project_id = {project:UInt32}"
        assert ageing.store.query(noted, {"project": project_id}) == [(len(stored[project_id]) - len(left),)]
        if with_facts:
            oldest = (
                "SELECT countIf(toUnixTimestamp64Milli(time) < {since:Int64}) FROM facts WHERE project_id = {p:UInt8}"
            )
            ageing.compact(3)
            assert ageing.store.query(oldest, {"since": since_ms, "p": project_id}) == [(0,)]
            facts = ask(ageing.store, facts_of, project_id)
            assert facts is not None
            assert rows_of_facts(ageing.store, project_id, facts, "ab") == truth(ageing.store, project_id, "ab")
    if with_facts:
        assert check(ageing.store, names="ab") is not None
    assert removed
    after = ageing.read_out()
    for table in after.keys() - OWN - {"events"}:
        assert after[table] == before[table], table
    assert set(after["events"]) <= set(before["events"])


def test_what_has_aged_is_in_no_answer_before_it_is_deleted(
    ageing: AgeingPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HIDDEN_S", 3600.0)
    now_ms = time.time_ns() // 1_000_000
    ageing.place.append_payloads([OldEvents(11, now_ms).payload(60)])
    ageing.place.load()
    ageing.compact()
    stored = ageing.rows(ALPHA.project_id)
    since_ms = kept_from_ms(30, ZONES[ALPHA.project_id], now_ms)
    left = [row for row in stored if row[0] >= since_ms]
    first, last = (date.fromtimestamp(each / 1000) for each in (stored[0][0] - DAY_MS, now_ms + DAY_MS))
    assert len(left) < len(stored)
    expected = ask(ageing.store, aged_data, ALPHA.project_id, since_ms, 0)
    assert expected.events == len(stored) - len(left)
    ageing.keep(ALPHA.project_id, 30)
    ageing.ageing().turn()
    assert ageing.rows(ALPHA.project_id) == stored
    facts = ask(ageing.store, facts_of, ALPHA.project_id)
    assert facts is not None
    assert sum(rows_of_facts(ageing.store, ALPHA.project_id, facts, ["a"]).values()) == len(left)
    counted = {bool(names): counts_of_facts(ageing.store, ALPHA.project_id, facts, names) for names in ([], ["a"])}
    assert {number.total() for number in counted.values()} == {len(left)}
    names = ask(ageing.store, volumes, ALPHA.project_id, first, last)
    assert sum(name.total for name in names) == len(left)
    assert min(name.first_ms for name in names) == left[0][0]
    assert ask(ageing.store, aged_data, ALPHA.project_id, since_ms, 0).events == 0
    assert sum(name.total for name in ask(ageing.store, volumes, GAMMA.project_id, first, last)) == 60


def test_a_worker_that_is_killed_at_any_step_is_followed_by_one_that_ends_it(ageing: AgeingPlace) -> None:
    now_ms = time.time_ns() // 1_000_000
    killed, at, days = 0, 0, 72
    ageing.place.append_payloads([OldEvents(12, now_ms).payload(150)])
    ageing.place.load()
    ageing.compact()
    untouched = ageing.rows(GAMMA.project_id)
    while True:
        stored, noted, days = ageing.rows(ALPHA.project_id), aged(ageing), days - 3
        ageing.keep(ALPHA.project_id, days)
        with closing(Dying(ageing.place.url, at // 2, after=bool(at % 2))) as store:
            with suppress(Killed):
                ageing.ageing(store).turn()
            was_killed = store.left < 0
        ageing.ageing().turn()
        since_ms = kept_from_ms(days, ZONES[ALPHA.project_id], now_ms)
        left = [row for row in stored if row[0] >= since_ms]
        assert ageing.rows(ALPHA.project_id) == left, at
        assert aged(ageing) - noted == len(stored) - len(left), at
        assert horizon(ageing, ALPHA.project_id) == (since_ms, 1)
        if at % 4 == 0 or not was_killed:
            assert check(ageing.store, names="ab") is not None
        killed, at = killed + was_killed, at + 1
        if not was_killed:
            break
    assert killed >= 8
    assert ageing.rows(GAMMA.project_id) == untouched


def test_events_that_came_under_a_longer_retention_are_neither_deleted_nor_hidden(
    ageing: AgeingPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = time.time_ns() // 1_000_000
    events = OldEvents(13, now_ms)
    ageing.place.append_payloads([events.payload(40)])
    ageing.place.load()
    ageing.compact()
    ageing.keep(ALPHA.project_id, 20)
    monkeypatch.setattr(worker, "HIDDEN_S", 3600.0)
    running = ageing.ageing()
    running.turn()  # the horizon is there, and nothing is deleted yet
    old = ageing.rows(ALPHA.project_id)
    ageing.keep(ALPHA.project_id, FOREVER)
    ageing.place.append_payloads([events.payload(40)])  # accepted by an edge process that knows of it
    ageing.place.load()
    ageing.compact()
    new = [row for row in ageing.rows(ALPHA.project_id) if row not in old]
    monkeypatch.setattr(worker, "HIDDEN_S", 0.0)
    for _ in range(3):
        running.turn()
    since_ms = kept_from_ms(20, ZONES[ALPHA.project_id], now_ms)
    expected = sorted([*(row for row in old if row[0] >= since_ms), *new])
    assert min(expected)[0] < since_ms
    assert ageing.rows(ALPHA.project_id) == expected
    facts = check(ageing.store, names="ab")
    assert facts is not None
    assert facts.since_ms == 0


def test_a_horizon_moves_at_midnight_and_deletes_once_a_day(
    ageing: AgeingPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = time.time_ns() // 1_000_000
    ageing.place.append_payloads([OldEvents(14, now_ms).payload(60)])
    ageing.place.load()
    ageing.keep(ALPHA.project_id, 40)
    running = ageing.ageing(default_days=60)
    running.turn()
    running.turn()
    zone = ZONES[ALPHA.project_id]
    tomorrow_ms = next_day_ms(zone, now_ms)
    expected = {tomorrow_ms - 1: kept_from_ms(40, zone, now_ms), tomorrow_ms: kept_from_ms(40, zone, tomorrow_ms)}
    for moment_ms, since_ms in expected.items():
        monkeypatch.setattr(worker, "_now_ms", lambda moment_ms=moment_ms: moment_ms)
        running.turn()
        assert horizon(ageing, ALPHA.project_id)[0] == since_ms
    assert horizon(ageing, ALPHA.project_id)[1] == 0, "the deletion of the day was less than a day ago"
    ageing.ageing(default_days=60).turn()
    assert horizon(ageing, ALPHA.project_id)[1] == 1
    assert ageing.rows(ALPHA.project_id)[0][0] >= kept_from_ms(40, zone, tomorrow_ms)
    gamma = ZONES[GAMMA.project_id]
    assert horizon(ageing, GAMMA.project_id)[0] == kept_from_ms(60, gamma, tomorrow_ms)


def test_nothing_ages_by_a_clock_that_was_set_far_ahead(ageing: AgeingPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    now_ms = time.time_ns() // 1_000_000
    ageing.place.append_payloads([OldEvents(15, now_ms).payload(20)])
    ageing.place.load()
    ageing.keep(ALPHA.project_id, 40)
    running = ageing.ageing()
    running.turn()
    running.turn()
    kept, stored = horizon(ageing, ALPHA.project_id), ageing.rows(ALPHA.project_id)
    monkeypatch.setattr(worker, "_now_ms", lambda: now_ms + 3650 * DAY_MS)
    for _ in range(2):
        running.turn()
    assert (horizon(ageing, ALPHA.project_id), ageing.rows(ALPHA.project_id)) == (kept, stored)
    assert stored
    monkeypatch.setattr(worker, "_now_ms", lambda: now_ms + DAY_MS)
    running.turn()
    assert horizon(ageing, ALPHA.project_id)[0] > kept[0]


@pytest.mark.one_machine  # a cluster's nodes have parts of their own, so all rows are deleted by their age
def test_a_part_of_aged_events_alone_is_dropped_and_others_are_written_anew(ageing: AgeingPlace) -> None:
    now_ms = time.time_ns() // 1_000_000
    events = OldEvents(15, now_ms)
    ageing.place.append_payloads([events.payload(40)])
    ageing.place.load()
    [(mutations,)] = ageing.store.query(_MUTATIONS)
    for project_id in ZONES:
        ageing.keep(project_id, 1)
    ageing.ageing().turn()
    [(later,)] = ageing.store.query(_MUTATIONS)
    [(partitions,)] = ageing.store.query("SELECT uniq(_partition_id) FROM events")
    assert later - mutations <= partitions, "only partitions that keep something are written anew"


_MUTATIONS = "SELECT count() FROM system.mutations WHERE database = currentDatabase() AND table = 'events'"


def horizon(ageing: AgeingPlace, project_id: int) -> tuple[int, int]:
    """From which instant on a project's events count, and whether what is older is deleted."""
    sql = "SELECT toUnixTimestamp64Milli(argMax(since, sequence)), argMax(deleted, sequence) FROM event_ages"
    [found] = ageing.store.query(f"{sql} WHERE project_id = {{project:UInt32}}", {"project": project_id})
    return int(found[0]), int(found[1])


def aged(ageing: AgeingPlace) -> int:
    """How many events have aged, as the store notes it."""
    return int(ageing.store.query("SELECT sum(rows) FROM aged_rows FINAL WHERE place = 'events'")[0][0])
