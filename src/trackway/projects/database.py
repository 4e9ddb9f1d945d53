"""Writes to the projects database: SQLAlchemy Core over SQLite or PostgreSQL, migrated by Alembic.

A name and a region arrive. A project with new keys leaves, committed and synced to disk. The command line uses this
module, and the server uses it for migrations and changes. A serving process reads through `directory`. One transaction
is one change. Its first statement takes a lock (SQLite: on the file; PostgreSQL: on the row of the revision), so that
changes have one order and the revision never decreases.
"""

import copy
import re
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, MetaData, Select, exists, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from trackway.domain.errors import StateError, StorageError
from trackway.domain.identity_mode import SIMPLIFIED
from trackway.domain.time_zone import MONDAY, UTC_NAME
from trackway.projects import audit_table, project_end
from trackway.projects.account import Account, accounts_of
from trackway.projects.audit import SERVER, Author, Entry, Note
from trackway.projects.audit_channel import tell
from trackway.projects.authorization import NotGranted, check_manages_project
from trackway.projects.change import Change
from trackway.projects.engines import make_private, postgres_engine, sqlite_engine
from trackway.projects.key_rotation import replace_key
from trackway.projects.limits import SQLITE_BUSY_S_MAX
from trackway.projects.project import KeyKind, Project, check_identity_mode, check_name
from trackway.projects.project_changes import NO_LIMITS, UNCHANGED, changes_of, new_columns
from trackway.projects.read_statements import project_of, with_old_keys
from trackway.projects.roles import ARCHIVED, Right
from trackway.projects.tables.accounts import accounts, memberships, second_factors
from trackway.projects.tables.projects import old_keys, projects, revisions
from trackway.settings.table import masked

_PRESENT: Final = select(*(each for each in projects.c if each.name != "deleted_at_ms")).where(
    projects.c.deleted_at_ms.is_(None)
)
"""All projects but deleted ones, with the columns of `project_of`."""
_WAL_ATTEMPTS: Final = 200
_WAL_PAUSE_S: Final = 0.05
_MIGRATION_LOCK: Final = 0x747261636B776179
"""The advisory lock of migrations in PostgreSQL: "trackway" as a number."""


class ProjectsDatabase:
    """The database at a path (SQLite) or URL (PostgreSQL). Raises StorageError when it cannot be read or written.

    No connection outlives a call, so an instance may cross a fork and be used from any thread. `author` makes the
    changes, in the words of the audit.
    """

    def __init__(self, at: Path | str, author: Author = SERVER):
        self._at = at
        self._author = author
        self._engine = sqlite_engine(at) if isinstance(at, Path) else postgres_engine(at)
        self._writing = self._engine.execution_options(trackway_writes=True)

    def by(self, author: Author) -> Self:
        """The same database, for changes of another author."""
        theirs = copy.copy(self)
        theirs._author = author
        return theirs

    @contextmanager
    def filling(self, revision: str, *, again: bool) -> Iterator[Connection]:
        """A transaction in a new database, with the tables as they were after this migration. Nothing is left of it
        after an error, but an empty file. `again`: all tables that are there are dropped first."""
        if isinstance(self._at, Path):
            make_private(self._at.absolute())
            self._switch_to_write_ahead(self._at.absolute())
        with self._transaction(self._writing) as connection:
            if again:
                present = MetaData()
                present.reflect(connection)
                present.drop_all(connection)
            self._upgrade(connection, revision)
            yield connection

    def migrate(self) -> None:
        """Migrate the tables to this version. A missing file is made, readable by its owner alone.

        Several processes may migrate at once: the first takes the write lock, and the others wait and find nothing to
        do. After a kill midway the tables are unchanged.
        """
        if isinstance(self._at, Path):
            make_private(self._at.absolute())
            self._switch_to_write_ahead(self._at.absolute())
        with self._transaction(self._writing) as connection:
            if not isinstance(self._at, Path):
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            self._upgrade(connection)

    def _upgrade(self, connection: Connection, revision: str = "head") -> None:
        from alembic import command  # noqa: PLC0415  # 0.1 s that only a database to be migrated need pay
        from alembic.config import Config  # noqa: PLC0415
        from alembic.util import CommandError  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except CommandError as error:
            raise StateError(f"projects database {self._shown} is of another version: {_lower(error)}") from error

    def create(
        self,
        name: str,
        region: str,
        identity_mode: str = SIMPLIFIED,
        time_zone: str = UTC_NAME,
        week_start: str = MONDAY,
        kept: Mapping[str, int | None] = UNCHANGED,
    ) -> Project:
        """A new project with random keys, durable at return. Raises InvalidInput for a bad or taken name, or a bad
        region, identity mode, time zone, week start or retention."""
        row = new_columns(name, region, identity_mode, time_zone, week_start, kept)
        try:
            with self.changing() as change:
                key = change.connection.execute(insert(projects).values(row)).inserted_primary_key
                assert key is not None, "an insert of one row tells its key"
                change.note(Note("project created", key[0], name))
        except IntegrityError as error:
            raise StateError(f"project name {name!r} is taken") from error
        return project_of((key[0], *row.values()))

    def change_settings(
        self,
        project_id: int,
        limits: Mapping[str, int | None] = NO_LIMITS,
        *,
        time_zone: str | None = None,
        week_start: str | None = None,
        kept: Mapping[str, int | None] = UNCHANGED,
        by: int | None = None,
    ) -> Project:
        """Change the project's own limits and retentions (None: that of the server), time zone and week start, in one
        transaction.

        `by` is the id of the acting account, None for the command line and the admin. Raises InvalidInput for a
        bad value or an unknown project, NotGranted to an account in an archived project, and the errors of `managed`.
        """
        with self.changing() as change:
            old = _taking(change.connection, project_id, by)
            columns, notes = changes_of(old, limits, time_zone, week_start, kept)
            if columns:
                change.connection.execute(update(projects).where(projects.c.project_id == project_id).values(**columns))
            change.note(*notes)
            return _one(change.connection, project_id)

    def describe(self, project_id: int, name: str, description: str, by: int | None = None) -> Project:
        """Name and describe a project. `by` and the errors are those of `change_settings`; a taken name is one, too."""
        try:
            with self.changing() as change:
                project_end.describe(change, _taking(change.connection, project_id, by), name, description)
                return _one(change.connection, project_id)
        except IntegrityError as error:
            raise StateError(f"project name {name!r} is taken") from error

    def archive(self, project_id: int, *, archived: bool, by: int | None = None) -> Project:
        """Let a project take nothing any more, or take it up again. `by` must have the right to end it."""
        with self.changing() as change:
            project_end.archive(change, _managed(change.connection, project_id, by, Right.END), archived=archived)
            return _one(change.connection, project_id)

    def delete(self, project_id: int, typed_name: str, by: int | None = None) -> None:
        """Delete a project whose name somebody typed: nobody finds it any more, and its keys end. A task erases
        its data. `by` must have the right to end it. Raises InvalidInput for another name."""
        with self.changing() as change:
            project_end.delete(change, _managed(change.connection, project_id, by, Right.END), typed_name)

    def managed(self, project_id: int, by: int) -> Project:
        """The project, for a service account that manages it. Raises UnknownAccount where it is no member, NotGranted
        where its role is too low."""
        with self.reading() as connection:
            return _managed(connection, project_id, by)

    def change_identity_mode(self, project_id: int, identity_mode: str) -> Project:
        """Change the identity mode of a project without data. Raises InvalidInput for a bad mode or unknown project."""
        mode = check_identity_mode(identity_mode)
        with self.changing() as change:
            changed = update(projects).where(projects.c.project_id == project_id).values(identity_mode=mode)
            change.connection.execute(changed)
            change.note(Note("identity mode changed", project_id, mode))
            return _one(change.connection, project_id)

    def rotate(self, name: str, kind: KeyKind, overlap_s: int) -> Project:
        """Give the project a new random token or secret, durable at return. Older keys stay valid for at most
        `overlap_s`. 0 ends them at once. Raises InvalidInput for an unknown project, or too many old keys."""
        with self.changing() as change:
            project = _named(change.connection, name)
            replace_key(change.connection, project, kind, overlap_s, time.time_ns() // 1_000_000)
            change.note(Note("key replaced", project.project_id, f"{kind}, the old one ends after {overlap_s} s"))
            return _named(change.connection, name)

    def named(self, name: str) -> Project:
        """The project of that name, else the one of that id. Raises InvalidInput."""
        with self._transaction(self._engine) as connection:
            return _named(connection, name)

    def all_projects(self) -> list[Project]:
        """Every project, by id."""
        with self._transaction(self._engine) as connection:
            return _found(connection, _PRESENT.order_by(projects.c.project_id))

    def all_accounts(self) -> list[Account]:
        """Every account, of programs and people, by id."""
        with self.reading() as connection:
            return read_accounts(connection)

    def revision(self) -> int:
        """A number that grows with every change of a project or an account."""
        with self._transaction(self._engine) as connection:
            return int(connection.execute(select(revisions.c.revision)).scalar_one())

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads one consistent state."""
        with self._transaction(self._engine) as connection:
            yield connection

    @contextmanager
    def changing(self) -> Iterator[Change]:
        """A transaction that changes projects, keys or accounts, one at a time. It raises the revision first, so that
        changes have one order. The change and its audit entries are committed together."""
        with self.saving() as change:
            change.connection.execute(update(revisions).values(revision=revisions.c.revision + 1))
            yield change

    @contextmanager
    def saving(self) -> Iterator[Change]:
        """A transaction that changes what edge processes do not keep in memory, with its audit entries."""
        with self._transaction(self._writing) as connection:
            change = Change(connection)
            yield change
            assert change.notes is not None, "every change says what it did"
            audit_table.write(connection, self._author, change.notes)
        for note in change.notes:
            tell(self._author, note)

    def note(self, *notes: Note) -> None:
        """Write to the audit actions outside this database, and views of secrets."""
        with self._transaction(self._writing) as connection:
            audit_table.write(connection, self._author, notes)

    def count_refused(self, refused: audit_table.Refused) -> None:
        """Write to the audit how often sign-ins and credentials were refused."""
        with self._transaction(self._writing) as connection:
            audit_table.count(connection, refused)

    def forget_audit(self, before_ms: int) -> None:
        """Delete the entries that last happened before that moment."""
        with self._transaction(self._writing) as connection:
            audit_table.forget(connection, before_ms)

    def audit(
        self, rows_max: int, before_id: int | None = None, project_id: int | None = None, members: Collection[str] = ()
    ) -> list[Entry]:
        """The newest entries, or those before one. For a project: its own, and the sessions of these members."""
        with self.reading() as connection:
            return audit_table.read(connection, rows_max, before_id, project_id, members)

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
        except (DBAPIError, sqlite3.Error) as error:  # the driver's own, from a new connection
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise self._failure(reason) from error

    def _failure(self, reason: BaseException | None) -> StorageError:
        if isinstance(self._at, Path):
            return StorageError(f"projects database {self._shown} failed: {reason}")
        from psycopg import Error  # noqa: PLC0415  # 0.2 s that SQLite does without

        from trackway.projects.postgresql import failure  # noqa: PLC0415

        assert isinstance(reason, Error), "the driver's own"
        return failure(self._at, reason)

    def _switch_to_write_ahead(self, path: Path) -> None:
        """The file keeps write-ahead mode. While others have it open, SQLite refuses to switch without a wait: try
        again."""
        for _ in range(_WAL_ATTEMPTS):
            try:
                with closing(sqlite3.connect(path, timeout=SQLITE_BUSY_S_MAX)) as connection:
                    if connection.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",):
                        return
            except sqlite3.Error as error:
                if "locked" not in str(error):
                    raise StorageError(f"projects database {self._shown} failed: {error}") from error
            time.sleep(_WAL_PAUSE_S)
        raise StorageError(f"projects database {self._shown} stayed locked for {_WAL_ATTEMPTS * _WAL_PAUSE_S} s")


def _lower(error: Exception) -> str:
    """A library's message in the form of our errors: it begins in lower case."""
    return str(error)[:1].lower() + str(error)[1:]


def read_accounts(connection: Connection) -> list[Account]:
    """Every account, of programs and people, by id, in this transaction."""
    has_second_factor = exists().where(second_factors.c.account_id == accounts.c.account_id)
    columns = [*accounts.c, has_second_factor, memberships.c.project_id, memberships.c.role]
    joined = accounts.outerjoin(memberships)
    return accounts_of(connection.execute(select(*columns).select_from(joined).order_by(accounts.c.account_id)))


def acting_account(connection: Connection, by: int) -> Account:
    """The acting account, in this transaction. Raises NotGranted when it is revoked or expired."""
    acting = next((account for account in read_accounts(connection) if account.account_id == by), None)
    if acting is None or acting.expired(time.time() * 1000):
        raise NotGranted("the account that asks was revoked")
    return acting


def _managed(connection: Connection, project_id: int, by: int | None, right: Right = Right.MANAGE) -> Project:
    if by is not None:
        check_manages_project(acting_account(connection, by), project_id, right)
    return _one(connection, project_id)


def _taking(connection: Connection, project_id: int, by: int | None) -> Project:
    """The same for a change. Raises NotGranted to an account where the project is archived: it is read alone."""
    project = _managed(connection, project_id, by)
    if by is not None and project.is_archived:
        raise NotGranted(ARCHIVED)
    return project


def _one(connection: Connection, project_id: int) -> Project:
    for project in _found(connection, _PRESENT.where(projects.c.project_id == project_id)):
        return project
    raise StateError(f"no project has the id {project_id}")


def _named(connection: Connection, name: str) -> Project:
    chosen = projects.c.name == check_name(name)
    if re.fullmatch("[1-9][0-9]{0,8}", name):
        chosen |= projects.c.project_id == int(name)
    found = _found(connection, _PRESENT.where(chosen))
    for project in sorted(found, key=lambda each: each.name != name):
        return project
    raise StateError(f"no project is named {name!r}")


def _found(connection: Connection, chosen: Select[Any]) -> list[Project]:
    """The projects that a selection finds, with their old keys."""
    found = [project_of(row) for row in connection.execute(chosen)]
    mine = old_keys.c.project_id.in_([project.project_id for project in found])
    columns = (old_keys.c.project_id, old_keys.c.kind, old_keys.c.key, old_keys.c.until_ms)
    return with_old_keys(found, connection.execute(select(*columns).where(mine).order_by(old_keys.c.until_ms)))
