"""The reader of the projects database in SQLite, through the standard library alone.

A path arrives. Rows leave. The reader opens a new connection in a forked child, and after the file was replaced.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any, ClassVar, Final

from trackway.domain.errors import StorageError
from trackway.projects.limits import SQLITE_READ_BUSY_S_MAX
from trackway.projects.read_statements import Reader


class SqliteReader(Reader):
    """Reads projects.db at `path`. Every method raises StorageError when the file is away or cannot be read."""

    quick: ClassVar[bool] = True

    def __init__(self, path: Path, busy_timeout_s: float = SQLITE_READ_BUSY_S_MAX):
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._connection: sqlite3.Connection | None = None
        self._opened_as: tuple[int, int, int] | None = None

    def has_tables(self) -> bool:
        if not self._path.exists():
            return False
        return bool(self._rows("SELECT name FROM sqlite_master WHERE name = 'alembic_version'"))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        try:
            rows: list[tuple[Any, ...]] = self._open().execute(statement).fetchall()
        except (sqlite3.Error, OSError) as error:
            self._forget()
            raise StorageError(f"projects database {self._path} cannot be read: {error}") from error
        return rows

    def _open(self) -> sqlite3.Connection:
        """The connection, if this process opened it and the file is still the same. Else a new one."""
        status = self._path.stat()
        wanted = (os.getpid(), status.st_dev, status.st_ino)
        if self._connection is None or self._opened_as != wanted:
            self._forget()
            # Read-write, since a reader may have to make the shared-memory file of the log. query_only forbids writes.
            self._connection = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=self._busy_timeout_s,
                isolation_level=None,
                check_same_thread=False,
            )
            self._connection.execute("PRAGMA query_only = ON")
            self._opened_as = wanted
        return self._connection

    def _forget(self) -> None:
        """Drop the connection. One inherited over a fork is not closed: it belongs to the parent."""
        if self._opened_as is not None and self._opened_as[0] == os.getpid():
            self.close()
        elif self._connection is not None:
            _inherited.append(self._connection)
            self._connection = None


_inherited: Final[list[sqlite3.Connection]] = []
"""Connections of a parent process. The list keeps them open, since SQLite forbids that a child closes them."""
