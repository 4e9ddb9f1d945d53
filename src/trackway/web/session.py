"""Sessions: a signed cookie with a name, a time, and a proof of the secret. The server stores only ended sessions.

A request arrives, and a session leaves that is valid at this moment: it has not ended by a sign-out, and its account
exists, is not expired, and still has the same secret. The signing key is in a private file of the data directory, or in
the projects database of several machines. So a session is valid in all edge processes and after a restart. The cookie's
name depends on the key, since servers on several ports of one host share cookies.
"""

import asyncio
import hmac
import secrets
import time
from functools import partial
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from itsdangerous import BadData, URLSafeTimedSerializer

from trackway.domain.errors import RequestError, StorageError
from trackway.domain.limits import SESSION_KEY_BYTES, SESSION_S_MAX
from trackway.edge.access.project_refresh import FreshProjects
from trackway.projects.account import Account
from trackway.projects.ended_sessions import FILE, EndedSessions
from trackway.projects.project_lookup import ProjectDirectory
from trackway.runtime.background import pause, start_thread
from trackway.runtime.private_key import SESSION_KEY_FILE, private_key
from trackway.settings.table import Settings
from trackway.telemetry import logs
from trackway.web.limits import ENDED_SESSIONS_LOOK_S, SECOND_STEP_S_MAX
from trackway.web.visitor import ADMIN, Visitor

if TYPE_CHECKING:
    from trackway.projects.shared_ended_sessions import SharedEndedSessions

_log = logs.get("web")


class Session(NamedTuple):
    """A signed-in visitor. `csrf` is the token of all forms in the session."""

    visitor: Visitor
    csrf: str


class _Signed(NamedTuple):
    """The content of a cookie that `begin` made, and that is not too old."""

    name: str
    proof: str
    nonce: str
    begun_s: int


def cookie_named(wanted: str, header: str) -> str:
    """The value of a cookie in a `Cookie` header, "" where there is none.

    It is never quoted, so it is not unquoted: the standard library takes minutes for the escapes of a long value.
    """
    pairs = (pair.partition("=") for pair in header.split(";"))
    return next((value.strip() for name, _, value in pairs if name.strip() == wanted), "")


class Sessions:
    """Makes, reads and ends cookies. `shared_key`: that of several machines. Without it the key is in a file.

    Raises StorageError when the key can neither be read nor made, or when the ended sessions cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        directory: ProjectDirectory,
        fresh_projects: FreshProjects,
        shared_key: bytes | None = None,
    ):
        self._directory = directory
        self._fresh_projects = fresh_projects
        self._key = shared_key or private_key(
            settings.data_dir / SESSION_KEY_FILE, SESSION_KEY_BYTES, "delete it, and everybody signs in again"
        )
        self._ended = _ended_sessions(settings)
        self._signer = URLSafeTimedSerializer(self._key, "session", signer_kwargs={"digest_method": sha256})
        self._steps = URLSafeTimedSerializer(self._key, "second step", signer_kwargs={"digest_method": sha256})
        self.cookie: Final = f"trackway-{self._digest('cookie')[:8]}"

    def begin(self, name: str) -> str:
        """The value of the cookie for a visitor who has just proved to be the one of that name. Raises RequestError 403
        where the account has ended since."""
        proof = self._proof(name)
        if proof is None:
            raise RequestError(403, "this account has just been disabled")
        return self._signer.dumps([name, proof, secrets.token_urlsafe(12)])

    def begin_step(self, name: str) -> str:
        """A proof for the second step of a sign-in that the password of that account was right."""
        return self._steps.dumps([name, self._proof(name)])

    async def find_step(self, step: str) -> Account | None:
        """The account of such a proof. None for any other text, and for one that is too old or no longer true."""
        try:
            name, proof = self._steps.loads(step, max_age=SECOND_STEP_S_MAX)
        except BadData:
            return None
        await self._fresh_projects.look()
        return self._account(name) if hmac.compare_digest(proof, self._proof(name) or "") else None

    @property
    def key(self) -> bytes:
        """The key that signs, from which others may be derived."""
        return self._key

    def cookie_in(self, header: str) -> str:
        """The value of the cookie in a `Cookie` header, "" where there is none."""
        return cookie_named(self.cookie, header)

    async def find(self, cookie: str) -> Session | None:
        """The session of a cookie. None for any other value, and for a session that is too old or no longer valid.

        If a session with a right signature has no account in this process, the process reads the accounts again: a
        visitor may sign in with a new secret before all processes have reloaded the accounts.
        """
        if self._signed(cookie) is None:
            return None
        session = self.read(cookie)
        if session is None:
            await self._fresh_projects.look()
            session = self.read(cookie)
        return session

    def read(self, cookie: str) -> Session | None:
        """As `find`, by the accounts in this process's memory."""
        signed = self._signed(cookie)
        if signed is None or not hmac.compare_digest(signed.proof, self._proof(signed.name) or ""):
            return None
        visitor = self._visitor(signed.name)
        return Session(visitor, self._digest(f"csrf {signed.nonce}")) if visitor else None

    async def end(self, cookie: str) -> None:
        """End the session of a cookie, in every process and after a restart. Raises StorageError."""
        signed = self._signed(cookie)
        if signed is not None:
            await self.end_key(self._id(signed), signed.begun_s)

    def key_of(self, cookie: str) -> tuple[str, int]:
        """The id and the start, in seconds since the epoch, of a session whose cookie was found valid a moment ago."""
        signed = self._content(cookie, None)
        assert signed is not None, "we made the cookie"
        return self._id(signed), signed.begun_s

    async def end_key(self, session_id: str, begun_s: int) -> None:
        """End the session of that id, as `end`."""
        await asyncio.to_thread(self._ended.end, session_id, begun_s, int(time.time()))

    def _signed(self, cookie: str) -> _Signed | None:
        """The content of a cookie. None for an ended session, too."""
        signed = self._content(cookie, SESSION_S_MAX)
        return None if signed is None or self._ended.holds(self._id(signed), signed.begun_s) else signed

    def _content(self, cookie: str, age_s_max: int | None) -> _Signed | None:
        """The content of a cookie that we made, whether its session has ended or not."""
        try:
            (name, proof, nonce), begun = self._signer.loads(cookie, max_age=age_s_max, return_timestamp=True)
        except BadData:
            return None
        return _Signed(name, proof, nonce, int(begun.timestamp()))

    def _id(self, signed: _Signed) -> str:
        return self._digest(f"ended {signed.nonce}")

    def _visitor(self, name: str) -> Visitor | None:
        if name == ADMIN:
            return Visitor(ADMIN, None)
        account = self._account(name)
        return Visitor(name, account.roles, account.account_id, account.is_person) if account else None

    def _account(self, name: str) -> Account | None:
        account = self._directory.account_named(name)
        return account if account is not None and not account.expired(time.time() * 1000) else None

    def _proof(self, name: str) -> str | None:
        """A proof from the stored hash of a secret: a session ends when the secret changes, and with all others of its
        account."""
        if name == ADMIN:
            kept = self._directory.admin_hash
            return self._digest(f"proof {kept}") if kept else None
        account = self._account(name)
        if account is None:
            return None
        since = "" if account.signed_out_ms is None else f" {account.signed_out_ms}"
        return self._digest(f"proof {account.secret_hash}{since}")

    def _digest(self, text: str) -> str:
        return blake2b(text.encode(), key=self._key, digest_size=18).hexdigest()


def _ended_sessions(settings: Settings) -> "EndedSessions | SharedEndedSessions":
    """Those of this machine, or of all that share the projects database: known at return, and followed from then on.
    Raises StorageError."""
    local = EndedSessions(settings.data_dir / FILE)
    if not settings.projects_url:
        return local
    from trackway.projects.shared_ended_sessions import SharedEndedSessions  # noqa: PLC0415  # SQLite needs no psycopg

    shared = SharedEndedSessions(settings.projects_url, local)
    shared.follow()
    start_thread(partial(_follow_for_ever, shared), "ended sessions")
    return shared


def _follow_for_ever(shared: "SharedEndedSessions") -> None:
    fault = ""
    while True:
        pause(ENDED_SESSIONS_LOOK_S)
        try:
            shared.follow()
            fault = ""
        except StorageError as error:  # what is known stays in force
            if not fault:
                _log.error("sessions that end on other machines are not known", error=str(error))
            fault = str(error)
