"""E-mail addresses that the server accepts: plain ASCII, so that each mail server takes them (RFC 5321)."""

import re
from typing import Final

_EMAIL: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)


def is_email(text: str, characters_max: int) -> bool:
    """Whether the text is an address of at most so many characters."""
    return len(text) <= characters_max and _EMAIL.fullmatch(text) is not None
