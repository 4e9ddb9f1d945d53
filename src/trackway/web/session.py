"""Sessions: a signed cookie that says who signed in, when, and with which secret; nothing is kept on the server.

A request arrives, and a session leaves that holds for this moment: the account is there, not expired, and has the
secret it signed in with. The key that signs is in a private file of the data directory, so that a session holds in all
edge processes and over restarts. The cookie's name tells keys apart: servers on ports of one host have cookies in
common.
"""

import asyncio
import hmac
import os
import secrets
import time
from contextlib import suppress
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Final, NamedTuple

from itsdangerous import BadData, URLSafeTimedSerializer

from trackway.errors import StorageError
from trackway.limits import SESSION_S_MAX
from trackway.projects.account import Account
from trackway.projects.directory import ProjectDirectory
from trackway.web.visitor import ADMIN, Visitor

KEY_FILE: Final = "session.key"
_KEY_BYTES: Final = 32


class Session(NamedTuple):
    """Somebody signed in. `csrf`: what every form of theirs carries."""

    visitor: Visitor
    csrf: str


class Sessions:
    """Makes and reads cookies. Raises StorageError when the key can neither be read nor made."""

    def __init__(self, data_dir: Path, directory: ProjectDirectory):
        self._directory = directory
        self._key = _key(data_dir / KEY_FILE)
        self._signer = URLSafeTimedSerializer(self._key, "session", signer_kwargs={"digest_method": sha256})
        self.cookie: Final = f"trackway-{self._digest('cookie')[:8]}"

    def begin(self, name: str) -> str:
        """The value of the cookie for one who has just shown the secret of that name."""
        proof = self._proof(name)
        assert proof is not None, "who signs in has a secret"
        return self._signer.dumps([name, proof, secrets.token_urlsafe(12)])

    async def find(self, cookie: str) -> Session | None:
        """The session of a cookie, None when it is none, too old, or no longer of anybody's.

        One that was begun here and is nobody's as far as this process knows is looked at again: with a new secret one
        may be signed in before all processes have heard of it.
        """
        if self._signed(cookie) is None:
            return None
        session = self.read(cookie)
        if session is None:
            await asyncio.to_thread(self._directory.refresh)
            session = self.read(cookie)
        return session

    def read(self, cookie: str) -> Session | None:
        """The same, as far as this process knows."""
        signed = self._signed(cookie)
        if signed is None:
            return None
        name, proof, nonce = signed
        visitor = self._visitor(name) if hmac.compare_digest(proof, self._proof(name) or "") else None
        return Session(visitor, self._digest(f"csrf {nonce}")) if visitor else None

    def _signed(self, cookie: str) -> tuple[str, str, str] | None:
        """What `begin` put into a cookie, if it was that and not too long ago."""
        try:
            name, proof, nonce = self._signer.loads(cookie, max_age=SESSION_S_MAX)
        except BadData:
            return None
        return name, proof, nonce

    def _visitor(self, name: str) -> Visitor | None:
        if name == ADMIN:
            return Visitor(ADMIN, None)
        account = self._account(name)
        return Visitor(name, account.roles, account.account_id) if account else None

    def _account(self, name: str) -> Account | None:
        account = self._directory.by_username(name)
        return account if account is not None and not account.expired(time.time() * 1000) else None

    def _proof(self, name: str) -> str | None:
        """Of the hash that is kept of a secret: a session ends when the secret changes."""
        if name == ADMIN:
            kept = self._directory.admin_hash
        else:
            account = self._account(name)
            kept = account.secret_hash if account else None
        return self._digest(f"proof {kept}") if kept else None

    def _digest(self, text: str) -> str:
        return blake2b(text.encode(), key=self._key, digest_size=18).hexdigest()


def _key(path: Path) -> bytes:
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} cannot be used: {(error.strerror or str(error)).lower()}") from error
    if len(key) != _KEY_BYTES:
        raise StorageError(f"{path} must hold {_KEY_BYTES} bytes: delete it, and everybody signs in again")
    return key


def _make_key(path: Path) -> None:
    """By whichever process comes first: a whole file appears under the name, or another's is there."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    file = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, secrets.token_bytes(_KEY_BYTES))
        os.fsync(file)
    finally:
        os.close(file)
    with suppress(FileExistsError):
        os.link(new, path)
    new.unlink()
