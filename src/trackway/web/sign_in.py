"""Sign-in with a service account or the admin password, and sign-out.

A name and a secret arrive in a form. A cookie leaves. A thread of low priority verifies secrets
(`edge.access.secret_verification`), which bounds the number of guesses. All failures have the same answer.
"""

import time

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from trackway.domain.limits import SESSION_S_MAX
from trackway.edge.access.audit_writer import Audit
from trackway.edge.access.credentials import Access
from trackway.edge.access.project_refresh import FreshProjects
from trackway.edge.access.secret_verification import Verifier
from trackway.edge.quotas.in_flight import InFlight
from trackway.edge.routes import PAGES_PATH
from trackway.projects.audit import UNKNOWN, Author, Note
from trackway.projects.project_lookup import ProjectDirectory
from trackway.settings.table import Settings
from trackway.web.forms import check_origin, read_form, text
from trackway.web.limits import WEB_FORM_BYTES_MAX
from trackway.web.public_url import scheme
from trackway.web.session import Sessions
from trackway.web.templating import draw
from trackway.web.visitor import ADMIN

PATH = "/sign-in"
OUT_PATH = "/sign-out"


class SignIn:
    """The form of PATH, and its submission."""

    def __init__(
        self,
        sessions: Sessions,
        *,
        settings: Settings,
        directory: ProjectDirectory,
        access: Access,
        verifier: Verifier,
        audit: Audit,
        fresh_projects: FreshProjects,
        in_flight: InFlight,
    ):
        self._sessions = sessions
        self._settings = settings
        self._directory = directory
        self._access = access
        self._verifier = verifier
        self._audit = audit
        self._fresh_projects = fresh_projects
        self._in_flight = in_flight
        self._above = settings.path_prefix + PAGES_PATH

    async def form(self, request: Request) -> Response:
        return self._draw(self._wanted(request.query_params.get("next", "")))

    async def sign_in(self, request: Request) -> Response:
        check_origin(request)
        form = await read_form(request, WEB_FORM_BYTES_MAX, self._in_flight)
        name, wanted = text(form, "name").strip(), self._wanted(text(form, "next"))
        address = self._access.address(request.scope)
        if not await self._is_right(name, text(form, "secret").strip(), address):
            self._audit.refused(Author(name if self._is_known(name) else UNKNOWN, address), Note("sign-in refused"))
            return self._draw(wanted, name=name, is_wrong=True)
        self._audit.note(Author(name, address), Note("signed in"))
        response = RedirectResponse(wanted, 303)
        response.set_cookie(
            self._sessions.cookie,
            self._sessions.begin(name),
            max_age=SESSION_S_MAX,
            path=self._above,
            secure=scheme(request, self._settings) == "https",
            httponly=True,
            samesite="lax",
        )
        return response

    def _is_known(self, name: str) -> bool:
        return name == ADMIN or self._directory.by_username(name) is not None

    def signed_out(self, request: Request, name: str) -> Response:
        self._audit.note(Author(name, self._access.address(request.scope)), Note("signed out"))
        response = RedirectResponse(self._above + PATH, 303)
        response.delete_cookie(self._sessions.cookie, path=self._above)
        return response

    async def _is_right(self, name: str, secret: str, address: str) -> bool:
        """Whether the name has this secret. Raises RequestError 503 when too many secrets wait for verification."""
        await self._fresh_projects.look()  # a new secret works at once
        if name == ADMIN:
            return await self._verifier.is_right(self._directory.admin_hash, secret, ADMIN, address)
        account = await self._verifier.account(name, secret, address)
        return account is not None and not account.expired(time.time() * 1000)

    def _wanted(self, path: str) -> str:
        """The path to open after the sign-in. It is one of our own pages, since an attacker may make the link."""
        is_own = path.startswith(self._above + "/") and "\\" not in path and path.isprintable()
        return path if is_own else self._above + "/"

    def _draw(self, wanted: str, name: str = "", *, is_wrong: bool = False) -> Response:
        values = {"wanted": wanted, "name": name, "is_wrong": is_wrong, "title": "Sign in"}
        nobody = {"visitor": None, "csrf": "", "page": None}
        return draw("sign_in.html", self._settings, 403 if is_wrong else 200, **nobody, **values)
