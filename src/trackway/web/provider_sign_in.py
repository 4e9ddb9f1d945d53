"""Sign-in by a provider of OpenID Connect: to it, and back.

A signed cookie of this browser holds what must come back, so an answer that was made for another browser opens nothing.
Only a person who has an account signs in so. The second factor is the provider's part: it is not asked here. Strangers
may ask for both pages, so each client is bounded, and so are the lines in the log.
"""

import time
from typing import Final

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from trackway.edge.access.client_address import networks
from trackway.edge.access.peers import Peers
from trackway.edge.routes import Parts
from trackway.projects.account import Account
from trackway.projects.audit import UNKNOWN, Author, Note
from trackway.projects.personal_account import username_of
from trackway.telemetry import logs
from trackway.web.limits import PROVIDER_ATTEMPT_S_MAX, PROVIDER_FAILURES_LOGGED_PER_MINUTE
from trackway.web.provider import Attempt, Provider
from trackway.web.provider_requests import ProviderFailed
from trackway.web.public_url import scheme, server_address
from trackway.web.session import Sessions, cookie_named
from trackway.web.sign_in import PROVIDER_BACK_PATH, PROVIDER_PATH, SignIn
from trackway.web.visit_limits import VisitLimits

_log = logs.get("web")


class ProviderSignIn:
    """PROVIDER_PATH leads to the provider, PROVIDER_BACK_PATH takes its answer."""

    def __init__(self, parts: Parts, sessions: Sessions, sign_in: SignIn, provider: Provider):
        self._parts = parts
        self._sign_in = sign_in
        self._provider = provider
        self._signer = URLSafeTimedSerializer(sessions.key, "provider")
        self._cookie: Final = f"{sessions.cookie}-provider"
        self._limits = VisitLimits()
        self._peers = Peers(networks(parts.settings.trusted_proxies))
        self._minute = self._failures = 0

    async def begin(self, request: Request) -> Response:
        """Raises RequestError 429 for a client that comes too often, and 503 while too many wait for the provider."""
        self._limits.visit(self._peers.of(request.scope))
        attempt, wanted = Attempt.new(), self._sign_in.wanted(request.query_params.get("next", ""))
        try:
            address = await self._provider.address(attempt, self._return_url(request))
        except ProviderFailed as failure:
            return self._failed(wanted, str(failure))
        response = RedirectResponse(address, 303)
        response.set_cookie(
            self._cookie,
            self._signer.dumps([*attempt, wanted]),
            max_age=PROVIDER_ATTEMPT_S_MAX,
            path=self._sign_in.below(PROVIDER_PATH),
            secure=scheme(request, self._parts.settings) == "https",
            httponly=True,
            samesite="lax",
        )
        return response

    async def back(self, request: Request) -> Response:
        """Raises as `begin`."""
        peer, query = self._peers.of(request.scope), request.query_params
        self._limits.visit(peer)
        try:
            *attempted, wanted = self._signer.loads(
                cookie_named(self._cookie, request.headers.get("cookie", "")), max_age=PROVIDER_ATTEMPT_S_MAX
            )
            attempt = Attempt(*attempted)
        except BadData:
            return self._sign_in.again(self._sign_in.wanted(""))
        self._limits.guess(peer)
        response = await self._answered(request, attempt, wanted, query.get("state", ""), query.get("code", ""))
        response.delete_cookie(self._cookie, path=self._sign_in.below(PROVIDER_PATH))
        return response

    async def _answered(self, request: Request, attempt: Attempt, wanted: str, state: str, code: str) -> Response:
        if not attempt.has_state(state):
            return self._failed(wanted, "its answer is for another browser")
        if not code:
            return self._failed(wanted, "it did not let you in")
        try:
            email = await self._provider.email(attempt, code, self._return_url(request))
        except ProviderFailed as failure:
            return self._failed(wanted, str(failure))
        await self._parts.fresh_projects.look()
        account = self._parts.directory.account_named(username_of(email))
        if account is None or not account.is_person or account.expired(time.time() * 1000):
            author = Author(account.username if account else UNKNOWN, self._parts.access.address(request.scope))
            self._parts.audit.refused(author, Note("sign-in refused"))
            return self._sign_in.refused(wanted, f"{email[:200]} has no account here: ask for an invitation")
        if account.proved_at_ms is None:
            await self._prove(request, account)
        return await self._sign_in.open(request, account.username, wanted)

    async def _prove(self, request: Request, account: Account) -> None:
        """Shut out who may have opened the account before its person came. Raises RequestError 503."""
        author = Author(account.username, self._parts.access.address(request.scope))
        await self._parts.changes.run(lambda opened: opened.second_factors.prove_address(account.account_id), author)

    def _failed(self, wanted: str, reason: str) -> Response:
        self._log(reason)
        return self._sign_in.refused(wanted, f"{self._parts.settings.oidc_name}: {reason}")

    def _log(self, reason: str) -> None:
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._failures = minute, 0
        self._failures += 1
        if self._failures <= PROVIDER_FAILURES_LOGGED_PER_MINUTE:
            _log.warning("a sign-in by the provider failed", reason=reason)

    def _return_url(self, request: Request) -> str:
        address = server_address(request, self._parts.settings)
        return address.removesuffix(self._parts.settings.path_prefix) + self._sign_in.below(PROVIDER_BACK_PATH)
