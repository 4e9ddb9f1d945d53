"""Verification of a service account's secret, at a bounded cost.

A user name, a password and the client's address arrive; the account leaves, or None. The comparison with an argon2id
hash is slow, so it runs in a thread of its own, and `attempt_queue` decides which one is next. A right secret is
remembered for a while, under a digest of the name, the kept hash and the password. The key of the digest ends with the
process. So no password is kept, and a changed or deleted account is verified anew. Simultaneous requests with the same
credentials share one comparison. An unknown user costs the same, with a hash that nobody has, and waits under its own
name as a known one does: neither the duration of an answer nor a refusal shows which it was. Sign-in forms and HTTP
Basic have a verifier each, so that neither waits for the other.
"""

import asyncio
import os
import time
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import Protocol

from trackway.domain.limits import CREDENTIAL_CHARACTERS_MAX
from trackway.edge.access.attempt_queue import Comparisons, Source
from trackway.edge.limits import VERIFIED_REMEMBERED, VERIFIED_S_MAX
from trackway.projects import passwords
from trackway.projects.account import Account


class Accounts(Protocol):
    """The look-up needed."""

    def by_username(self, username: str) -> Account | None: ...


class Verifier:
    """Finds the account of a user name and a password. `clock_s`: any clock that does not go back."""

    def __init__(self, accounts: Accounts, clock_s: Callable[[], float] = time.monotonic):
        self._accounts = accounts
        self._clock_s = clock_s
        self._comparisons = Comparisons("verify", clock_s)
        self._key = os.urandom(32)
        self._right: dict[bytes, float] = {}
        self._running: dict[bytes, asyncio.Task[bool]] = {}

    async def account(self, username: str, password: str, address: str) -> Account | None:
        """The account, expired or not; None when there is no such user or the password is not its. Raises RequestError
        503 when too many wait. `address`: whom the credentials came from."""
        if len(username) > CREDENTIAL_CHARACTERS_MAX:
            return None
        account = self._accounts.by_username(username)
        kept = account.secret_hash if account else None
        return account if await self.is_right(kept, password, username, address) else None

    async def is_right(self, kept: str | None, password: str, name: str, address: str) -> bool:
        """Whether the password is the one of a hash that is kept under a name; of None it never is, and takes as long.
        `name`: as it was typed, whether anybody has it or not. Raises as `account`."""
        if len(password) > CREDENTIAL_CHARACTERS_MAX:
            return False
        compared = kept or passwords.NOBODYS_HASH
        name = name[:CREDENTIAL_CHARACTERS_MAX]
        digest = self._digest(name, compared, password)
        remembered = self._clock_s() < self._right.get(digest, float("-inf"))
        if not remembered:
            source = self._comparisons.source(address, name)
            remembered = await self._verified(compared, password, digest, source)
        return remembered and kept is not None

    def close(self) -> None:
        self._comparisons.close()

    async def _verified(self, kept: str, password: str, digest: bytes, source: Source) -> bool:
        running = self._running.get(digest)
        if running is None:
            running = self._running[digest] = asyncio.create_task(self._verify(kept, password, digest, source))
            running.add_done_callback(lambda _: self._running.pop(digest))
        return await asyncio.shield(running)

    async def _verify(self, kept: str, password: str, digest: bytes, source: Source) -> bool:
        compare = partial(passwords.verify, kept, password)
        right = await self._comparisons.run(source, compare, is_known_good=digest in self._right)
        if right:
            self._right.pop(digest, None)
            self._right[digest] = self._clock_s() + VERIFIED_S_MAX
            if len(self._right) > VERIFIED_REMEMBERED:
                self._right.pop(next(iter(self._right)))
        return right

    def _digest(self, name: str, kept: str, password: str) -> bytes:
        """Of the hash, too, which changes with the secret. Of the name, since all unknown ones have the same hash."""
        text = f"{len(name)} {name}\0{kept}\0{password}".encode("utf-8", "surrogatepass")
        return blake2b(text, key=self._key, digest_size=32).digest()
