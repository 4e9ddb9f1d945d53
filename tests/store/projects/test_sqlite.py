"""The projects database in a file of SQLite, in every state it may be found in."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from trackway.domain.errors import StorageError
from trackway.projects.database import ProjectsDatabase
from trackway.projects.migrate import migrate_if_needed


def test_migration_killed_midway_leaves_nothing_behind(path: Path) -> None:
    path.parent.mkdir()
    child = os.fork()
    if child == 0:
        try:
            database = ProjectsDatabase(path)
            database._switch_to_write_ahead(path)
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


def test_file_is_write_ahead_synced_and_private(file_database: ProjectsDatabase, path: Path) -> None:
    with file_database._engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert pragmas == ["wal", 2, 1, 10_000]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_migrate_if_needed_completes_a_file_that_is_empty(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert migrate_if_needed(path)
    assert ProjectsDatabase(path).create("a", "us").project_id == 1


def test_file_that_is_no_database_is_a_storage_error(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all, but long enough to look like one" * 100)
    with pytest.raises(StorageError, match=r"projects database .* file is not a database"):
        migrate_if_needed(path)
    with pytest.raises(StorageError, match=r"projects database .* file is not a database"):
        ProjectsDatabase(path).migrate()


def test_reading_imports_neither_sqlalchemy_nor_alembic(file_database: ProjectsDatabase, path: Path) -> None:
    file_database.create("a", "us")
    code = (
        "import sys; from pathlib import Path; from trackway.projects.project_lookup import ProjectDirectory\n"
        "from trackway.projects.migrate import migrate_if_needed\n"
        f"path = Path({str(path)!r}); migrate_if_needed(path); directory = ProjectDirectory(path)\n"
        "assert directory.by_id(1); assert not {'sqlalchemy', 'alembic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
