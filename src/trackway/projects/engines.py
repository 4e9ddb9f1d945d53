"""SQLAlchemy's engines for the projects database, as `database` needs them: one connection for each transaction."""

import os
import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from trackway.domain.errors import StorageError
from trackway.projects.limits import POSTGRESQL_STATEMENT_MS_MAX, SQLITE_BUSY_S_MAX


def sqlite_engine(path: Path) -> Engine:
    """An engine for a file. A transaction that writes takes the lock at its begin, and each commit is synced."""
    url = URL.create("sqlite", database=str(path.absolute()))
    arguments = {"timeout": SQLITE_BUSY_S_MAX, "isolation_level": None}
    engine = create_engine(url, poolclass=NullPool, connect_args=arguments)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def postgres_engine(url: str) -> Engine:
    """An engine that connects as the readers do, so that a URL has one meaning."""
    from trackway.projects import postgresql  # noqa: PLC0415  # 0.2 s that SQLite does without

    engine = create_engine(
        "postgresql+psycopg://", poolclass=NullPool, creator=lambda: postgresql.connect(url), use_native_hstore=False
    )
    timeout = f"SET LOCAL statement_timeout = {POSTGRESQL_STATEMENT_MS_MAX}"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(timeout))
    return engine


def make_private(path: Path) -> None:
    """Make the file, readable by its owner alone: it holds secrets. SQLite gives its log files the same mode."""
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
    connection.execute("PRAGMA synchronous = FULL")  # in write-ahead mode this syncs every commit
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # ids of erased persons must not stay in free pages


def _begin_sqlite(connection: Connection) -> None:
    """The driver's own BEGIN would exclude DDL, and take the write lock too late to wait for it."""
    writes = connection.get_execution_options().get("trackway_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
