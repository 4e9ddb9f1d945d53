"""The statements with which an edge process reads the projects database: the same for SQLite and PostgreSQL.

Rows arrive from a driver, in `SqliteReader` or `PostgresReader`. The revision, the projects, the accounts and the state
of the tables leave. SQLAlchemy and Alembic, which write the database, take 0.4 s and 40 MB to import. A process that
only reads does not import them.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple

from trackway.domain.data_age import FOREVER
from trackway.domain.errors import InvalidInput, StorageError
from trackway.domain.time_zone import check_week_start
from trackway.projects.account import Account, accounts_of
from trackway.projects.project import OldKey, Project, check_identity_mode, check_region

MIGRATION_NEWEST: Final = "0021"
"""The revision of the newest file below `migrations/versions`. A test compares the two."""

_PROJECTS: Final = (
    "SELECT project_id, name, token, secret, region, created_at_ms, settings, identity_mode, time_zone, week_start,"
    " description, archived_at_ms, event_retention, profile_retention FROM projects"
    " WHERE deleted_at_ms IS NULL ORDER BY 1"
)
_OLD_KEYS: Final = "SELECT project_id, kind, key, until_ms FROM old_keys ORDER BY until_ms"
_ACCOUNTS: Final = (
    "SELECT account_id, username, secret_hash, created_at_ms, expires_at_ms, creator, person_name,"
    " signed_out_ms, proved_at_ms,"
    " EXISTS (SELECT 1 FROM second_factors WHERE second_factors.account_id = accounts.account_id),"
    " project_id, role FROM accounts LEFT JOIN memberships USING (account_id) ORDER BY 1"
)
_NEXT_PERSON_TASK: Final = (
    "SELECT min(CASE WHEN state = 'PENDING' THEN starts_at_ms WHEN state = 'STARTED' THEN 0"
    " WHEN has_ids THEN until_ms END) FROM person_tasks"
)
_DELETED_PROJECTS: Final = (
    "SELECT count(*) FROM projects WHERE deleted_at_ms IS NOT NULL"
    " AND project_id NOT IN (SELECT project_id FROM person_tasks WHERE kind = 'project')"
)

_ALERTS_DUE: Final = (
    "SELECT EXISTS (SELECT 1 FROM alerts), (SELECT min(next_look_ms) FROM alerts WHERE is_enabled),"
    " (SELECT min(next_try_ms) FROM alert_deliveries)"
)


_RETENTION_STATES: Final = "SELECT region, default_days, clock_ms FROM retention_states"


class RetentionState(NamedTuple):
    """What counts for the ageing of a region's data. `default_days`: the default retention that may delete. `clock_ms`:
    the newest time of the machine's clock that is known to be right, in milliseconds since the epoch, 0 for none."""

    default_days: int = FOREVER
    clock_ms: int = 0


class AlertsDue(NamedTuple):
    """`next_ms`: milliseconds since the epoch, None when nothing is due ever."""

    some: bool
    next_ms: int | None


class DatabaseAway(StorageError):
    """The database cannot be reached or used at present. It may be back later."""


class Reader(ABC):
    """Reads the database on a connection of its own. Every method raises StorageError when the read fails."""

    quick: ClassVar[bool]
    """Whether an answer takes microseconds, so that an event loop may wait for it."""

    def revision(self) -> int:
        """A number that grows with every change of a project or an account."""
        return int(self._rows("SELECT revision FROM revisions")[0][0])

    def all_projects(self) -> list[Project]:
        """Every project, by id."""
        # In this order a key that is replaced in between is found twice. In the other order it would be missed.
        projects = [project_of(row) for row in self._rows(_PROJECTS)]
        return with_old_keys(projects, self._rows(_OLD_KEYS))

    def all_accounts(self) -> list[Account]:
        """Every account, of programs and people, by id."""
        return accounts_of(self._rows(_ACCOUNTS))

    def admin_hash(self) -> str | None:
        """The hash of the admin password, None when there is none."""
        rows = self._rows("SELECT password_hash FROM admin_passwords")
        return str(rows[0][0]) if rows else None

    def oldest_audit_ms(self) -> int | None:
        """The smallest last time of the entries of the audit, None when there are none."""
        found = self._rows("SELECT min(last_ms) FROM audit")[0][0]
        return None if found is None else int(found)

    def alerts_due(self) -> AlertsDue:
        """Whether any project has an alert, and when the next look or message is due."""
        [(some, look_ms, try_ms)] = self._rows(_ALERTS_DUE)
        due = [int(each) for each in (look_ms, try_ms) if each is not None]
        return AlertsDue(bool(some), min(due) if due else None)

    def next_person_task_ms(self) -> int | None:
        """When the next task about persons has to be worked on, None where none has."""
        found = self._rows(_NEXT_PERSON_TASK)[0][0]
        return None if found is None else int(found)

    def has_deleted_projects(self) -> bool:
        """Whether the data of a deleted project is to be erased, and no task says so yet."""
        return bool(self._rows(_DELETED_PROJECTS)[0][0])

    def retention_state(self, region: str) -> RetentionState | None:
        """What counts for the ageing of a region's data; None where nothing was noted yet."""
        rows = {str(of): RetentionState(int(days), int(ms)) for of, days, ms in self._rows(_RETENTION_STATES)}
        return rows.get(region)

    def migrated(self) -> bool:
        """Whether the tables are those of this version. False, without an error, for a missing file or table."""
        return self.has_tables() and self._rows("SELECT version_num FROM alembic_version") == [(MIGRATION_NEWEST,)]

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def has_tables(self) -> bool:
        """Whether a server of any version has made its tables there."""

    @abstractmethod
    def _rows(self, statement: str) -> list[tuple[Any, ...]]: ...


def project_of(row: Sequence[Any]) -> Project:
    """A row as a Project. Columns are in the order of the table, `settings` is JSON text or already decoded.

    Raises StorageError for a row that this version cannot have written.
    """
    try:
        project_id, name, token, secret, region, created_at_ms, settings, mode, zone, week, *more = row
        description, archived, event_retention, profile_retention = more
        own = MappingProxyType(dict(json.loads(settings) if isinstance(settings, str) else settings))
        place, identity_mode, week_start = check_region(region), check_identity_mode(mode), check_week_start(week)
        # The server must read its projects even if it does not know a time zone: `zone_of` is then UTC.
        return Project(
            project_id, name, token, secret, place, created_at_ms, own, identity_mode, time_zone=zone,
            week_start=week_start, description=description or "", archived_at_ms=archived,
            event_retention=event_retention, profile_retention=profile_retention,
        )  # fmt: skip
    except (InvalidInput, ValueError, TypeError) as error:
        raise StorageError(f"projects database holds a row that cannot be read: {error}") from error


def with_old_keys(projects: Sequence[Project], rows: Iterable[Sequence[Any]]) -> list[Project]:
    """The projects, each with its old keys. Rows are (project_id, kind, key, until_ms) in the order of `until_ms`."""
    keys: dict[int, list[OldKey]] = {}
    for project_id, kind, key, until_ms in rows:
        keys.setdefault(project_id, []).append(OldKey(kind, key, until_ms))
    return [replace(one, old_keys=tuple(keys.get(one.project_id, ()))) if keys else one for one in projects]
