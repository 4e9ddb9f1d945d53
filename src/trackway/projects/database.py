"""The projects database as it is written: SQLAlchemy Core over SQLite or PostgreSQL, migrated by Alembic.

A name and a region arrive; a project with fresh keys leaves, committed and synced to disk. Used by the command line,
and by the server for migrating; reading while serving goes through `directory` instead. One transaction is one change,
and takes a lock with its first statement (SQLite: on the file; PostgreSQL: on the row of the revision), so that changes
have one order and the revision never goes back.
"""

import os
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, create_engine, event, insert, select, update
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import NullPool

from trackway.errors import ConfigError, StorageError
from trackway.identity import SIMPLIFIED
from trackway.projects.account import Account, accounts_of
from trackway.projects.project import KeyKind, Project, check_identity_mode, check_name, check_region, check_settings
from trackway.projects.reader import project_of, with_old_keys
from trackway.projects.rotation import new_key, replace_key
from trackway.projects.sqlite import BUSY_TIMEOUT_S
from trackway.projects.tables import memberships, old_keys, projects, revisions, service_accounts
from trackway.settings import masked

_WAL_ATTEMPTS: Final = 200
_WAL_PAUSE_S: Final = 0.05
_MIGRATION_LOCK: Final = 0x747261636B776179
"""The advisory lock that migrations of PostgreSQL take: "trackway" as a number."""


class ProjectsDatabase:
    """The database at a path (SQLite) or URL (PostgreSQL). Raises StorageError when it cannot be read or written.

    No connection outlives a call, so an instance may be carried over a fork and used from any thread.
    """

    def __init__(self, at: Path | str):
        self._at = at
        self._engine = _sqlite_engine(at) if isinstance(at, Path) else _postgres_engine(at)
        self._writing = self._engine.execution_options(trackway_writes=True)

    def migrate(self) -> None:
        """Brings the tables to this version, making the file (readable by its owner alone) when there is none.

        Safe in several processes at once: the first takes the write lock, the others wait and find nothing to do. A
        process killed midway leaves the tables as they were.
        """
        if isinstance(self._at, Path):
            _make_private(self._at.absolute())
            self._switch_to_write_ahead(self._at.absolute())
        with self._transaction(self._writing) as connection:
            if not isinstance(self._at, Path):
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
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

    def create(self, name: str, region: str, identity_mode: str = SIMPLIFIED) -> Project:
        """A new project with random keys, durable at return. ConfigError for a bad or taken name, or a bad region or
        identity mode."""
        row = {
            "name": check_name(name),
            "token": new_key(),
            "secret": new_key(),
            "region": check_region(region),
            "created_at_ms": time.time_ns() // 1_000_000,
            "settings": {},
            "identity_mode": check_identity_mode(identity_mode),
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

    def change_identity_mode(self, project_id: int, identity_mode: str) -> Project:
        """Changes how the project links ids. It must have no data. ConfigError for a bad mode or no project."""
        mode = check_identity_mode(identity_mode)
        with self._change() as connection:
            connection.execute(update(projects).where(projects.c.project_id == project_id).values(identity_mode=mode))
            return _one(connection, project_id)

    def rotate(self, name: str, kind: KeyKind, overlap_s: int) -> Project:
        """Gives the project a new random token or secret, durable at return. Those before it are valid for `overlap_s`
        more at most; 0 ends all of them at once. ConfigError for no such project, or too many old keys."""
        with self._change() as connection:
            replace_key(connection, _named(connection, name), kind, overlap_s, time.time_ns() // 1_000_000)
            return _named(connection, name)

    def named(self, name: str) -> Project:
        """The project of that name, else the one of that id, or ConfigError."""
        with self._transaction(self._engine) as connection:
            return _named(connection, name)

    def all_projects(self) -> list[Project]:
        """Every project, by id."""
        with self._transaction(self._engine) as connection:
            return _found(connection, select(projects).order_by(projects.c.project_id))

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
    def _shown(self) -> str:
        return masked(str(self._at))

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except (DBAPIError, sqlite3.Error) as error:  # the driver's own: from setting a new connection up
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise self._failure(reason) from error

    def _failure(self, reason: BaseException | None) -> StorageError:
        if isinstance(self._at, Path):
            return StorageError(f"projects database {self._shown} failed: {reason}")
        from psycopg import Error  # noqa: PLC0415  # 0.2 s that SQLite does without

        from trackway.projects.postgresql import failure  # noqa: PLC0415

        assert isinstance(reason, Error), "the driver's own"
        return failure(self._at, reason)

    @contextmanager
    def _change(self) -> Iterator[Connection]:
        """A transaction that changes projects. The revision is raised first, which puts changes in one order."""
        with self._transaction(self._writing) as connection:
            connection.execute(update(revisions).values(revision=revisions.c.revision + 1))
            yield connection

    def _switch_to_write_ahead(self, path: Path) -> None:
        """Write-ahead mode stays in the file. SQLite refuses to switch, unasked, while others hold it: try again."""
        for _ in range(_WAL_ATTEMPTS):
            try:
                with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)) as connection:
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
    for project in _found(connection, select(projects).where(projects.c.project_id == project_id)):
        return project
    raise ConfigError(f"no project has the id {project_id}")


def _named(connection: Connection, name: str) -> Project:
    chosen = projects.c.name == check_name(name)
    if re.fullmatch("[1-9][0-9]{0,8}", name):
        chosen |= projects.c.project_id == int(name)
    found = _found(connection, select(projects).where(chosen))
    for project in sorted(found, key=lambda each: each.name != name):
        return project
    raise ConfigError(f"no project is named {name!r}")


def _found(connection: Connection, chosen: Select[Any]) -> list[Project]:
    """The projects that a selection of their rows finds, with their old keys."""
    found = [project_of(row) for row in connection.execute(chosen)]
    mine = old_keys.c.project_id.in_([project.project_id for project in found])
    columns = (old_keys.c.project_id, old_keys.c.kind, old_keys.c.key, old_keys.c.until_ms)
    return with_old_keys(found, connection.execute(select(*columns).where(mine).order_by(old_keys.c.until_ms)))


def _sqlite_engine(path: Path) -> Engine:
    url = URL.create("sqlite", database=str(path.absolute()))
    arguments = {"timeout": BUSY_TIMEOUT_S, "isolation_level": None}
    engine = create_engine(url, poolclass=NullPool, connect_args=arguments)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgres_engine(url: str) -> Engine:
    """Connections are made as the readers make theirs, so that a URL means one thing."""
    from trackway.projects import postgresql  # noqa: PLC0415  # 0.2 s that SQLite does without

    engine = create_engine(
        "postgresql+psycopg://", poolclass=NullPool, creator=lambda: postgresql.connect(url), use_native_hstore=False
    )
    timeout = f"SET LOCAL statement_timeout = {postgresql.STATEMENT_TIMEOUT_MS}"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(timeout))
    return engine


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
