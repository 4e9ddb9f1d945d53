"""What an edge process sees of the projects: at once when one is new, and still when the database is away."""

import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from tests.support.projects.migrated import migrated_file
from trackway.domain.errors import StorageError
from trackway.projects import project_lookup as directory_module
from trackway.projects.account import Account
from trackway.projects.database import ProjectsDatabase
from trackway.projects.limits import MISS_INTERVAL_S_MIN
from trackway.projects.project import Project
from trackway.projects.project_lookup import ProjectDirectory
from trackway.projects.read_statements import Reader
from trackway.projects.sqlite import SqliteReader


class CountingSource:
    """The real database, with the questions counted."""

    quick = True

    def __init__(self, database: ProjectsDatabase):
        self.database = database
        self.revisions = self.reads = 0

    def revision(self) -> int:
        self.revisions += 1
        return self.database.revision()

    def all_projects(self) -> list[Project]:
        self.reads += 1
        return self.database.all_projects()

    def all_accounts(self) -> list[Account]:
        return self.database.all_accounts()

    def admin_hash(self) -> str | None:
        return None

    def close(self) -> None:
        """Its connections end with each call."""


def test_project_is_found_by_each_of_its_keys_and_by_no_other(database: ProjectsDatabase, reader: Reader) -> None:
    one, two = database.create("one", "us"), database.create("two", "eu")
    directory = ProjectDirectory(reader)
    assert directory.refresh()
    for project in (one, two):
        assert directory.by_token(project.token) == project
        assert directory.by_token_credential(project.token) == project
        assert directory.by_secret(project.secret) == project
        assert directory.by_id(project.project_id) == project
        assert directory.by_token(project.secret) is None
        assert directory.by_secret(project.token) is None
    assert directory.by_secret("") is None
    assert directory.by_secret("\ud800") is None
    assert directory.by_id(3) is None
    assert directory.projects() == [one, two]


def test_new_project_works_at_once_without_a_refresh(file_database: ProjectsDatabase, path: Path) -> None:
    directory = ProjectDirectory(path)
    for look_up in ("by_token", "by_token_credential", "by_secret", "by_id"):
        project = file_database.create(look_up, "us")
        key = {"by_secret": project.secret, "by_id": project.project_id}.get(look_up, project.token)
        time.sleep(MISS_INTERVAL_S_MIN)
        assert getattr(directory, look_up)(key) == project


def test_refresh_takes_changed_settings_over(database: ProjectsDatabase, reader: Reader) -> None:
    project = database.create("one", "us")
    directory = ProjectDirectory(reader)
    assert directory.refresh()
    assert directory.by_token(project.token) == project
    changed = database.change_settings(1, {"export_concurrent_max": 9})
    assert directory.refresh()
    assert directory.by_token(project.token) == changed


def test_projects_are_read_again_only_after_a_change(database: ProjectsDatabase) -> None:
    source = CountingSource(database)
    directory = ProjectDirectory(source)
    for _ in range(3):
        directory.refresh()
    assert (source.revisions, source.reads) == (3, 1)
    database.create("one", "us")
    directory.refresh()
    assert source.reads == 2


def test_flood_of_unknown_tokens_asks_the_database_seldom(
    database: ProjectsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_module, "MISS_INTERVAL_S_MIN", 3600.0)
    source = CountingSource(database)
    directory = ProjectDirectory(source)
    for number in range(1000):
        assert directory.by_token(str(number)) is None
    assert source.revisions <= 1


def test_last_view_stays_in_force_while_the_database_is_away(file_database: ProjectsDatabase, path: Path) -> None:
    project = file_database.create("one", "us")
    reports: list[str | None] = []
    directory = ProjectDirectory(path, reports.append)
    assert directory.refresh()
    away = path.rename(path.with_name("away.db"))
    assert [directory.refresh(), directory.refresh()] == [False, False]
    assert directory.by_token(project.token) == project
    assert directory.by_token("unknown") is None
    assert directory.failure is not None
    away.rename(path)
    assert directory.refresh()
    assert directory.failure is None
    assert [report is None for report in reports] == [False, True]
    assert "cannot be read" in str(reports[0])


def test_directory_before_there_is_a_database_is_empty_and_then_is_not(path: Path) -> None:
    directory = ProjectDirectory(path)
    assert directory.by_token("x") is None
    database = ProjectsDatabase(path)
    database.migrate()
    project = database.create("one", "us")
    assert directory.refresh()
    assert directory.by_token(project.token) == project


def test_file_put_in_place_of_the_database_is_noticed(
    file_database: ProjectsDatabase, path: Path, tmp_path: Path
) -> None:
    old = file_database.create("old", "us")
    directory = ProjectDirectory(path)
    assert directory.by_token(old.token) == old
    other = migrated_file(tmp_path / "other.db")
    other.create("new", "us")
    restored = other.create("newer", "us")
    (tmp_path / "other.db").rename(path)
    assert directory.refresh()
    assert directory.by_token(restored.token) == restored
    assert directory.by_token(old.token) is None


def test_row_that_this_version_cannot_read_is_reported_and_keeps_the_view(
    file_database: ProjectsDatabase, path: Path
) -> None:
    project = file_database.create("one", "us")
    directory = ProjectDirectory(path)
    assert directory.refresh()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE projects SET region = 'moon'")
        connection.execute("UPDATE revisions SET revision = revision + 1")
    connection.close()
    assert not directory.refresh()
    assert "region must be one of us, eu, in, not 'moon'" in str(directory.failure)
    assert directory.by_token(project.token) == project


def test_directory_carried_over_a_fork_reads_on_its_own_connection(file_database: ProjectsDatabase, path: Path) -> None:
    reader = SqliteReader(path)
    directory = ProjectDirectory(reader)
    assert directory.refresh()
    inherited = reader._connection
    child = os.fork()
    if child == 0:
        code = 1
        try:
            project = ProjectsDatabase(path).create("by the child", "us")
            seen = directory.refresh() and directory.by_token(project.token) == project
            code = 0 if seen and reader._connection is not inherited else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert directory.refresh()
    assert reader._connection is inherited
    assert [project.name for project in directory.projects()] == ["by the child"]


def test_look_ups_in_threads_see_every_project_while_new_ones_are_made(
    file_database: ProjectsDatabase, path: Path
) -> None:
    directory = ProjectDirectory(path)
    first = file_database.create("first", "us")
    assert directory.refresh()
    missing: list[Project] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            if directory.by_secret(first.secret) is None:
                missing.append(first)
            directory.refresh()

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(20):
        file_database.create(str(number), "us")
    stop.set()
    for thread in threads:
        thread.join()
    assert not missing
    assert directory.refresh()
    assert len(directory.projects()) == 21


def test_source_of_another_kind_may_fail_too() -> None:
    class Away:
        quick = False

        def revision(self) -> int:
            raise StorageError("projects database is away")

        def all_projects(self) -> list[Project]:
            raise AssertionError("not asked without a revision")

        def all_accounts(self) -> list[Account]:
            raise AssertionError("not asked without a revision")

        def admin_hash(self) -> str | None:
            raise AssertionError("not asked without a revision")

        def close(self) -> None:
            raise AssertionError("there is nothing to close")

    directory = ProjectDirectory(Away())
    assert not directory.refresh()
    assert directory.failure == "projects database is away"


def test_row_that_cannot_be_read_through_sqlalchemy_is_reported_as_well(
    file_database: ProjectsDatabase, path: Path
) -> None:
    file_database.create("one", "us")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE projects SET settings = '[1]'")
    connection.close()
    with pytest.raises(StorageError, match="holds a row that cannot be read"):
        file_database.all_projects()
