"""Sign-in with a personal account, a service account or the admin password, and sign-out.

A name and a secret arrive in a form. A cookie leaves. A thread of low priority verifies secrets
(`edge.access.secret_verification`), which bounds the number of guesses. All failures have the same answer, and take as
long. `open` begins the session of an account that has proved who it is, by whatever proof.
"""

import time
from typing import Final, NamedTuple

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
from trackway.projects.personal_account import username_of
from trackway.projects.project_lookup import ProjectDirectory
from trackway.projects.second_factor import Proof
from trackway.settings.table import Settings
from trackway.web.forms import check_origin, read_form, text
from trackway.web.limits import WEB_FORM_BYTES_MAX
from trackway.web.person_sessions import PersonSessions
from trackway.web.public_url import scheme
from trackway.web.session import Sessions
from trackway.web.templating import draw
from trackway.web.visitor import ADMIN

PATH = "/sign-in"
OUT_PATH = "/sign-out"
PROVIDER_PATH: Final = f"{PATH}/provider"
"""Leads to the provider of OpenID Connect, where there is one."""
PROVIDER_BACK_PATH: Final = f"{PROVIDER_PATH}/back"


class _Kept(NamedTuple):
    """What a sign-in is checked against: a secret, and when all sessions of its account were ended last."""

    secret_hash: str
    signed_out_ms: int | None


class SignIn:
    """The form of PATH, and its submission."""

    def __init__(
        self,
        sessions: Sessions,
        own: PersonSessions,
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
        self._own = own
        self._settings = settings
        self._directory = directory
        self._access = access
        self._verifier = verifier
        self._audit = audit
        self._fresh_projects = fresh_projects
        self._in_flight = in_flight
        self._above = settings.path_prefix + PAGES_PATH
        self.address: Final = self._above + PATH

    async def form(self, request: Request) -> Response:
        query = request.query_params
        return self._draw(self.wanted(query.get("next", "")), is_new=query.get("done") == "password")

    async def sign_in(self, request: Request) -> Response:
        check_origin(request)
        form = await read_form(request, WEB_FORM_BYTES_MAX, self._in_flight)
        name, wanted = username_of(text(form, "name")), self.wanted(text(form, "next"))
        if not await self.is_right(request, name, text(form, "secret")):
            return self._draw(wanted, name=name, is_wrong=True)
        account = self._directory.account_named(name)
        if account is not None and account.has_second_factor:
            return self.ask_code(self._sessions.begin_step(name), wanted)
        return await self.open(request, name, wanted)

    def ask_code(self, step: str, wanted: str, proof: Proof | None = None) -> Response:
        """The page of the second step. `step` proves that the password was right; `proof` is what the last code was."""
        values = {"step": step, "wanted": wanted, "proof": proof, "title": "Sign in"}
        nobody = {"visitor": None, "csrf": "", "page": None}
        return draw("second_step.html", self._settings, 403 if proof else 200, **nobody, **values)

    def again(self, wanted: str) -> Response:
        """The form, for somebody who took too long."""
        return self._draw(wanted, is_late=True)

    def refused(self, wanted: str, problem: str) -> Response:
        """The form, for somebody whom a provider did not let in. `problem` says why."""
        return self._draw(wanted, problem=problem)

    async def open(self, request: Request, name: str, wanted: str) -> Response:
        """Sign an account in that has proved who it is, and go to a page of ours. Raises as `begin`."""
        response = await self.begin(request, name, wanted)
        self._audit.note(Author(name, self._access.address(request.scope)), Note("signed in"))
        return response

    async def begin(self, request: Request, name: str, wanted: str) -> Response:
        """Begin a session of that name, and go to a page of ours. Raises RequestError 503 where the session of a person
        cannot be kept, and 403 where the account has just ended."""
        cookie, account = self._sessions.begin(name), self._directory.account_named(name)
        if account is not None and account.is_person:
            await self._own.begin(request, cookie, account.account_id)
        response = RedirectResponse(wanted, 303)
        response.set_cookie(
            self._sessions.cookie,
            cookie,
            max_age=SESSION_S_MAX,
            path=self._above,
            secure=scheme(request, self._settings) == "https",
            httponly=True,
            samesite="lax",
        )
        return response

    def signed_out(self, request: Request, name: str) -> Response:
        self._audit.note(Author(name, self._access.address(request.scope)), Note("signed out"))
        response = RedirectResponse(self.address, 303)
        response.delete_cookie(self._sessions.cookie, path=self._above)
        return response

    async def is_right(self, request: Request, name: str, secret: str) -> bool:
        """Whether the name has this secret. A refusal is counted in the audit. Raises RequestError 503 when too many
        secrets wait for verification."""
        await self._fresh_projects.look()  # a new secret works at once
        address = self._access.address(request.scope)
        account, kept = self._directory.account_named(name), self._kept(name)
        # A password that a person chose may begin with a space. A secret that was copied may have one around it.
        is_copied = name == ADMIN or (account is not None and not account.is_person)
        given = secret.strip() if is_copied else secret
        right = await self._verifier.is_right(kept and kept.secret_hash, given, name, address)
        if not right or self._kept(name) != kept:  # changed, ended or disabled while the secret was compared
            known = name if name == ADMIN or account else UNKNOWN
            self._audit.refused(Author(known, address), Note("sign-in refused"))
            return False
        return True

    def _kept(self, name: str) -> _Kept | None:
        """None for a name that nobody may sign in with now."""
        if name == ADMIN:
            kept = self._directory.admin_hash
            return _Kept(kept, None) if kept else None
        account = self._directory.account_named(name)
        if account is None or account.expired(time.time() * 1000):
            return None
        return _Kept(account.secret_hash, account.signed_out_ms)

    def below(self, path: str) -> str:
        """The address of a page of the site."""
        return self._above + path

    def wanted(self, path: str) -> str:
        """The path to open after the sign-in. It is one of our own pages, since an attacker may make the link."""
        is_own = path.startswith(self._above + "/") and "\\" not in path and path.isprintable()
        return path if is_own else self._above + "/"

    def _draw(
        self,
        wanted: str,
        name: str = "",
        *,
        is_wrong: bool = False,
        is_new: bool = False,
        is_late: bool = False,
        problem: str = "",
    ) -> Response:
        values = {"wanted": wanted, "name": name, "is_wrong": is_wrong, "is_new": is_new, "is_late": is_late}
        values |= {"problem": problem, "provider": self._settings.oidc_issuer and self._settings.oidc_name}
        nobody = {"visitor": None, "csrf": "", "page": None, "title": "Sign in"}
        return draw("sign_in.html", self._settings, 403 if is_wrong or is_late or problem else 200, **nobody, **values)
