"""The projects database as an edge process reads it: SQLite through the standard library, and nothing else.

SQLAlchemy and Alembic cost half a second and 40 MB to import, which a process that reads two statements need not pay.
A path arrives; the revision, the projects and whether the tables are up to date leave. The connection is opened anew
in a forked child, and when the file was replaced.
"""

import json
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from trackway.errors import ConfigError, StorageError
from trackway.projects.account import Account, accounts_of
from trackway.projects.project import Project, check_region

MIGRATION_NEWEST: Final = "0004"
"""The revision that the newest file below `migrations/versions` carries; a test holds the two together."""
BUSY_TIMEOUT_S: Final = 10.0
READ_BUSY_TIMEOUT_S: Final = 0.25
"""A reader waits on a writer only while the write-ahead log is being made anew, and may hold up an event loop."""

_PROJECTS: Final = "SELECT project_id, name, token, secret, region, created_at_ms, settings FROM projects ORDER BY 1"
_ACCOUNTS: Final = (
    "SELECT account_id, username, secret_hash, created_at_ms, expires_at_ms, creator, project_id, role"
    " FROM service_accounts LEFT JOIN memberships USING (account_id) ORDER BY 1"
)


class SqliteReader:
    """Reads projects.db at `path`. Every method raises StorageError when the file is away or cannot be read."""

    def __init__(self, path: Path, busy_timeout_s: float = READ_BUSY_TIMEOUT_S):
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._connection: sqlite3.Connection | None = None
        self._opened_as: tuple[int, int, int] | None = None

    def revision(self) -> int:
        """A number that grows with every change of a project. Some microseconds."""
        return int(self._rows("SELECT revision FROM revisions")[0][0])

    def all_projects(self) -> list[Project]:
        return [project_of(row) for row in self._rows(_PROJECTS)]

    def all_accounts(self) -> list[Account]:
        return accounts_of(self._rows(_ACCOUNTS))

    def migrated(self) -> bool:
        """Whether the tables are those of this version. A missing file or table is False, not an error."""
        if not self._path.exists():
            return False
        found = self._rows("SELECT name FROM sqlite_master WHERE name = 'alembic_version'")
        return bool(found) and self._rows("SELECT version_num FROM alembic_version") == [(MIGRATION_NEWEST,)]

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


def project_of(row: Sequence[Any]) -> Project:
    """A row, its columns in the order of the table, as a Project; `settings` as JSON text or already decoded.

    Raises StorageError for a row that this version cannot have written.
    """
    try:
        project_id, name, token, secret, region, created_at_ms, settings = row
        own = dict(json.loads(settings) if isinstance(settings, str) else settings)
        return Project(project_id, name, token, secret, check_region(region), created_at_ms, MappingProxyType(own))
    except (ConfigError, ValueError, TypeError) as error:
        raise StorageError(f"projects database holds a row that cannot be read: {error}") from error
