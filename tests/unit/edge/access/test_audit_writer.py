"""The audit of an edge process: refusals are counted in bounded memory, what is old goes, and a database that is away
holds up nobody."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.projects.migrated import migrated_file
from trackway.edge.access import audit_writer as edge_audit
from trackway.edge.access.audit_writer import Audit
from trackway.edge.access.change_queue import Changes
from trackway.projects.audit import Author, Note
from trackway.projects.database import ProjectsDatabase
from trackway.projects.project_lookup import ProjectDirectory

DAY_S = 86_400
REFUSED = Note("sign-in refused")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    migrated_file(tmp_path / "projects.db")
    return tmp_path / "projects.db"


@contextmanager
def auditing(path: Path) -> Iterator[Audit]:
    """As an edge process has it; at the end everything is written."""
    changes = Changes(ProjectDirectory(path), path)
    yield Audit(changes, path, retention_days=90)
    changes.close()


def test_refusals_of_too_many_addresses_at_once_are_counted_together(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_audit, "AUDIT_REFUSALS_HELD_MAX", 3)
    with auditing(path) as audit:
        for n in range(10):
            audit.refused(Author("", f"192.0.2.{n}"), REFUSED)
        audit.refused(Author("", "192.0.2.1"), REFUSED)
        audit.write_refused()
    kept = {each.address: each.times for each in ProjectsDatabase(path).audit(100)}
    assert kept == {"192.0.2.0": 1, "192.0.2.1": 2, "192.0.2.2": 1, "others": 7}


def test_entries_older_than_the_retention_go_by_themselves(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database, now_ns = ProjectsDatabase(path), time.time_ns()
    for days in (91, 89):
        monkeypatch.setattr(time, "time_ns", lambda days=days: now_ns - days * DAY_S * 10**9)
        database.note(Note("key shown", 1, f"{days} days ago"))
    monkeypatch.undo()
    monkeypatch.setattr(edge_audit, "AUDIT_WRITE_S", 0.01)

    async def run() -> None:
        with auditing(path) as audit:
            writing = asyncio.create_task(audit.write_for_ever())
            await until(lambda: len(database.audit(9)) == 1)
            writing.cancel()

    asyncio.run(run())
    assert [each.subject for each in database.audit(9)] == ["89 days ago"]


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(3000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not in time")


def test_a_database_that_is_away_holds_up_nobody(path: Path) -> None:
    with auditing(path) as audit:
        path.unlink()
        path.mkdir()
        began_s = time.monotonic()
        for _ in range(100):
            audit.note(Author("ann", "192.0.2.1"), Note("signed in"))
        assert time.monotonic() - began_s < 1
