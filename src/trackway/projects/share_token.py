"""The tokens of links that share something, and what a link shows. Pure, but for the random bits of a new token.

A token is 256 random bits, so nobody finds one by trying. Only its hash is stored: a copy of the database opens no
link. A look-up compares hashes, so its time shows nothing about a token.
"""

import re
import secrets
from hashlib import sha256
from typing import Final, Literal, NamedTuple, Self

_BYTES: Final = 32
_TOKEN: Final = re.compile("[A-Za-z0-9_-]{43}")
_TARGET: Final = re.compile("(report|dashboard) ([0-9]{1,10})")


class Target(NamedTuple):
    """What a link shows: a saved report or a dashboard, by its id."""

    kind: Literal["report", "dashboard"]
    number: int

    @classmethod
    def of(cls, text: str) -> Self | None:
        """The target that `str` wrote. None for any other text."""
        found = _TARGET.fullmatch(text)
        if found is None:
            return None
        return cls("report" if found[1] == "report" else "dashboard", int(found[2]))

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


def new_token() -> str:
    """A token for an address, 43 characters."""
    return secrets.token_urlsafe(_BYTES)


def hash_of(token: str) -> str:
    """The hash by which a token is stored and found, 64 hexadecimal digits. "" for a text that can be no token."""
    return sha256(token.encode()).hexdigest() if _TOKEN.fullmatch(token) else ""
