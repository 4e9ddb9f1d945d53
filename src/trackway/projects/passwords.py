"""Secrets of service accounts: random, stored as argon2id hashes, and verified.

Hashing is slow on purpose (some 50 ms and 19 MiB each, OWASP's minimum for argon2id), so nothing here may run in an
event loop. A plain hash would protect a secret of 128 random bits, too. argon2id protects passwords that people chose
or copied. Its cost is rare, since edge processes remember the secrets that they verified.
"""

import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SECRET_HEX_DIGITS: Final = 32
"""Length of a service account's secret: 128 random bits in hexadecimal."""

NOBODYS_HASH: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$YuGYE1k0W0ijsmM/ikEy1A$RgD8m6/gn+TmXXCDWKlrhs0/ca2IIxAFXGA0+QyBH9M"
)
"""The hash that an unknown user's secret is compared with, so that it takes as long as for a known user. It is of a
random secret that was thrown away."""

_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)


def new_secret() -> str:
    return secrets.token_hex(SECRET_HEX_DIGITS // 2)


def hash_secret(secret: str) -> str:
    """The hash to store, with its salt and its parameters (PHC string format)."""
    return _hasher.hash(secret)


def verify(kept: str, secret: str) -> bool:
    """Whether the secret has this hash. The time depends on neither."""
    try:
        return _hasher.verify(kept, secret)
    except (VerificationError, InvalidHashError):
        return False
