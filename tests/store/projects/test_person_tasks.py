"""Tasks about persons in each kind of database: their states, their bounds, and what is forgotten."""

import time

import pytest

from trackway.domain.errors import InvalidInput, StateError
from trackway.projects import person_task_table
from trackway.projects.audit import Author
from trackway.projects.database import ProjectsDatabase
from trackway.projects.person_task import TaskBegun
from trackway.projects.person_task_table import PersonTasks
from trackway.projects.read_statements import Reader
from trackway.projects.saved import UnknownSaved

FAR_MS = 1 << 50


@pytest.fixture
def tasks(database: ProjectsDatabase) -> PersonTasks:
    for name, region in (("one", "us"), ("two", "eu")):
        database.create(name, region)
    return PersonTasks(database.by(Author("somebody", "192.0.2.1")))


def test_a_task_goes_from_state_to_state_and_forgets_its_ids(tasks: PersonTasks, reader: Reader) -> None:
    assert reader.next_person_task_ms() is None
    made = tasks.ask("deletion", 1, ["ann\0", "ünï", "ann\0"], "somebody", compliance="CCPA", delay_s=60)
    assert (made.state, list(made.ids), made.id_count) == ("PENDING", ["ann\0", "ünï"], 2)
    assert reader.next_person_task_ms() == made.starts_at_ms
    assert tasks.due(made.starts_at_ms - 1, "us") == []
    assert tasks.due(made.starts_at_ms, "us") == [made]
    assert tasks.begin(made) and not tasks.begin(made)
    assert reader.next_person_task_ms() == 0
    [begun] = tasks.due(0, "us")
    tasks.write(begun, {"before": {"events": 3}})
    tasks.write(begun, {"before": {"events": 3}, "left": {"events": 0}}, "SUCCESS")
    ended = tasks.one("deletion", 1, made.task_id)
    assert ended.has_ended and ended.report["before"] == {"events": 3}
    assert tasks.due(made.until_ms, "us") == []
    assert tasks.due(made.until_ms + 1, "us") == [ended]
    tasks.forget(ended, ["00ff"], ended.report)
    forgotten = tasks.one("deletion", 1, made.task_id)
    assert (list(forgotten.ids), forgotten.has_ids, forgotten.id_count) == (["00ff"], False, 2)
    assert tasks.due(FAR_MS, "us") == []
    assert reader.next_person_task_ms() is None


def test_a_task_is_either_cancelled_or_begun(tasks: PersonTasks) -> None:
    first, second = (tasks.ask("deletion", 1, ["ann"], "somebody") for _ in range(2))
    tasks.cancel("deletion", 1, first.task_id)
    assert not tasks.begin(first)
    assert tasks.begin(second)
    for task in (first, second):
        with pytest.raises(TaskBegun):
            tasks.cancel("deletion", 1, task.task_id)


def test_a_task_of_another_project_or_kind_is_unknown(tasks: PersonTasks) -> None:
    task = tasks.ask("retrieval", 1, ["ann"], "somebody", disclosure="Data")
    assert task.state == "SUCCESS"
    with pytest.raises(UnknownSaved):
        tasks.one("retrieval", 2, task.task_id)
    with pytest.raises(UnknownSaved):
        tasks.cancel("deletion", 1, task.task_id)


def test_ids_and_tasks_are_bounded(tasks: PersonTasks, monkeypatch: pytest.MonkeyPatch) -> None:
    for ids in ([], [""], ["x" * 264], ["a"] * 2000, ["\ud800"]):
        with pytest.raises(InvalidInput, match="distinct_ids must be"):
            tasks.ask("deletion", 1, ids, "somebody")
    assert tasks.ask("retrieval", 1, [str(number) for number in range(2000)], "somebody").id_count == 2000
    monkeypatch.setattr(person_task_table, "PERSON_TASKS_OPEN_MAX", 1)
    tasks.ask("deletion", 1, ["ann"], "somebody")
    with pytest.raises(StateError, match="more than 1 open tasks"):
        tasks.ask("deletion", 1, ["ann"], "somebody")
    tasks.ask("deletion", 2, ["ann"], "somebody")


def test_the_audit_has_numbers_of_ids_and_no_id(tasks: PersonTasks, database: ProjectsDatabase) -> None:
    task = tasks.ask("deletion", 1, ["ann@example.com"], "somebody")
    tasks.cancel("deletion", 1, task.task_id)
    entries = [(each.action, each.subject) for each in database.audit(10, project_id=1)]
    wanted = [
        ("person erasure cancelled", f"task {task.task_id}"),
        ("person erasure asked", f"task {task.task_id}, ids: 1"),
    ]
    assert entries[:2] == wanted


def test_each_deleted_project_gets_one_task_in_its_region(
    tasks: PersonTasks, database: ProjectsDatabase, reader: Reader
) -> None:
    assert not reader.has_deleted_projects()
    database.delete(1, "one")
    assert reader.has_deleted_projects()
    tasks.add_deleted_projects("eu")
    assert reader.has_deleted_projects()
    for _ in range(2):
        tasks.add_deleted_projects("us")
    assert not reader.has_deleted_projects()
    [task] = tasks.due(time.time_ns() // 1_000_000, "us")
    assert (task.kind, task.project_id, task.has_ids) == ("project", 1, False)
