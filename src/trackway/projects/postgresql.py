"""The projects database in PostgreSQL: connections, and the reader of an edge process.

A URL as libpq reads it arrives (protocol and parameters: PostgreSQL's documentation, 34.1). Connections for SQLAlchemy
leave, and a reader over psycopg alone. A database that is away may block a call for seconds, so a reader runs in a
thread of its own, never on an event loop. No message contains a password: it shows the URL with its password masked.
libpq's error for a malformed URL repeats the URL, so no message contains that error.
"""

from typing import Any, ClassVar, Final

from trackway.domain.errors import ConfigError, StorageError
from trackway.projects.read_statements import DatabaseAway, Reader
from trackway.settings.table import masked

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
except ImportError as error:
    message = (
        "projects_url needs the driver of PostgreSQL: run .venv/bin/pip install '.[postgresql]' in the checkout, or "
        "install the wheel with [postgresql] behind its name"
    )
    raise ConfigError(message) from error

_DEFAULTS: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "application_name": "trackway",
    "client_encoding": "utf8",
    # In each state of the connection a lost machine is detected within some 10 s.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Parameters that the URL does not set."""


def connect(url: str) -> "psycopg.Connection[Any]":
    """A new connection. Raises ConfigError for a malformed URL, psycopg.Error when the connection fails.

    It prepares no statement on the server: behind a pooler (PgBouncer) the next query may use another connection.
    """
    try:
        parameters = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise ConfigError("projects_url cannot be read by libpq: check its parameters and percent signs") from None
    return psycopg.connect(prepare_threshold=None, **{**_DEFAULTS, **parameters})


def failure(url: str, error: "psycopg.Error") -> StorageError:
    """A driver's error as an error of ours, in one line: DatabaseAway when waiting may help."""
    reason = error.diag.message_primary or (str(error).strip().splitlines() or [type(error).__name__])[0]
    kind = DatabaseAway if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) else StorageError
    return kind(f"projects database {masked(url)} failed: {masked(reason)}")


class PostgresReader(Reader):
    """Reads the database at `url`, on one connection. After a failure it opens a new one. After its first query a
    reader must not cross a fork."""

    quick: ClassVar[bool] = False

    def __init__(self, url: str):
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def has_tables(self) -> bool:
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
