"""The page of a link that opens an account: an invitation, or a new password.

Somebody who has the link chooses a name and a password, or accepts with the account that there is. A link that opens
nothing looks like an unknown page, whatever the reason. Search engines are asked to leave the page out. Its address is
named to no other site: the policy is `same-origin`, as on every page. With `no-referrer` a browser on plain HTTP would
not say that the form is our own (`forms.check_origin`).
"""

from typing import Final

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from trackway.domain.errors import RequestError
from trackway.edge.access.client_address import networks
from trackway.edge.access.peers import Peers
from trackway.edge.routes import Parts
from trackway.projects.account import Account
from trackway.projects.audit import SERVER, Author
from trackway.projects.personal_account import RESET, AccountLink
from trackway.web.forms import check_csrf, check_origin, read_form, text
from trackway.web.limits import WEB_FORM_BYTES_MAX
from trackway.web.session import Session, Sessions
from trackway.web.sign_in import SignIn
from trackway.web.templating import draw
from trackway.web.visit_limits import VisitLimits

PATH: Final = "/account-links"
HEADERS: Final = {"x-robots-tag": "noindex, nofollow"}


class AccountLinkPages:
    """The page of PATH with a token, and its form. For one event loop."""

    def __init__(self, parts: Parts, sessions: Sessions, sign_in: SignIn):
        self._parts = parts
        self._sessions = sessions
        self._sign_in = sign_in
        self._limits = VisitLimits()
        self._peers = Peers(networks(parts.settings.trusted_proxies))

    async def show(self, request: Request) -> Response:
        """Raises HTTPException 404 for a token that opens nothing now, RequestError 429 and 503."""
        link, account = await self._opened(request)
        return self._draw(request, link, account, await self._session(request))

    async def submit(self, request: Request) -> Response:
        """Raises as `show`, and RequestError 403 for a form from elsewhere."""
        check_origin(request)
        form = await read_form(request, WEB_FORM_BYTES_MAX, self._parts.in_flight)
        link, account = await self._opened(request)
        session = await self._session(request)
        try:
            if link.purpose == RESET:
                return await self._set_password(request, form, link)
            if account is None:
                return await self._join(request, form, link)
            return await self._accept(request, form, link, session)
        except RequestError as error:
            if error.status != 400:
                raise
            return self._draw(request, link, account, session, problem=error.message, name=text(form, "name"))

    async def _set_password(self, request: Request, form: FormData, link: AccountLink) -> Response:
        token, password = request.path_params["token"], text(form, "password")
        await self._parts.changes.run(
            lambda opened: opened.people.set_password(token, password), self._author(request, link)
        )
        return RedirectResponse(self._sign_in.address + "?done=password", 303)

    async def _join(self, request: Request, form: FormData, link: AccountLink) -> Response:
        token, name, password = request.path_params["token"], text(form, "name"), text(form, "password")
        await self._parts.changes.run(
            lambda opened: opened.people.join(token, name, password), self._author(request, link)
        )
        return await self._sign_in.open(request, link.email, self._sign_in.wanted(""))

    async def _accept(self, request: Request, form: FormData, link: AccountLink, session: Session | None) -> Response:
        if session is None or session.visitor.name != link.email or session.visitor.account_id is None:
            raise RequestError(403, "sign in with the account of this address, and open the link again")
        check_csrf(request, form, session.csrf)
        token, account_id = request.path_params["token"], session.visitor.account_id
        await self._parts.changes.run(
            lambda opened: opened.people.accept(token, account_id), self._author(request, link)
        )
        return RedirectResponse(self._sign_in.wanted(""), 303)

    async def _opened(self, request: Request) -> tuple[AccountLink, Account | None]:
        peer, token = self._peers.of(request.scope), request.path_params["token"]
        self._limits.visit(peer)
        self._limits.guess(peer)
        try:
            return await self._parts.changes.run(lambda opened: opened.people.opened(token), SERVER)
        except RequestError as error:
            if error.status != 404:
                raise
            raise HTTPException(404, headers=HEADERS) from error

    async def _session(self, request: Request) -> Session | None:
        return await self._sessions.find(self._sessions.cookie_in(request.headers.get("cookie", "")))

    def _author(self, request: Request, link: AccountLink) -> Author:
        return Author(link.email, self._parts.access.address(request.scope))

    def _draw(
        self,
        request: Request,
        link: AccountLink,
        account: Account | None,
        session: Session | None,
        *,
        problem: str = "",
        name: str = "",
    ) -> Response:
        visitor, csrf = session or (None, "")
        projects = [self._parts.directory.by_id(project_id) for project_id in link.roles]
        values = {
            "link": link,
            "is_reset": link.purpose == RESET,
            "has_account": account is not None,
            "is_theirs": visitor is not None and visitor.name == link.email,
            "roles": [(each.name, link.roles[each.project_id]) for each in projects if each is not None],
            "problem": problem,
            "name": name,
            "own_path": request.url.path,
        }
        shown = {
            "visitor": visitor,
            "csrf": csrf,
            "page": None,
            "title": "New password" if values["is_reset"] else "Join",
        }
        response = draw("account_link.html", self._parts.settings, 400 if problem else 200, **shown, **values)
        response.headers.update(HEADERS)
        return response
