"""Secrets and passwords are hashed slowly on purpose. Tests that are not about that have argon2id hashes at its least
cost, which are a hundred times as fast. What made a hash is written in it, so each is verified as any other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from argon2 import PasswordHasher

from trackway.projects import passwords

REAL: Final = passwords._hasher
_QUICK: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, hash_len=32, salt_len=16)


@contextmanager
def quick_hashes() -> Iterator[None]:
    """What this process hashes from now on is hashed quickly, and so is what it compares with nobody's hash."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(passwords, "_hasher", _QUICK)
        patched.setattr(passwords, "NOBODYS_HASH", _QUICK.hash(passwords.new_secret()))
        yield
