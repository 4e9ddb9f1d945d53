"""Creating and changing projects, from one process and from many, and migrating: the same on SQLite and PostgreSQL."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tests.support.projects.migrations import MIGRATIONS
from trackway.domain.errors import InvalidInput, StorageError
from trackway.projects.database import ProjectsDatabase
from trackway.projects.migrate import migrate_if_needed
from trackway.projects.project import Project
from trackway.projects.read_statements import MIGRATION_NEWEST, Reader
from trackway.projects.tables import metadata


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


def test_created_project_is_what_is_read_back(database: ProjectsDatabase, reader: Reader) -> None:
    before_ms = time.time_ns() // 1_000_000
    project = database.create("Shop ☃", "eu")
    assert (project.project_id, project.name, project.region, dict(project.settings)) == (1, "Shop ☃", "eu", {})
    assert project.identity_mode == "simplified"
    assert re.fullmatch(r"[0-9a-f]{32}", project.token)
    assert re.fullmatch(r"[0-9a-f]{32}", project.secret)
    assert before_ms <= project.created_at_ms <= time.time_ns() // 1_000_000
    assert database.all_projects() == [project] == reader.all_projects()


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
    with pytest.raises(InvalidInput) as refused:
        database.create(name, region)
    assert str(refused.value) == message
    assert [project.name for project in database.all_projects()] == ["taken"]
    assert database.revision() == 1


def test_revision_grows_with_every_change(database: ProjectsDatabase, reader: Reader) -> None:
    seen = [(database.revision(), reader.revision())]
    changes: list[Callable[[], object]] = [
        lambda: database.create("a", "us"),
        lambda: database.change_settings(1, {"import_requests_per_hour": 7}),
        lambda: database.create("b", "us"),
        lambda: database.change_identity_mode(1, "original"),
    ]
    for change in changes:
        change()
        seen.append((database.revision(), reader.revision()))
    assert seen == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]


def test_identity_mode_is_stored_and_changed_for_one_project(database: ProjectsDatabase, reader: Reader) -> None:
    database.create("a", "us", "original")
    database.create("b", "us")
    assert [each.identity_mode for each in reader.all_projects()] == ["original", "simplified"]
    assert database.change_identity_mode(2, "original").identity_mode == "original"
    assert database.change_identity_mode(1, "simplified").identity_mode == "simplified"
    assert [each.identity_mode for each in reader.all_projects()] == ["simplified", "original"]


def test_unknown_identity_mode_or_project_is_refused(database: ProjectsDatabase) -> None:
    database.create("a", "us")
    with pytest.raises(InvalidInput, match="identity mode must be one of simplified, original, not 'legacy'"):
        database.create("b", "us", "legacy")
    with pytest.raises(InvalidInput, match="identity mode must be one of simplified, original, not ''"):
        database.change_identity_mode(1, "")
    with pytest.raises(InvalidInput, match="no project has the id 2"):
        database.change_identity_mode(2, "original")
    assert [each.identity_mode for each in database.all_projects()] == ["simplified"]


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
            "import_requests_per_hour, export_requests_per_hour, export_concurrent_max, "
            "report_requests_per_hour, report_concurrent_max, "
            "ingest_records_per_minute, ingest_bytes_per_minute, lookup_replacements_per_day",
        ),
    ],
)
def test_bad_own_setting_is_refused(
    database: ProjectsDatabase, project_id: int, changes: dict[str, int | None], message: str
) -> None:
    database.create("a", "us")
    with pytest.raises(InvalidInput) as refused:
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
        except InvalidInput as refused:
            assert "taken" in str(refused)

    in_processes(4, create_the_same)
    assert len(database.all_projects()) == 1


def test_migrating_again_changes_nothing(database: ProjectsDatabase) -> None:
    project = database.create("a", "us")
    database.migrate()
    assert database.all_projects() == [project]


def test_migrations_build_the_tables_that_the_code_expects(database: ProjectsDatabase, at: Path | str) -> None:
    with database._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_newest_migration_is_the_one_that_the_reader_looks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [MIGRATION_NEWEST]


def test_migrate_if_needed_does_nothing_the_second_time(at: Path | str) -> None:
    assert [migrate_if_needed(at), migrate_if_needed(at)] == [True, False]


def test_several_processes_migrate_a_new_database_at_once(at: Path | str, reader: Reader) -> None:
    def migrate_and_create(number: int) -> None:
        database = ProjectsDatabase(at)
        database.migrate()
        database.create(str(number), "us")

    in_processes(6, migrate_and_create)
    assert len(reader.all_projects()) == 6


def test_database_of_a_newer_version_is_refused(database: ProjectsDatabase, at: Path | str) -> None:
    with database._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(InvalidInput, match="is of another version: can't locate revision identified by '9999'"):
        migrate_if_needed(at)


def test_database_that_is_not_migrated_is_a_storage_error(at: Path | str, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    with pytest.raises(StorageError, match="revisions"):
        ProjectsDatabase(at).create("a", "us")


def test_project_id_is_never_given_twice(database: ProjectsDatabase) -> None:
    ids = [database.create(name, "us").project_id for name in "ab"]
    with database._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM projects")
    assert [*ids, database.create("a", "us").project_id] == [1, 2, 3]


def test_database_of_the_first_version_keeps_its_projects(at: Path | str, reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    database = ProjectsDatabase(at)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database._transaction(database._writing) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        columns = "name, token, secret, region, created_at_ms, settings"
        keys = f"'{'a' * 32}', '{'b' * 32}'"
        connection.exec_driver_sql(f"INSERT INTO projects ({columns}) VALUES ('old', {keys}, 'eu', 5, '{{}}')")
    assert migrate_if_needed(at)
    assert reader.all_projects() == [Project(1, "old", "a" * 32, "b" * 32, "eu", 5, {})]
    assert database.rotate("old", "token", 60).old_keys[0].key == "a" * 32


def test_driver_that_is_not_installed_is_named() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None; from trackway.cli import run\n"
        "sys.exit(run(['project', 'list', '--projects-url', 'postgresql://me:hidden@h/x']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    wanted = "trackway: projects_url needs the driver of PostgreSQL: run .venv/bin/pip install '.[postgresql]'"
    hint = "in the checkout, or install the wheel with [postgresql] behind its name"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{wanted} {hint}\n")
