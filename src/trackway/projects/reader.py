"""What an edge process asks of the projects database, whichever it is: the same few statements for both.

Rows arrive from a driver, in `SqliteReader` or `PostgresReader`; the revision, the projects and whether the tables are
up to date leave. SQLAlchemy and Alembic, which write the database, cost 0.4 s and 40 MB to import: a process that reads
a few statements need not pay that.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

from trackway.errors import ConfigError, StorageError
from trackway.projects.account import Account, accounts_of
from trackway.projects.project import OldKey, Project, check_identity_mode, check_region

MIGRATION_NEWEST: Final = "0005"
"""The revision that the newest file below `migrations/versions` carries; a test holds the two together."""

_PROJECTS: Final = (
    "SELECT project_id, name, token, secret, region, created_at_ms, settings, identity_mode FROM projects ORDER BY 1"
)
_OLD_KEYS: Final = "SELECT project_id, kind, key, until_ms FROM old_keys ORDER BY until_ms"
_ACCOUNTS: Final = (
    "SELECT account_id, username, secret_hash, created_at_ms, expires_at_ms, creator, project_id, role"
    " FROM service_accounts LEFT JOIN memberships USING (account_id) ORDER BY 1"
)


class DatabaseAway(StorageError):
    """The database cannot be reached or used at present; it may be there again later."""


class Reader(ABC):
    """Reads the database on a connection of its own. Every method raises StorageError when that cannot be done."""

    quick: ClassVar[bool]
    """Whether an answer takes microseconds, so that an event loop may wait for it."""

    def revision(self) -> int:
        """A number that grows with every change of a project or a service account."""
        return int(self._rows("SELECT revision FROM revisions")[0][0])

    def all_projects(self) -> list[Project]:
        """Every project, by id."""
        # In this order: a key that is replaced in between is then found twice, and not missed.
        projects = [project_of(row) for row in self._rows(_PROJECTS)]
        return with_old_keys(projects, self._rows(_OLD_KEYS))

    def all_accounts(self) -> list[Account]:
        """Every service account, by id."""
        return accounts_of(self._rows(_ACCOUNTS))

    def admin_hash(self) -> str | None:
        """The hash of the admin password, None when there is none."""
        rows = self._rows("SELECT password_hash FROM admin_passwords")
        return str(rows[0][0]) if rows else None

    def migrated(self) -> bool:
        """Whether the tables are those of this version. A missing file or table is False, not an error."""
        return self._has_tables() and self._rows("SELECT version_num FROM alembic_version") == [(MIGRATION_NEWEST,)]

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def _has_tables(self) -> bool: ...

    @abstractmethod
    def _rows(self, statement: str) -> list[tuple[Any, ...]]: ...


def open_reader(at: Path | str, *, patient: bool = False) -> Reader:
    """The reader of the database at a path (SQLite) or URL (PostgreSQL); it connects with its first question.

    patient: waits for whoever writes an SQLite file, as a command does and an event loop must not. Raises ConfigError
    when the driver of PostgreSQL is not installed.
    """
    if isinstance(at, Path):
        from trackway.projects.sqlite import BUSY_TIMEOUT_S, READ_BUSY_TIMEOUT_S, SqliteReader  # noqa: PLC0415

        return SqliteReader(at, BUSY_TIMEOUT_S if patient else READ_BUSY_TIMEOUT_S)
    from trackway.projects.postgresql import PostgresReader  # noqa: PLC0415  # 0.2 s and 26 MB that SQLite does without

    return PostgresReader(at)


def project_of(row: Sequence[Any]) -> Project:
    """A row, its columns in the order of the table, as a Project; `settings` as JSON text or already decoded.

    Raises StorageError for a row that this version cannot have written.
    """
    try:
        project_id, name, token, secret, region, created_at_ms, settings, mode = row
        own = MappingProxyType(dict(json.loads(settings) if isinstance(settings, str) else settings))
        place, identity_mode = check_region(region), check_identity_mode(mode)
        return Project(project_id, name, token, secret, place, created_at_ms, own, identity_mode)
    except (ConfigError, ValueError, TypeError) as error:
        raise StorageError(f"projects database holds a row that cannot be read: {error}") from error


def with_old_keys(projects: Sequence[Project], rows: Iterable[Sequence[Any]]) -> list[Project]:
    """The projects, each with its own of the old keys. A row: project_id, kind, key, until_ms; by the last of them."""
    keys: dict[int, list[OldKey]] = {}
    for project_id, kind, key, until_ms in rows:
        keys.setdefault(project_id, []).append(OldKey(kind, key, until_ms))
    return [replace(one, old_keys=tuple(keys.get(one.project_id, ()))) if keys else one for one in projects]
