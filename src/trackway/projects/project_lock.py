"""Locks of projects: one replay and one export of the schedule runs at a time, in all processes of all machines.

On one machine it is a lock on a file, which goes with the process. With a projects database in PostgreSQL it is an
advisory lock of a transaction there, which goes with its connection. So a pooler that gives a connection for each
transaction (PgBouncer) may be between. Every method may block there.
"""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from trackway.runtime.file_lock import FileLock

if TYPE_CHECKING:
    from psycopg import Connection

_REPLAYS: Final = ("replays", 0x7265706C)
_EXPORTS: Final = ("exports", 0x65787074)
"""The directory of a kind of lock, and the first number of its advisory locks: "repl" and "expt". The lock of
migrations has no number of this kind."""
_WHILE_IDLE: Final = (
    # The transaction is idle while the store answers, and the server must not end it for that. The server must notice
    # within some 10 s when this machine is gone: else nobody could replay for hours.
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL tcp_keepalives_idle = 5",
    "SET LOCAL tcp_keepalives_interval = 2",
    "SET LOCAL tcp_keepalives_count = 3",
)


class ProjectLock(Protocol):
    """One try to do what only one may do for a project."""

    def try_take(self) -> bool:
        """Take the lock unless it is held; whether it was taken. Raises StorageError."""

    def is_held(self) -> bool:
        """Whether nobody else can have taken it since."""

    def close(self) -> None:
        """Release it, if it was taken."""


def replay_lock(projects_at: Path | str, run_dir: Path, project_id: int) -> ProjectLock:
    """A lock for one replay of the project. `projects_at`: the projects database, a file or a URL."""
    return _lock(_REPLAYS, projects_at, run_dir, project_id)


def export_lock(projects_at: Path | str, run_dir: Path, project_id: int) -> ProjectLock:
    """A lock for one export of the project by the schedule, as above."""
    return _lock(_EXPORTS, projects_at, run_dir, project_id)


def _lock(kind: tuple[str, int], projects_at: Path | str, run_dir: Path, project_id: int) -> ProjectLock:
    directory, space = kind
    if isinstance(projects_at, Path):
        return _LockOfMachine(run_dir / directory, project_id)
    return _LockOfAll(projects_at, space, project_id)


class _LockOfMachine:
    def __init__(self, directory: Path, project_id: int):
        directory.mkdir(exist_ok=True)
        self._lock = FileLock(directory / str(project_id))

    def try_take(self) -> bool:
        return self._lock.try_take()

    def is_held(self) -> bool:
        return True

    def close(self) -> None:
        self._lock.close()


class _LockOfAll:
    def __init__(self, url: str, space: int, project_id: int):
        self._url = url
        self._space = space
        self._project_id = project_id
        self._connection: Connection[Any] | None = None
        self._is_closed = False

    def try_take(self) -> bool:
        from psycopg import Error  # noqa: PLC0415  # 0.2 s that SQLite does without

        from trackway.projects.postgresql import connect, failure  # noqa: PLC0415

        try:
            connection = self._connection = connect(self._url)
            for statement in _WHILE_IDLE:
                connection.execute(statement.encode())
            taking = "SELECT pg_try_advisory_xact_lock(%s, %s)"
            [(taken,)] = connection.execute(taking, (self._space, self._project_id)).fetchall()
        except Error as error:
            raise failure(self._url, error) from error
        if self._is_closed:  # nobody waits for this thread any more
            connection.close()
        return bool(taken) and not self._is_closed

    def is_held(self) -> bool:
        from psycopg import Error  # noqa: PLC0415  # as above

        try:
            return self._connection is not None and self._connection.execute("SELECT true").fetchall() == [(True,)]
        except Error:
            return False

    def close(self) -> None:
        from psycopg import Error  # noqa: PLC0415  # as above

        self._is_closed = True
        if self._connection is not None:
            with suppress(Error):  # the server may notice the end of a connection later than the next try
                self._connection.rollback()
            self._connection.close()
