"""The page of a person's own account: the name, the password, and the sessions. It exists for people alone.

A new password asks for the old one. It ends all other sessions, and this one begins anew.
"""

from typing import Final

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from trackway.domain.errors import RequestError
from trackway.edge.routes import Parts
from trackway.projects.account import Account
from trackway.projects.audit import Author
from trackway.web.forms import text
from trackway.web.person_sessions import PersonSessions
from trackway.web.session import Session, Sessions
from trackway.web.sign_in import SignIn
from trackway.web.templating import draw

PATH: Final = "/account"
_DONE: Final = {
    "name": "Your name is changed.",
    "password": "Your password is changed. All other sessions have ended.",
    "ended": "The session has ended.",
    "others": "All other sessions have ended.",
}


class OwnAccount:
    """PATH and the forms below it. The site has checked the session, and for a form that it is our own."""

    def __init__(self, parts: Parts, sessions: Sessions, own: PersonSessions, sign_in: SignIn):
        self._parts = parts
        self._sessions = sessions
        self._own = own
        self._sign_in = sign_in
        self._forms: Final = {
            "name": self._rename,
            "password": self._change_password,
            "end": self._end,
            "end-others": self._end_others,
        }

    async def show(self, request: Request, session: Session) -> Response:
        """Raises HTTPException 404 for a visitor who is no person."""
        done = _DONE.get(request.query_params.get("done", ""), "")
        return await self._draw(request, session, self._account(session), done=done)

    async def submit(self, request: Request, session: Session, form: FormData) -> Response:
        """One of the forms, by the last part of its path. Raises as `show`."""
        account, change = self._account(session), self._forms.get(request.path_params["form"])
        if change is None:
            raise HTTPException(404)
        try:
            return await change(request, account, form)
        except RequestError as error:
            if error.status not in (400, 403):
                raise
            return await self._draw(request, session, account, problem=error.message, status=error.status)

    async def _rename(self, request: Request, account: Account, form: FormData) -> Response:
        name = text(form, "name")
        await self._parts.changes.run(
            lambda opened: opened.people.rename(account.account_id, name), self._author(request, account)
        )
        return self._done("name")

    async def _change_password(self, request: Request, account: Account, form: FormData) -> Response:
        known, password = account.secret_hash, text(form, "password")
        if not await self._sign_in.is_right(request, account.username, text(form, "old")):
            raise RequestError(403, "the present password is another one")
        await self._parts.changes.run(
            lambda opened: opened.people.change_password(account.account_id, known, password),
            self._author(request, account),
        )
        return await self._anew(request, account, "password")

    async def _end(self, request: Request, account: Account, form: FormData) -> Response:
        if not await self._own.end(account.account_id, text(form, "session"), self._author(request, account)):
            raise RequestError(400, "this session has ended already")
        return self._done("ended")

    async def _end_others(self, request: Request, account: Account, form: FormData) -> Response:
        """By ending all of them, so that none is missed. This one begins anew."""
        await self._parts.changes.run(
            lambda opened: opened.people.sign_out_self(account.account_id), self._author(request, account)
        )
        return await self._anew(request, account, "others")

    async def _anew(self, request: Request, account: Account, done: str) -> Response:
        return await self._sign_in.begin(request, account.username, self._sign_in.below(f"{PATH}?done={done}"))

    def _done(self, what: str) -> Response:
        return RedirectResponse(self._sign_in.below(f"{PATH}?done={what}"), 303)

    def _account(self, session: Session) -> Account:
        account = self._parts.directory.account_named(session.visitor.name)
        if account is None or not account.is_person:
            raise HTTPException(404)
        return account

    def _author(self, request: Request, account: Account) -> Author:
        return Author(account.username, self._parts.access.address(request.scope))

    async def _draw(
        self,
        request: Request,
        session: Session,
        account: Account,
        *,
        done: str = "",
        problem: str = "",
        status: int = 200,
    ) -> Response:
        rows = await self._own.of_account(account.account_id)
        here = self._sessions.key_of(self._sessions.cookie_in(request.headers.get("cookie", "")))[0]
        present = self._parts.directory.account_named(account.username) or account
        values = {"account": present, "rows": rows, "here": here, "done": done, "problem": problem}
        shown = {"visitor": session.visitor, "csrf": session.csrf, "page": None, "title": "Your account"}
        return draw("own_account.html", self._parts.settings, status, **shown, **values)
