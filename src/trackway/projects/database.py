"""The projects database as it is written: SQLAlchemy Core, SQLite in write-ahead mode, migrated by Alembic.

A name and a region arrive; a project with fresh keys leaves, committed and synced to disk. Used by the command line,
and by the server for migrating; reading while serving goes through `directory` instead. One transaction is one change,
and takes the write lock with its first statement, so that changes have one order and the revision never goes back.
"""

import os
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, insert, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import NullPool

from trackway.errors import ConfigError, StorageError
from trackway.projects.account import Account, accounts_of
from trackway.projects.project import KEY_HEX_DIGITS, Project, check_name, check_region, check_settings
from trackway.projects.sqlite import BUSY_TIMEOUT_S, project_of
from trackway.projects.tables import memberships, projects, revisions, service_accounts

_WAL_ATTEMPTS: Final = 200
_WAL_PAUSE_S: Final = 0.05


class ProjectsDatabase:
    """The database at a path (SQLite) or an SQLAlchemy URL. Raises StorageError when it cannot be read or written.

    No connection outlives a call, so an instance may be carried over a fork and used from any thread.
    """

    def __init__(self, path_or_url: Path | str):
        self._url = _url(path_or_url)
        self._engine = create_engine(self._url, poolclass=NullPool, connect_args=_connect_arguments(self._url))
        if self._is_sqlite:
            event.listen(self._engine, "connect", _set_up_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)
        self._writing = self._engine.execution_options(trackway_writes=True)

    def migrate(self) -> None:
        """Brings the tables to this version, making the file (readable by its owner alone) when there is none.

        Safe in several processes at once: the first takes the write lock, the others wait and find nothing to do. A
        process killed midway leaves the tables as they were.
        """
        if self._is_sqlite:
            _make_private(Path(str(self._url.database)))
            self._switch_to_write_ahead()
        with self._transaction(self._writing) as connection:
            self._upgrade(connection)

    def _upgrade(self, connection: Connection) -> None:
        from alembic import command  # noqa: PLC0415  # 0.1 s that only a database to be migrated need pay
        from alembic.config import Config  # noqa: PLC0415
        from alembic.util import CommandError  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise ConfigError(f"projects database {self._shown} is of another version: {_lower(error)}") from error

    def create(self, name: str, region: str) -> Project:
        """A new project with random keys, durable at return. ConfigError for a bad or taken name, or a bad region."""
        row = {
            "name": check_name(name),
            "token": secrets.token_hex(KEY_HEX_DIGITS // 2),
            "secret": secrets.token_hex(KEY_HEX_DIGITS // 2),
            "region": check_region(region),
            "created_at_ms": time.time_ns() // 1_000_000,
            "settings": {},
        }
        try:
            with self._change() as connection:
                key = connection.execute(insert(projects).values(row)).inserted_primary_key
        except IntegrityError as error:
            raise ConfigError(f"project name {name!r} is taken") from error
        assert key is not None, "an insert of one row tells its key"
        return project_of((key[0], *row.values()))

    def change_settings(self, project_id: int, changes: Mapping[str, int | None]) -> Project:
        """Sets the project's own settings, None going back to the server's. ConfigError for a bad one or no project."""
        with self._change() as connection:
            old = _one(connection, project_id)
            merged = {**old.settings, **changes}
            new = check_settings({name: value for name, value in merged.items() if value is not None})
            connection.execute(update(projects).where(projects.c.project_id == project_id).values(settings=new))
            return _one(connection, project_id)

    def all_projects(self) -> list[Project]:
        """Every project, by id."""
        with self._transaction(self._engine) as connection:
            return [project_of(row) for row in connection.execute(select(projects).order_by(projects.c.project_id))]

    def all_accounts(self) -> list[Account]:
        """Every service account, by id."""
        with self.reading() as connection:
            return read_accounts(connection)

    def revision(self) -> int:
        """A number that grows with every change of a project or a service account."""
        with self._transaction(self._engine) as connection:
            return int(connection.execute(select(revisions.c.revision)).scalar_one())

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state."""
        with self._transaction(self._engine) as connection:
            yield connection

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """A transaction that raises the revision and changes what belongs to projects; one at a time."""
        with self._change() as connection:
            yield connection

    @property
    def _is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    @property
    def _shown(self) -> str:
        return str(self._url.database) if self._is_sqlite else self._url.render_as_string(hide_password=True)

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except (DBAPIError, sqlite3.Error) as error:  # the driver's own: from setting a new connection up
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise StorageError(f"projects database {self._shown} failed: {reason}") from error

    @contextmanager
    def _change(self) -> Iterator[Connection]:
        """A transaction that changes projects. The revision is raised first, which puts changes in one order."""
        with self._transaction(self._writing) as connection:
            connection.execute(update(revisions).values(revision=revisions.c.revision + 1))
            yield connection

    def _switch_to_write_ahead(self) -> None:
        """Write-ahead mode stays in the file. SQLite refuses to switch, unasked, while others hold it: try again."""
        for _ in range(_WAL_ATTEMPTS):
            try:
                with closing(sqlite3.connect(str(self._url.database), timeout=BUSY_TIMEOUT_S)) as connection:
                    if connection.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",):
                        return
            except sqlite3.Error as error:
                if "locked" not in str(error):
                    raise StorageError(f"projects database {self._shown} failed: {error}") from error
            time.sleep(_WAL_PAUSE_S)
        raise StorageError(f"projects database {self._shown} stayed locked for {_WAL_ATTEMPTS * _WAL_PAUSE_S} s")


def _lower(error: Exception) -> str:
    """A library's message in our form: it begins in lower case."""
    return str(error)[:1].lower() + str(error)[1:]


def read_accounts(connection: Connection) -> list[Account]:
    """Every service account, by id, as this transaction sees them."""
    columns = [*service_accounts.c, memberships.c.project_id, memberships.c.role]
    joined = service_accounts.outerjoin(memberships)
    return accounts_of(connection.execute(select(*columns).select_from(joined).order_by(service_accounts.c.account_id)))


def _one(connection: Connection, project_id: int) -> Project:
    row = connection.execute(select(projects).where(projects.c.project_id == project_id)).first()
    if row is None:
        raise ConfigError(f"no project has the id {project_id}")
    return project_of(row)


def _url(path_or_url: Path | str) -> URL:
    if isinstance(path_or_url, str) and "://" in path_or_url:
        return make_url(path_or_url)
    return URL.create("sqlite", database=str(Path(path_or_url).absolute()))


def _connect_arguments(url: URL) -> dict[str, Any]:
    return {"timeout": BUSY_TIMEOUT_S, "isolation_level": None} if url.get_backend_name() == "sqlite" else {}


def _make_private(path: Path) -> None:
    """The file holds secrets. SQLite gives its log files the mode of the file itself, but leaves its name to us."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        for directory in (path.parent, path.parent.parent):
            _sync_directory(directory)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise StorageError(f"projects database {path} cannot be opened: {(reason or str(error)).lower()}") from error


def _sync_directory(directory: Path) -> None:
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous = FULL")  # in write-ahead mode: a sync with every commit
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    """The driver's own BEGIN would leave DDL outside, and take the write lock too late to wait for it."""
    writes = connection.get_execution_options().get("trackway_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
