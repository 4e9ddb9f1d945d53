"""Whatever ends the worker, at any of its steps: the next one goes on, and the end is the same."""

from contextlib import closing, suppress

import pytest

from tests.support.erasure.people import People, all_ids, mark, user
from tests.support.erasure.place import ErasurePlace
from tests.support.ingest.bodies import ALPHA, GAMMA
from tests.support.loader.story import Killed
from tests.support.store.dying_store import Dying
from tests.support.store.tables import emptied
from trackway.compaction import changes, untidy
from trackway.compaction import compactor as loop
from trackway.domain.entry import decode_entries
from trackway.projects.person_task import TaskBegun

GONE = 2


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    monkeypatch.setattr(untidy, "TIDY_INTERVAL_S", 0)
    monkeypatch.setattr(changes, "RETIRED_KEPT_S", -1)


@pytest.mark.parametrize("after", [False, True])
def test_a_worker_that_is_killed_at_any_step_is_followed_by_one_that_ends_it(
    erasing: ErasurePlace, after: bool
) -> None:
    people = People(11, erasing.place.began_us)
    killed, at = 0, 0
    while True:
        erasing.place.append_payloads([people.next(12, (GONE, GONE + 1))])
        erasing.place.load()
        task = erasing.ask(ALPHA.project_id, *all_ids(GONE))
        with closing(Dying(erasing.place.url, at, after=after)) as store:
            with suppress(Killed):
                erasing.worker(store).turn()
            was_killed = store.left < 0
        erasing.worker().turn()
        ended = erasing.again(task)
        assert ended.state == "SUCCESS", ended
        assert not any(ended.report["left"].values())
        assert not [row for row in erasing.read_out()["events"] if row.startswith("[7,") and mark(GONE) in row]
        emptied(erasing.store, "erasures", "erasure_ids")  # the next round is of a person again
        erasing.place.erased.__init__(bytes(32))  # type: ignore[misc]
        killed, at = killed + was_killed, at + 1
        if not was_killed:
            break
    assert killed >= 5


def test_what_comes_later_that_day_is_dropped_and_what_comes_after_it_stays(erasing: ErasurePlace) -> None:
    people = People(5, erasing.place.began_us)
    erasing.place.append_payloads([people.next(10)])
    erasing.place.load()
    for project in (ALPHA, GAMMA):
        erasing.erase(project.project_id, *all_ids(GONE))
    erasing.place.append_payloads([people.next(30)])
    erasing.place.load()
    for table, rows in erasing.read_out().items():
        assert not [row for row in rows if mark(GONE) in row], table
    [(dropped,)] = erasing.store.query("SELECT sum(records) FROM loads WHERE outcome = 'ignored' AND reason = 'erased'")
    assert dropped > 0
    much_later = People(6, erasing.place.began_us + 5 * 86_400_000_000)
    erasing.place.append_payloads([much_later.next(30)])
    erasing.place.load()
    assert [row for row in erasing.read_out()["events"] if mark(GONE) in row]


def test_a_journal_that_is_read_again_brings_nobody_back(erasing: ErasurePlace) -> None:
    people = People(7, erasing.place.began_us)
    erasing.place.append_payloads([people.next(20)])
    erasing.place.load()
    erasing.erase(ALPHA.project_id, *all_ids(GONE))
    erasing.erase(GAMMA.project_id, *all_ids(GONE))
    before = erasing.read_out()
    for table in ("loads", "events", "profiles", "identity_links", "identity_refusals", "rejected_records"):
        emptied(erasing.store, table)
    for window in (0, 1000):
        loads = erasing.store.holding("loads")
        erasing.store.command(f"ALTER TABLE {loads} MODIFY SETTING non_replicated_deduplication_window = {window}")
    erasing.place.load()
    after = erasing.read_out()
    for table, rows in after.items():
        assert not [row for row in rows if mark(GONE) in row], table
    assert len(after["events"]) == len(before["events"]) > 0


def test_a_persons_task_ends_when_its_day_is_over_with_hashes_of_its_ids(
    erasing: ErasurePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = People(8, erasing.place.began_us)
    erasing.place.append_payloads([people.next(10)])
    erasing.place.load()
    task = erasing.erase(ALPHA.project_id, user(GONE))
    assert [row for row in erasing.store.query("SELECT id FROM erasure_ids") if row == (user(GONE),)]
    monkeypatch.setattr("trackway.erasure.worker._now_ms", lambda: task.until_ms + 1)
    erasing.worker().turn()
    forgotten = erasing.again(task)
    assert not forgotten.has_ids
    assert [len(each) for each in forgotten.ids] == [32]
    assert forgotten.report["before"] == task.report["before"]
    assert erasing.store.query("SELECT count() FROM erasure_ids") == [(0,)]
    assert erasing.store.query("SELECT count() > 0 FROM erasures") == [(True,)]
    assert user(GONE).encode() not in erasing.projects_at.read_bytes()


def test_a_task_that_is_cancelled_in_time_erases_nothing_and_one_that_has_begun_cannot_be(
    erasing: ErasurePlace,
) -> None:
    people = People(9, erasing.place.began_us)
    erasing.place.append_payloads([people.next(10)])
    erasing.place.load()
    before = erasing.read_out()
    task = erasing.ask(ALPHA.project_id, user(GONE))
    erasing.tasks.cancel("deletion", task.project_id, task.task_id)
    erasing.worker().turn()
    assert erasing.again(task).state == "REVOKED"
    assert erasing.read_out() == before
    done = erasing.erase(ALPHA.project_id, user(GONE))
    with pytest.raises(TaskBegun, match="has begun"):
        erasing.tasks.cancel("deletion", done.project_id, done.task_id)


def test_a_server_of_another_region_leaves_a_task_to_the_one_that_has_the_data(erasing: ErasurePlace) -> None:
    people = People(10, erasing.place.began_us)
    erasing.place.append_payloads([people.next(5)])
    erasing.place.load()
    task = erasing.ask(ALPHA.project_id, user(GONE))
    assert erasing.tasks.due(task.starts_at_ms, "eu") == []
    assert erasing.tasks.due(task.starts_at_ms, "us") == [task]


def test_no_journal_holds_an_erased_person_once_its_retention_is_over(erasing: ErasurePlace) -> None:
    people = People(12, erasing.place.began_us)
    erasing.place.append_payloads([people.next(20)])
    erasing.place.load()
    assert any(mark(GONE) in str(decode_entries(payload)) for payload in payloads(erasing))
    for project in (ALPHA, GAMMA):
        erasing.erase(project.project_id, *all_ids(GONE))
    erasing.place.append_payloads([people.next(20, (GONE,))])
    erasing.place.load()
    erasing.place.forget_journal()
    assert not any(mark(GONE) in str(decode_entries(payload)) for payload in payloads(erasing))
    for table, rows in erasing.read_out().items():
        assert not [row for row in rows if mark(GONE) in row], table


def payloads(erasing: ErasurePlace) -> list[memoryview]:
    """All that the journal holds."""
    with closing(erasing.place.journal.source(0)) as source:
        return [record.payload for record in source.read(1 << 26)]
