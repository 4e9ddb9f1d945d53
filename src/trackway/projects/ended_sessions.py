"""Sessions of the web pages that a sign-out ended, until they would have expired.

They are in a small SQLite file in the data directory. So every edge process sees an end at once, also after a restart.
Ids are keyed digests, so the file gives no access. Those of other machines come from the projects database
(`shared_ended_sessions`).
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from trackway.domain.errors import StorageError
from trackway.domain.limits import SESSION_S_MAX
from trackway.projects.limits import ENDED_SESSIONS_MAX, SQLITE_BUSY_S_MAX, SQLITE_READ_BUSY_S_MAX

FILE: Final = "sessions.db"
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS ended (id TEXT PRIMARY KEY, begun_s INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS all_ended (begun_s INTEGER NOT NULL);
"""
_IS_ENDED: Final = """
SELECT EXISTS (SELECT 1 FROM ended WHERE id = ?) OR EXISTS (SELECT 1 FROM all_ended WHERE begun_s >= ?)
"""


class Ended(NamedTuple):
    """A session that was ended. An empty id: all that had begun by then."""

    id: str
    begun_s: int


class EndedSessions:
    """Raises StorageError when the file cannot be used. `begun_s` is a session's start in seconds since the epoch."""

    def __init__(self, path: Path):
        self._path = path
        self._lock = threading.Lock()
        with self._reported():
            path.touch(0o600)
            with closing(self._connect(SQLITE_BUSY_S_MAX)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(_TABLES)
            self._reading = self._connect(SQLITE_READ_BUSY_S_MAX)

    def end(self, session_id: str, begun_s: int, now_s: int) -> None:
        """End a session, durable at return."""
        self.end_all([Ended(session_id, begun_s)], now_s)

    def end_all(self, sessions: Sequence[Ended], now_s: int) -> None:
        """End sessions, durable at return. Beyond ENDED_SESSIONS_MAX the older half are deleted, and every session that
        began as early as they did ends, too."""
        with self._reported(), closing(self._connect(SQLITE_BUSY_S_MAX)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR IGNORE INTO ended VALUES (?, ?)", [each for each in sessions if each.id])
            floors = [(each.begun_s,) for each in sessions if not each.id]
            connection.executemany("INSERT INTO all_ended VALUES (?)", floors)
            connection.execute("DELETE FROM ended WHERE begun_s < ?", (now_s - SESSION_S_MAX,))
            [(count,)] = connection.execute("SELECT count(*) FROM ended")
            if count > ENDED_SESSIONS_MAX:
                middle = "SELECT begun_s FROM ended ORDER BY begun_s LIMIT 1 OFFSET ?"
                [(floor_s,)] = connection.execute(middle, (count // 2,))
                connection.execute("INSERT INTO all_ended VALUES (?)", (floor_s,))
                connection.execute("DELETE FROM ended WHERE begun_s <= ?", (floor_s,))
            connection.execute("COMMIT")

    def holds(self, session_id: str, begun_s: int) -> bool:
        """Whether the session was ended. Takes some ten microseconds."""
        with self._reported(), self._lock:
            return bool(self._reading.execute(_IS_ENDED, (session_id, begun_s)).fetchone()[0])

    def _connect(self, timeout_s: float) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=timeout_s, isolation_level=None, check_same_thread=False)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"ended sessions in {self._path} cannot be used: {str(error).lower()}") from error
