"""Creating projects, from one process and from many, and migrating a file in every state it may be found in."""

import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import trackway.projects.database
from trackway.errors import ConfigError, StorageError
from trackway.projects.database import ProjectsDatabase
from trackway.projects.migrate import migrate_if_needed
from trackway.projects.sqlite import MIGRATION_NEWEST, SqliteReader
from trackway.projects.tables import metadata


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "projects.db"


@pytest.fixture
def database(path: Path) -> ProjectsDatabase:
    database = ProjectsDatabase(path)
    database.migrate()
    return database


def in_processes(count: int, work: Callable[[int], None]) -> None:
    """Runs work(n) in so many forked children at once; fails when one of them does."""
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work(number)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * count


def test_created_project_is_what_is_read_back(database: ProjectsDatabase, path: Path) -> None:
    before_ms = time.time_ns() // 1_000_000
    project = database.create("Shop ☃", "eu")
    assert (project.project_id, project.name, project.region, dict(project.settings)) == (1, "Shop ☃", "eu", {})
    assert re.fullmatch(r"[0-9a-f]{32}", project.token)
    assert re.fullmatch(r"[0-9a-f]{32}", project.secret)
    assert before_ms <= project.created_at_ms <= time.time_ns() // 1_000_000
    assert database.all_projects() == [project] == SqliteReader(path).all_projects()


def test_keys_are_out_of_a_projects_repr(database: ProjectsDatabase) -> None:
    project = database.create("Shop", "us")
    assert project.token not in repr(project)
    assert project.secret not in repr(project)


@pytest.mark.parametrize(
    ("name", "region", "message"),
    [
        ("", "us", "project name must be 1 to 255 characters, not 0"),
        ("x" * 256, "us", "project name must be 1 to 255 characters, not 256"),
        (" x", "us", "project name must be printable and not begin or end with a blank: ' x'"),
        ("a\nb", "us", "project name must be printable and not begin or end with a blank: 'a\\nb'"),
        ("\ud800", "us", "project name must be printable and not begin or end with a blank: '\\ud800'"),
        ("x", "de", "region must be one of us, eu, in, not 'de'"),
        ("taken", "us", "project name 'taken' is taken"),
    ],
)
def test_bad_project_is_refused_and_leaves_no_trace(
    database: ProjectsDatabase, name: str, region: str, message: str
) -> None:
    database.create("taken", "us")
    with pytest.raises(ConfigError) as refused:
        database.create(name, region)
    assert str(refused.value) == message
    assert [project.name for project in database.all_projects()] == ["taken"]
    assert database.revision() == 1


def test_project_id_is_never_given_twice(database: ProjectsDatabase, path: Path) -> None:
    ids = [database.create(name, "us").project_id for name in "ab"]
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM projects")
    connection.close()
    assert [*ids, database.create("a", "us").project_id] == [1, 2, 3]


def test_revision_grows_with_every_change(database: ProjectsDatabase, path: Path) -> None:
    reader = SqliteReader(path)
    seen = [(database.revision(), reader.revision())]
    changes: list[Callable[[], object]] = [
        lambda: database.create("a", "us"),
        lambda: database.change_settings(1, {"import_requests_per_hour": 7}),
        lambda: database.create("b", "us"),
    ]
    for change in changes:
        change()
        seen.append((database.revision(), reader.revision()))
    assert seen == [(0, 0), (1, 1), (2, 2), (3, 3)]


def test_own_settings_are_set_and_given_up_one_by_one(database: ProjectsDatabase) -> None:
    database.create("a", "us")
    database.change_settings(1, {"import_requests_per_hour": 7, "export_concurrent_max": 2})
    project = database.change_settings(1, {"import_requests_per_hour": None})
    assert dict(project.settings) == {"export_concurrent_max": 2}
    assert project.setting("export_concurrent_max", 5) == 2
    assert project.setting("import_requests_per_hour", 60) == 60
    assert database.all_projects() == [project]


@pytest.mark.parametrize(
    ("project_id", "changes", "message"),
    [
        (2, {"export_concurrent_max": 2}, "no project has the id 2"),
        (1, {"export_concurrent_max": 0}, "export_concurrent_max must be 1 to 1000, not 0"),
        (
            1,
            {"export_concurent_max": 1},
            "a project has no setting 'export_concurent_max'; did you mean export_concurrent_max?",
        ),
        (
            1,
            {"port": 1},
            "a project has no setting 'port'; it has "
            "import_requests_per_hour, export_requests_per_hour, export_concurrent_max, lookup_replacements_per_day",
        ),
    ],
)
def test_bad_own_setting_is_refused(
    database: ProjectsDatabase, project_id: int, changes: dict[str, int | None], message: str
) -> None:
    database.create("a", "us")
    with pytest.raises(ConfigError) as refused:
        database.change_settings(project_id, changes)
    assert str(refused.value) == message
    assert database.revision() == 1


def test_several_processes_create_at_once_and_none_loses_a_project(database: ProjectsDatabase) -> None:
    def create_ten(number: int) -> None:
        for turn in range(10):
            database.create(f"{number}-{turn}", "us")

    in_processes(4, create_ten)
    created = database.all_projects()
    assert {project.name for project in created} == {f"{n}-{t}" for n in range(4) for t in range(10)}
    assert [project.project_id for project in created] == list(range(1, 41))
    assert database.revision() == 40


def test_one_name_created_by_several_processes_is_created_once(database: ProjectsDatabase) -> None:
    def create_the_same(_number: int) -> None:
        try:
            database.create("same", "us")
        except ConfigError as refused:
            assert "taken" in str(refused)

    in_processes(4, create_the_same)
    assert len(database.all_projects()) == 1


def test_several_processes_migrate_a_new_file_at_once(tmp_path: Path) -> None:
    for turn in range(5):
        path = tmp_path / str(turn) / "projects.db"

        def migrate_and_create(number: int, path: Path = path) -> None:
            database = ProjectsDatabase(path)
            database.migrate()
            database.create(str(number), "us")

        in_processes(6, migrate_and_create)
        assert len(SqliteReader(path).all_projects()) == 6


def test_migrating_again_changes_nothing(database: ProjectsDatabase) -> None:
    project = database.create("a", "us")
    database.migrate()
    assert database.all_projects() == [project]


def test_migration_killed_midway_leaves_nothing_behind(path: Path) -> None:
    path.parent.mkdir()
    child = os.fork()
    if child == 0:
        try:
            database = ProjectsDatabase(path)
            database._switch_to_write_ahead()
            with database._transaction(database._writing) as connection:
                connection.exec_driver_sql("CREATE TABLE projects (half INTEGER)")
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    database = ProjectsDatabase(path)
    database.migrate()
    assert database.create("a", "us").project_id == 1


def test_migration_that_fails_halfway_is_undone_whole(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE revisions (in_the_way INTEGER)")
    connection.close()
    with pytest.raises(StorageError, match="table revisions already exists"):
        ProjectsDatabase(path).migrate()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("revisions",)]
        connection.execute("DROP TABLE revisions")
    connection.close()
    ProjectsDatabase(path).migrate()
    assert ProjectsDatabase(path).create("a", "us").project_id == 1


def test_file_is_write_ahead_synced_and_private(database: ProjectsDatabase, path: Path) -> None:
    with database._engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert pragmas == ["wal", 2, 1, 10_000]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_migrations_build_the_tables_that_the_code_expects(database: ProjectsDatabase, path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_newest_migration_is_the_one_that_the_reader_looks_for() -> None:
    folder = Path(trackway.projects.database.__file__).parent / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_heads() == [MIGRATION_NEWEST]


def test_migrate_if_needed_does_nothing_the_second_time(path: Path) -> None:
    assert [migrate_if_needed(path), migrate_if_needed(path)] == [True, False]


def test_migrate_if_needed_completes_a_file_that_is_empty(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert migrate_if_needed(path)
    assert ProjectsDatabase(path).create("a", "us").project_id == 1


def test_file_of_a_newer_version_is_refused(database: ProjectsDatabase, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(ConfigError, match="is of another version: can't locate revision identified by '9999'"):
        migrate_if_needed(path)


def test_file_that_is_no_database_is_a_storage_error(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all, but long enough to look like one" * 100)
    with pytest.raises(StorageError, match=r"projects database .* file is not a database"):
        migrate_if_needed(path)
    with pytest.raises(StorageError, match=r"projects database .* file is not a database"):
        ProjectsDatabase(path).migrate()


def test_database_that_is_not_migrated_is_a_storage_error(path: Path) -> None:
    path.parent.mkdir()
    with pytest.raises(StorageError, match="no such table: revisions"):
        ProjectsDatabase(path).create("a", "us")


def test_reading_imports_neither_sqlalchemy_nor_alembic(database: ProjectsDatabase, path: Path) -> None:
    database.create("a", "us")
    code = (
        "import sys; from pathlib import Path; from trackway.projects.directory import ProjectDirectory\n"
        "from trackway.projects.migrate import migrate_if_needed\n"
        f"path = Path({str(path)!r}); migrate_if_needed(path); directory = ProjectDirectory(path)\n"
        "assert directory.by_id(1); assert not {'sqlalchemy', 'alembic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
