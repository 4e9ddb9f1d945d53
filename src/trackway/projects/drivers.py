"""The choice of the driver that reads the projects database: SQLite's for a path, PostgreSQL's for a URL.

A driver is imported when it is needed, so that a server with SQLite never imports psycopg.
"""

from pathlib import Path

from trackway.projects.limits import SQLITE_BUSY_S_MAX, SQLITE_READ_BUSY_S_MAX
from trackway.projects.read_statements import Reader


def open_reader(at: Path | str, *, patient: bool = False) -> Reader:
    """The reader of the database at a path (SQLite) or URL (PostgreSQL). It connects with its first query.

    patient: wait for another process that writes the SQLite file. A command waits, an event loop must not. Raises
    ConfigError when the driver of PostgreSQL is not installed.
    """
    if isinstance(at, Path):
        from trackway.projects.sqlite import SqliteReader  # noqa: PLC0415

        return SqliteReader(at, SQLITE_BUSY_S_MAX if patient else SQLITE_READ_BUSY_S_MAX)
    from trackway.projects.postgresql import PostgresReader  # noqa: PLC0415  # 0.2 s and 26 MB that SQLite does without

    return PostgresReader(at)
