"""The projects database as an edge process reads it: SQLite through the standard library, and nothing else.

A path arrives; rows leave. The connection is opened anew in a forked child, and when the file was replaced.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any, ClassVar, Final

from trackway.errors import StorageError
from trackway.projects.reader import Reader

BUSY_TIMEOUT_S: Final = 10.0
READ_BUSY_TIMEOUT_S: Final = 0.25
"""A reader waits on a writer only while the write-ahead log is being made anew, and may hold up an event loop."""


class SqliteReader(Reader):
    """Reads projects.db at `path`. Every method raises StorageError when the file is away or cannot be read."""

    quick: ClassVar[bool] = True

    def __init__(self, path: Path, busy_timeout_s: float = READ_BUSY_TIMEOUT_S):
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._connection: sqlite3.Connection | None = None
        self._opened_as: tuple[int, int, int] | None = None

    def _has_tables(self) -> bool:
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
        """The connection, if it is this process's own and to the file that is there now; else a new one."""
        status = self._path.stat()
        wanted = (os.getpid(), status.st_dev, status.st_ino)
        if self._connection is None or self._opened_as != wanted:
            self._forget()
            # Read-write, as a reader may have to make the shared-memory file of the log; query_only keeps it a reader.
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
        """Lets the connection go. One inherited over a fork is not closed here: it belongs to the parent."""
        if self._opened_as is not None and self._opened_as[0] == os.getpid():
            self.close()
        elif self._connection is not None:
            _inherited.append(self._connection)
            self._connection = None


_inherited: Final[list[sqlite3.Connection]] = []
"""Connections of a parent process: kept, as letting go would close them, and SQLite forbids that in a child."""
