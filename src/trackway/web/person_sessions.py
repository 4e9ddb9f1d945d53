"""Sessions of people: the rows that they see, beside the cookies that open the pages (`session`).

Each sign-in of a person has a row. Ending a session ends its cookie everywhere, within two seconds, and then forgets
its row: a cookie that could not be ended keeps its row, so its person can try again. A session is seen when it is used,
and its row is written at most once in SESSION_SEEN_S by each edge process.
"""

import time
from collections import OrderedDict

from starlette.requests import Request

from trackway.edge.access.change_queue import Changes, Opener
from trackway.edge.access.credentials import Access
from trackway.projects.audit import SERVER, Author
from trackway.projects.session_rows import SessionRow
from trackway.web.browser_name import browser_name
from trackway.web.limits import SESSION_SEEN_S, SESSIONS_SEEN_HELD_MAX
from trackway.web.session import Sessions


class PersonSessions:
    """For one event loop."""

    def __init__(self, sessions: Sessions, changes: Changes, access: Access):
        self._sessions = sessions
        self._changes = changes
        self._access = access
        self._seen: OrderedDict[str, float] = OrderedDict()

    async def begin(self, request: Request, cookie: str, account_id: int) -> None:
        """Keep a session that has just begun. Raises RequestError 503 when the database is away, and StorageError."""
        session_id, begun_s = self._sessions.key_of(cookie)
        address, browser = self._access.address(request.scope), browser_name(request.headers.get("user-agent", ""))
        row = SessionRow(session_id, account_id, begun_s, begun_s, address, browser)
        beyond = await self._changes.run(lambda opened: opened.sessions.begin(row), SERVER)
        for each in beyond:
            await self._sessions.end_key(each.session_id, each.begun_s)
        if beyond:
            await self._changes.run(lambda opened: opened.sessions.forget([each.session_id for each in beyond]), SERVER)
        self._held(session_id, begun_s)

    async def of_account(self, account_id: int) -> list[SessionRow]:
        now_s = int(time.time())
        return await self._changes.run(lambda opened: opened.sessions.of_account(account_id, now_s), SERVER)

    async def end(self, account_id: int, session_id: str, author: Author) -> bool:
        """End one session of the account. False where there is no such one. Raises as `begin`."""
        row = next((each for each in await self.of_account(account_id) if each.session_id == session_id), None)
        if row is None:
            return False
        await self._sessions.end_key(row.session_id, row.begun_s)
        await self._changes.run(lambda opened: opened.sessions.ended(account_id, session_id), author)
        return True

    def seen(self, cookie: str) -> None:
        """Note that a session is used. Nobody waits for the row."""
        session_id, now_s = self._sessions.key_of(cookie)[0], time.time()
        if now_s - self._seen.get(session_id, 0.0) >= SESSION_SEEN_S:
            self._held(session_id, now_s)
            self._changes.later(lambda opened: _seen(opened, session_id, int(now_s)))

    async def sign_out(self, cookie: str) -> None:
        """End the session of a cookie. Nobody waits until its row is forgotten. Raises StorageError."""
        session_id, begun_s = self._sessions.key_of(cookie)
        await self._sessions.end_key(session_id, begun_s)
        self._changes.later(lambda opened: opened().sessions.forget([session_id]))

    def _held(self, session_id: str, now_s: float) -> None:
        self._seen.pop(session_id, None)
        self._seen[session_id] = now_s
        while len(self._seen) > SESSIONS_SEEN_HELD_MAX:
            self._seen.popitem(last=False)


def _seen(opened: Opener, session_id: str, now_s: int) -> None:
    opened().sessions.seen(session_id, now_s)
