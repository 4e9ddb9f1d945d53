"""Persons are erased from the store whole, and nobody else is touched."""

import pytest

from tests.support.compaction.compared import check
from tests.support.erasure.people import PEOPLE, People, all_ids, mark
from tests.support.erasure.place import ErasurePlace
from tests.support.ingest.bodies import ALPHA, GAMMA
from trackway.compaction import changes, persons, plan, untidy
from trackway.compaction import compactor as loop

CHANGED_BY_WORK = {
    "facts",
    "facts_counts",
    "facts_sums",
    "facts_hours",
    "facts_persons",
    "facts_versions",
    "facts_rebuilds",
}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    monkeypatch.setattr(untidy, "TIDY_INTERVAL_S", 0)
    monkeypatch.setattr(changes, "RETIRED_KEPT_S", -1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("with_facts", [True, False])
def test_nothing_of_an_erased_person_is_in_any_table_and_others_are_unchanged(
    erasing: ErasurePlace, seed: int, with_facts: bool
) -> None:
    people, gone = People(seed, erasing.place.began_us), seed % PEOPLE
    erasing.place.append_payloads([people.next(20) for _ in range(6)])
    erasing.place.load()
    if with_facts:
        erasing.compact()
        assert check(erasing.store) is not None
    before = erasing.read_out()
    assert any(mark(gone) in row for row in before["events"])
    for project in (ALPHA, GAMMA):
        task = erasing.erase(project.project_id, *all_ids(gone))
        assert task.state == "SUCCESS"
        assert not any(task.report["left"].values())
        assert task.report["before"]["events"] > 0
    after = erasing.read_out()
    for table, rows in after.items():
        assert not [row for row in rows if mark(gone) in row], table
        if table not in CHANGED_BY_WORK:
            assert rows == [row for row in before[table] if mark(gone) not in row], table
    if with_facts:
        erasing.compact()
        assert check(erasing.store) is not None


def test_an_erasure_waits_for_one_step_of_a_rollup_and_leaves_nothing_of_it(
    erasing: ErasurePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "ROLLED_UP_ROWS_MIN", 1)
    monkeypatch.setattr(persons, "PERSONS_FACTS_AT_ONCE", 5)
    people, table, numbers = People(5, erasing.place.began_us), "facts_persons", list[int]()
    for _ in range(2):
        erasing.place.append_payloads([people.next(20) for _ in range(3)])
        erasing.place.load()
        while not numbers and erasing.compactor.turn():
            made = {project: each for project, each in erasing.compactor._making.items() if each.table == table}
            numbers = [each.number for project, each in made.items() if project == ALPHA.project_id]
    stored = f"SELECT count() FROM {table} WHERE segment = {numbers[0]} AND project_id = {ALPHA.project_id}"
    while erasing.store.query(stored) == [(0,)]:
        assert erasing.compactor.turn()
    assert ALPHA.project_id in erasing.compactor._making
    task = erasing.erase(ALPHA.project_id, *all_ids(1))
    assert task.state == "SUCCESS" and not any(task.report["left"].values())
    assert erasing.store.query(stored) == [(0,)]
    erasing.compact()
    assert check(erasing.store) is not None


def test_a_deleted_project_leaves_nothing_in_any_table_and_other_projects_stay(erasing: ErasurePlace) -> None:
    people = People(4, erasing.place.began_us)
    erasing.place.append_payloads([people.next(20) for _ in range(4)])
    erasing.place.load()
    erasing.compact()
    before, gone = erasing.read_out(), erasing.database.named(str(ALPHA.project_id))
    erasing.database.delete(ALPHA.project_id, gone.name)
    erasing.worker().turn()
    [task] = [each for each in erasing.tasks.newest(ALPHA.project_id) if each.kind == "project"]
    assert (task.state, set(task.report["left"].values())) == ("SUCCESS", {0})
    after = erasing.read_out()
    kept = {"loads", "facts_versions", "facts_rebuilds"}
    for table in after.keys() - kept:
        assert not [row for row in after[table] if row.startswith(f"[{ALPHA.project_id},")], table
    for table in ("events", "profiles", "identity_links", "rejected_records"):
        assert after[table] == [row for row in before[table] if not row.startswith(f"[{ALPHA.project_id},")], table
    erasing.compact()
    erasing.place.append_payloads([people.next(20)])  # what edge processes took before they heard of it
    erasing.place.load()
    assert not [row for row in erasing.read_out()["events"] if row.startswith(f"[{ALPHA.project_id},")]
    erasing.worker().turn()
    assert len([each for each in erasing.tasks.newest(ALPHA.project_id) if each.kind == "project"]) == 1
