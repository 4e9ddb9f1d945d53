"""Sessions that were signed out on any of several machines: a table of the projects database in PostgreSQL.

An end is written there, and each edge process that shows pages copies new rows into the file of its machine, which is
what it asks (`ended_sessions`). So a session that ends on one machine ends on the others a second later. While the
database is away, ends that are known stay in force, and nobody signs out without an error.
"""

import time
from typing import Any, Final

import psycopg

from trackway.domain.limits import SESSION_S_MAX
from trackway.projects.ended_sessions import Ended, EndedSessions
from trackway.projects.limits import ENDED_SESSIONS_MAX
from trackway.projects.postgresql import connect, failure

_LOCK: Final = "LOCK TABLE ended_sessions IN SHARE ROW EXCLUSIVE MODE"
"""Taken before an id is given, so that rows appear in the order of their ids, and a reader misses none."""
_END: Final = "INSERT INTO ended_sessions (id, begun_s) VALUES (%s, %s)"
_FORGET: Final = "DELETE FROM ended_sessions WHERE begun_s < %s"
_COUNT: Final = "SELECT count(*) FROM ended_sessions"
_MIDDLE: Final = "SELECT begun_s FROM ended_sessions ORDER BY begun_s LIMIT 1 OFFSET %s"
_FORGET_OLDER: Final = "DELETE FROM ended_sessions WHERE begun_s <= %s AND id <> ''"
_NEW: Final = "SELECT entry_id, id, begun_s FROM ended_sessions WHERE entry_id > %s ORDER BY entry_id"


class SharedEndedSessions:
    """`local`: those that this machine knows. Every method raises StorageError. `follow` belongs to one thread."""

    def __init__(self, url: str, local: EndedSessions):
        self._url = url
        self._local = local
        self._last_id = 0
        self._connection: psycopg.Connection[Any] | None = None

    def end(self, session_id: str, begun_s: int, now_s: int) -> None:
        """End a session: on this machine first, where it ends in any case, then on all."""
        self._local.end(session_id, begun_s, now_s)
        try:
            with connect(self._url) as connection:
                connection.execute(_LOCK)
                connection.execute(_END, (session_id, begun_s))
                connection.execute(_FORGET, (now_s - SESSION_S_MAX,))
                [(count,)] = connection.execute(_COUNT).fetchall()
                if count > ENDED_SESSIONS_MAX:
                    [(floor_s,)] = connection.execute(_MIDDLE, (count // 2,)).fetchall()
                    connection.execute(_END, ("", floor_s))
                    connection.execute(_FORGET_OLDER, (floor_s,))
        except psycopg.Error as error:
            raise failure(self._url, error) from error

    def holds(self, session_id: str, begun_s: int) -> bool:
        """Whether the session was ended, as far as this machine knows."""
        return self._local.holds(session_id, begun_s)

    def follow(self) -> None:
        """Copy what was ended since the last time, at first all."""
        try:
            if self._connection is None:
                self._connection = connect(self._url)
                self._connection.autocommit = True
            rows = self._connection.execute(_NEW, (self._last_id,)).fetchall()
        except psycopg.Error as error:
            self.close()
            raise failure(self._url, error) from error
        if rows:
            self._local.end_all([Ended(session_id, begun_s) for _, session_id, begun_s in rows], int(time.time()))
            self._last_id = rows[-1][0]

    def close(self) -> None:
        """Close the connection. `follow` opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
