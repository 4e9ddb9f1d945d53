"""Sessions of people as rows of the projects database, so that each person sees and ends them on any machine.

A session is valid by its cookie, and ended as any other (`ended_sessions`). A row is what its person sees of it: when
it began and was last used, the client's address and browser. Its id is a keyed digest, so the rows open nothing. A row
is deleted once its session has ended, or would have expired.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from trackway.domain.limits import SESSION_S_MAX
from trackway.projects.audit import Note
from trackway.projects.database import ProjectsDatabase
from trackway.projects.limits import PERSON_SESSIONS_MAX
from trackway.projects.tables.accounts import sessions


@dataclass(frozen=True, slots=True)
class SessionRow:
    """Times are in seconds since the epoch. `seen_s` is coarse."""

    session_id: str
    account_id: int
    begun_s: int
    seen_s: int
    address: str
    browser: str


class SessionRows:
    """Every method raises StorageError when the database is away."""

    def __init__(self, database: ProjectsDatabase):
        self._database = database

    def begin(self, row: SessionRow) -> list[SessionRow]:
        """Keep a new session. Of more than PERSON_SESSIONS_MAX of its account, those that were not used for longest are
        returned, to be ended and then forgotten."""
        with self._database.saving() as change:
            change.note()
            connection = change.connection
            connection.execute(delete(sessions).where(sessions.c.begun_s < row.begun_s - SESSION_S_MAX))
            beyond = _of(connection, row.account_id)[PERSON_SESSIONS_MAX - 1 :]
            values = (row.session_id, row.account_id, row.begun_s, row.seen_s, row.address, row.browser)
            connection.execute(insert(sessions).values(values))
            return beyond

    def seen(self, session_id: str, now_s: int) -> None:
        """Keep when a session was used."""
        with self._database.saving() as change:
            change.note()
            change.connection.execute(update(sessions).where(sessions.c.session_id == session_id).values(seen_s=now_s))

    def of_account(self, account_id: int, now_s: int) -> list[SessionRow]:
        """The sessions of an account that have not expired, the one that was used last first."""
        with self._database.reading() as connection:
            return [each for each in _of(connection, account_id) if each.begun_s >= now_s - SESSION_S_MAX]

    def ended(self, account_id: int, session_id: str) -> None:
        """Forget a session that the account has ended, if it has such one."""
        with self._database.saving() as change:
            change.note()
            found = next((each for each in _of(change.connection, account_id) if each.session_id == session_id), None)
            if found is not None:
                _forget(change.connection, [session_id])
                change.note(Note("session ended", None, found.browser))

    def forget(self, ids: Sequence[str]) -> None:
        """Forget sessions that have ended."""
        with self._database.saving() as change:
            change.note()
            _forget(change.connection, ids)


def forget_all(connection: Connection, account_id: int) -> None:
    """Forget the sessions of an account, in a transaction that ends them."""
    connection.execute(delete(sessions).where(sessions.c.account_id == account_id))


def _of(connection: Connection, account_id: int) -> list[SessionRow]:
    own = select(sessions).where(sessions.c.account_id == account_id)
    found = connection.execute(own.order_by(sessions.c.seen_s.desc(), sessions.c.begun_s.desc(), sessions.c.session_id))
    return [SessionRow(*row) for row in found]


def _forget(connection: Connection, ids: Sequence[str]) -> None:
    connection.execute(delete(sessions).where(sessions.c.session_id.in_(ids)))
