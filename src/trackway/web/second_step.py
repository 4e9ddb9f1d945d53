"""The second step of a sign-in: a code, after the password of an account with a second factor.

The page of the first step carries a signed proof that the password was right, for a few minutes. It opens nothing but
this step, and ends when the password changes. So no process remembers who is between the steps.
"""

import time
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from trackway.edge.access.audit_writer import Audit
from trackway.edge.access.change_queue import Changes
from trackway.edge.access.credentials import Access
from trackway.edge.quotas.in_flight import InFlight
from trackway.projects.audit import Author, Note
from trackway.projects.factor_secrets import FactorSecrets
from trackway.web.forms import check_origin, read_form, text
from trackway.web.limits import WEB_FORM_BYTES_MAX
from trackway.web.session import Sessions
from trackway.web.sign_in import SignIn

PATH: Final = "/sign-in/code"
STORED: Final = "stored"
"""The purpose of sealed secrets in the database."""


class SecondStep:
    """The form of the page that asks for a code."""

    def __init__(
        self,
        sessions: Sessions,
        sign_in: SignIn,
        secrets: FactorSecrets,
        *,
        access: Access,
        audit: Audit,
        changes: Changes,
        in_flight: InFlight,
    ):
        self._sessions = sessions
        self._sign_in = sign_in
        self._secrets = secrets
        self._access = access
        self._audit = audit
        self._changes = changes
        self._in_flight = in_flight

    async def submit(self, request: Request) -> Response:
        """Raises RequestError 403 for a form from elsewhere, and 503 when the database is away."""
        check_origin(request)
        form = await read_form(request, WEB_FORM_BYTES_MAX, self._in_flight)
        step, wanted = text(form, "step"), self._sign_in.wanted(text(form, "next"))
        account = await self._sessions.find_step(step)
        if account is None:
            return self._sign_in.again(wanted)
        author = Author(account.username, self._access.address(request.scope))
        if account.has_second_factor:
            opened = partial(self._secrets.open, purpose=STORED, account_id=account.account_id)
            code, now_s = text(form, "code"), time.time()
            proof = await self._changes.run(
                lambda database: database.second_factors.proof(account.account_id, code, opened, now_s), author
            )
            if proof in ("wrong", "wait"):
                self._audit.refused(author, Note("sign-in refused"))
                return self._sign_in.ask_code(step, wanted, proof)
            if await self._sessions.find_step(step) is None:  # a new password, or an end, while the code was looked at
                return self._sign_in.again(wanted)
        return await self._sign_in.open(request, account.username, wanted)
