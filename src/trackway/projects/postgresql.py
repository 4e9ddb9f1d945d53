"""The projects database in PostgreSQL: how it is connected to, and how an edge process reads it.

A URL as libpq reads it arrives (protocol and parameters: PostgreSQL's documentation, 34.1); connections for SQLAlchemy
leave, and a reader over psycopg alone. A database that is away may block a call for seconds, so a reader is asked in a
thread of its own, never on an event loop. No message names a password: the URL is told with its password masked, and
what libpq says of a URL it cannot read, which repeats it, is not told at all.
"""

from typing import Any, ClassVar, Final

from trackway.errors import ConfigError, StorageError
from trackway.projects.reader import DatabaseAway, Reader
from trackway.settings import masked

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
except ImportError as error:
    raise ConfigError("projects_url needs the driver of PostgreSQL: pip install 'trackway[postgresql]'") from error

STATEMENT_TIMEOUT_MS: Final = 10_000
"""A change waits so long for another one to end, as SQLite's do."""
_DEFAULTS: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "application_name": "trackway",
    "client_encoding": "utf8",
    # Whether the other machine is still there is found out within some 10 s, in whatever state the connection is.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""What the URL does not say."""


def connect(url: str) -> "psycopg.Connection[Any]":
    """A new connection. Raises ConfigError for a URL that cannot be read, psycopg.Error when it cannot be made.

    Nothing is prepared on the server, which connections shared by a pooler (PgBouncer) would not find again.
    """
    try:
        parameters = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise ConfigError("projects_url cannot be read by libpq: check its parameters and percent signs") from None
    return psycopg.connect(prepare_threshold=None, **{**_DEFAULTS, **parameters})


def failure(url: str, error: "psycopg.Error") -> StorageError:
    """What a driver's error means, in one line: DatabaseAway when waiting may help."""
    reason = error.diag.message_primary or (str(error).strip().splitlines() or [type(error).__name__])[0]
    kind = DatabaseAway if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) else StorageError
    return kind(f"projects database {masked(url)} failed: {masked(reason)}")


class PostgresReader(Reader):
    """Reads the database at `url`, on one connection that is made anew after a failure. Not to be carried over a fork
    once it was asked."""

    quick: ClassVar[bool] = False

    def __init__(self, url: str):
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _has_tables(self) -> bool:
        return self._rows("SELECT to_regclass('alembic_version') IS NOT NULL") == [(True,)]

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        try:
            if self._connection is None:
                self._connection = connect(self._url)
                self._connection.autocommit = True
            return self._connection.execute(statement.encode()).fetchall()
        except psycopg.Error as error:
            self.close()
            raise failure(self._url, error) from error
