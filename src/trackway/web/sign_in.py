"""Signing in, with a service account or the admin password, and out again.

A name and a secret arrive in a form; a cookie leaves. Secrets are compared in the quiet thread that all of an edge
process's are (`edge.verification`), which bounds how many can be tried, and whatever is wrong is answered alike.
"""

import asyncio
import time

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from trackway.edge.routes import Parts
from trackway.limits import SESSION_S_MAX, WEB_FORM_BYTES_MAX
from trackway.web import mount
from trackway.web.address import scheme
from trackway.web.drawing import draw
from trackway.web.forms import check_origin, read_form, text
from trackway.web.session import Sessions
from trackway.web.visitor import ADMIN

PATH = "/sign-in"
OUT_PATH = "/sign-out"


class SignIn:
    """The form of PATH, and what becomes of it."""

    def __init__(self, parts: Parts, sessions: Sessions):
        self._parts = parts
        self._sessions = sessions
        self._above = parts.settings.path_prefix + mount.PATH

    async def form(self, request: Request) -> Response:
        return self._draw(self._wanted(request.query_params.get("next", "")))

    async def sign_in(self, request: Request) -> Response:
        check_origin(request)
        form = await read_form(request, WEB_FORM_BYTES_MAX, self._parts.in_flight)
        name, wanted = text(form, "name").strip(), self._wanted(text(form, "next"))
        if not await self._is_right(name, text(form, "secret").strip()):
            return self._draw(wanted, name=name, is_wrong=True)
        response = RedirectResponse(wanted, 303)
        response.set_cookie(
            self._sessions.cookie,
            self._sessions.begin(name),
            max_age=SESSION_S_MAX,
            path=self._above,
            secure=scheme(request, self._parts.settings) == "https",
            httponly=True,
            samesite="lax",
        )
        return response

    def signed_out(self) -> Response:
        response = RedirectResponse(self._above + PATH, 303)
        response.delete_cookie(self._sessions.cookie, path=self._above)
        return response

    async def _is_right(self, name: str, secret: str) -> bool:
        """Raises RequestError 503 when too many secrets wait to be compared."""
        await asyncio.to_thread(self._parts.directory.refresh)  # a secret works as soon as it was shown
        if name == ADMIN:
            return await self._parts.verifier.is_right(self._parts.directory.admin_hash, secret)
        account = await self._parts.verifier.account(name, secret)
        return account is not None and not account.expired(time.time() * 1000)

    def _wanted(self, path: str) -> str:
        """Where to go once signed in: only to our own pages, whoever made the link."""
        is_own = path.startswith(self._above + "/") and "\\" not in path and path.isprintable()
        return path if is_own else self._above + "/"

    def _draw(self, wanted: str, name: str = "", *, is_wrong: bool = False) -> Response:
        values = {"wanted": wanted, "name": name, "is_wrong": is_wrong, "title": "Sign in"}
        nobody = {"visitor": None, "csrf": "", "page": None}
        return draw("sign_in.html", self._parts.settings, 403 if is_wrong else 200, **nobody, **values)
