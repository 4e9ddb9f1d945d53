"""The page on which a person turns the second factor of the own account on and off.

The secret of a new factor is on the page alone until a code has proved that an app has it: the page carries it sealed,
for ten minutes and this account. Nothing is stored before.
"""

import time
from typing import TYPE_CHECKING, Final

from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from trackway.domain.errors import RequestError
from trackway.edge.routes import Parts
from trackway.projects.account import Account
from trackway.projects.audit import Author
from trackway.projects.factor_secrets import FactorSecrets
from trackway.projects.second_factor import app_address, new_factor_secret, step_of_code
from trackway.web.forms import text
from trackway.web.limits import FACTOR_SETUP_S_MAX, QR_MODULE_PIXELS
from trackway.web.second_step import STORED
from trackway.web.session import Session
from trackway.web.sign_in import SignIn
from trackway.web.templating import draw

if TYPE_CHECKING:
    from collections.abc import Sequence

PATH: Final = "/second-factor"
ON_PATH: Final = f"{PATH}/on"
OFF_PATH: Final = f"{PATH}/off"
_SETUP: Final = "setup"


class SecondFactorPages:
    """The page of PATH and its forms, for people who are signed in. The site checks sessions and forms."""

    def __init__(self, parts: Parts, sign_in: SignIn, secrets: FactorSecrets):
        self._parts = parts
        self._sign_in = sign_in
        self._secrets = secrets

    async def show(self, request: Request, session: Session) -> Response:
        """Raises HTTPException 404 for accounts of programs and the admin."""
        account = self._account(session)
        if not account.has_second_factor:
            return self._draw_setup(session, account, new_factor_secret())
        left = await self._parts.changes.run(
            lambda opened: opened.second_factors.recovery_codes_left(account.account_id), self._author(request, account)
        )
        return self._draw(session, codes_left=left)

    async def turn_on(self, request: Request, session: Session, form: FormData) -> Response:
        """The page with the recovery codes, which are shown nowhere else."""
        account, now_s = self._account(session), time.time()
        secret = self._secret_in(form, account, now_s)
        if secret is None:
            return self._draw_setup(session, account, new_factor_secret(), "the page was open for too long")
        if not await self._sign_in.is_right(request, account.username, text(form, "password")):
            return self._draw_setup(session, account, secret, "the password is wrong")
        step = step_of_code(secret, text(form, "code"), now_s)
        if step is None:
            problem = "the code is wrong: compare the clock of your phone with the right time"
            return self._draw_setup(session, account, secret, problem)
        account_id, sealed = account.account_id, self._secrets.seal(secret, STORED, account.account_id)
        codes = await self._parts.changes.run(
            lambda opened: opened.second_factors.turn_on(
                account_id, account.secret_hash, sealed, step, int(now_s * 1000)
            ),
            self._author(request, account),
        )
        return self._draw(session, codes=codes)

    async def turn_off(self, request: Request, session: Session, form: FormData) -> Response:
        account = self._account(session)
        if not await self._sign_in.is_right(request, account.username, text(form, "password")):
            return self._draw(session, problem="the password is wrong")
        await self._parts.changes.run(
            lambda opened: opened.second_factors.turn_off(account.account_id, account.secret_hash),
            self._author(request, account),
        )
        return RedirectResponse(self._sign_in.below(PATH), 303)

    def _account(self, session: Session) -> Account:
        account = self._parts.directory.account_named(session.visitor.name)
        if account is None or not session.visitor.is_person:
            raise HTTPException(404)
        return account

    def _author(self, request: Request, account: Account) -> Author:
        return Author(account.username, self._parts.access.address(request.scope))

    def _secret_in(self, form: FormData, account: Account, now_s: float) -> str | None:
        """The secret of the setup that a page carries, while it holds."""
        opened = self._secrets.open(text(form, "setup"), _SETUP, account.account_id)
        if opened is None:
            return None
        begun_s, _, secret = opened.partition(" ")
        return secret if now_s - float(begun_s) <= FACTOR_SETUP_S_MAX else None

    def _draw_setup(self, session: Session, account: Account, secret: str, problem: str = "") -> Response:
        if account.has_second_factor:
            raise RequestError(400, "the second factor is on already")
        setup = self._secrets.seal(f"{time.time():.0f} {secret}", _SETUP, account.account_id)
        return self._draw(session, setup=setup, secret=secret, qr=_qr(app_address(secret, account.username)),
                          problem=problem)  # fmt: skip

    def _draw(
        self,
        session: Session,
        *,
        setup: str = "",
        secret: str = "",
        qr: str = "",
        problem: str = "",
        codes: "Sequence[str]" = (),
        codes_left: int | None = None,
    ) -> Response:
        groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        values = {"setup": setup, "secret": groups, "qr": qr, "problem": problem, "codes": codes, "left": codes_left}
        shown = {"visitor": session.visitor, "csrf": session.csrf, "page": None, "title": "Second factor"}
        return draw("second_factor.html", self._parts.settings, 400 if problem else 200, **shown, **values)


def _qr(address: str) -> Markup:
    """A QR code as SVG, dark on light whatever the page's colours: some apps read no others."""
    import segno  # noqa: PLC0415  # few people ever turn it on

    code = segno.make(address, error="m", micro=False)
    return Markup(code.svg_inline(scale=QR_MODULE_PIXELS, dark="#000", light="#fff"))  # noqa: S704  # no text in it
