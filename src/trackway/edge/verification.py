"""Whether a service account's secret is right, at a bounded cost.

A user name and a password arrive; the account leaves, or None. Comparing with an argon2id hash takes some 50 ms of CPU,
so it happens in one thread of low priority with a short queue, and what was found right is remembered for a while:
under a digest with a key that dies with the process, made of the kept hash and the password, so that no password is
kept and a changed or deleted account is verified anew. Requests with the same credentials at the same time share one
comparison. An unknown user costs the same, with a hash that nobody has: the time of an answer does not tell which it
was.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import Protocol, TypeVar

from trackway.errors import RequestError
from trackway.limits import (
    CREDENTIAL_CHARACTERS_MAX,
    RETRY_AFTER_BUSY_S,
    VERIFICATION_NICENESS,
    VERIFICATIONS_WAITING_MAX,
    VERIFIED_REMEMBERED,
    VERIFIED_S_MAX,
)
from trackway.projects import passwords
from trackway.projects.account import Account

Result = TypeVar("Result")


class Accounts(Protocol):
    """The look-up needed."""

    def by_username(self, username: str) -> Account | None: ...


class QuietThread:
    """One thread of low priority for work that takes CPU; with too much of it waiting, a request gets a 503."""

    def __init__(self, name: str, waiting_max: int = VERIFICATIONS_WAITING_MAX):
        self._executor = ThreadPoolExecutor(1, name, _lower_priority)
        self._waiting = 0
        self._waiting_max = waiting_max

    async def run(self, work: Callable[[], Result], *, queue: bool = False) -> Result:
        """What the work returns. `queue`: whatever is waiting already."""
        if self._waiting >= self._waiting_max and not queue:
            raise RequestError(503, "too many credentials wait to be verified", retry_after_s=RETRY_AFTER_BUSY_S)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Drops what waits."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _lower_priority() -> None:
    thread = threading.get_native_id()  # on Linux a priority is that of a thread
    os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + VERIFICATION_NICENESS)


class Verifier:
    """Finds the account of a user name and a password. `clock_s`: any clock that does not go back."""

    def __init__(self, accounts: Accounts, clock_s: Callable[[], float] = time.monotonic):
        self._accounts = accounts
        self._clock_s = clock_s
        self._thread = QuietThread("verify")
        self._key = os.urandom(32)
        self._right: dict[bytes, float] = {}
        self._running: dict[bytes, asyncio.Task[bool]] = {}

    async def account(self, username: str, password: str) -> Account | None:
        """The account, expired or not; None when there is no such user or the password is not its. Raises RequestError
        503 when too many wait."""
        if len(username) > CREDENTIAL_CHARACTERS_MAX:
            return None
        account = self._accounts.by_username(username)
        return account if await self.is_right(account.secret_hash if account else None, password) else None

    async def is_right(self, kept: str | None, password: str) -> bool:
        """Whether the password is the one of a hash that is kept; of None it never is, and takes as long. Raises as
        `account`."""
        if len(password) > CREDENTIAL_CHARACTERS_MAX:
            return False
        compared = kept or passwords.NOBODYS_HASH
        digest = self._digest(compared, password)
        remembered = self._clock_s() < self._right.get(digest, float("-inf"))
        return (remembered or await self._verified(compared, password, digest)) and kept is not None

    def close(self) -> None:
        self._thread.close()

    async def _verified(self, kept: str, password: str, digest: bytes) -> bool:
        running = self._running.get(digest)
        if running is None:
            running = self._running[digest] = asyncio.create_task(self._verify(kept, password, digest))
            running.add_done_callback(lambda _: self._running.pop(digest))
        return await asyncio.shield(running)

    async def _verify(self, kept: str, password: str, digest: bytes) -> bool:
        # One that was right before is not kept out by a flood of wrong ones.
        right = await self._thread.run(lambda: passwords.verify(kept, password), queue=digest in self._right)
        if right:
            self._right.pop(digest, None)
            self._right[digest] = self._clock_s() + VERIFIED_S_MAX
            if len(self._right) > VERIFIED_REMEMBERED:
                self._right.pop(next(iter(self._right)))
        return right

    def _digest(self, kept: str, password: str) -> bytes:
        """Of the hash, too: its salt makes it the account's own, and it changes with the secret."""
        text = f"{kept}\0{password}".encode("utf-8", "surrogatepass")
        return blake2b(text, key=self._key, digest_size=32).digest()
