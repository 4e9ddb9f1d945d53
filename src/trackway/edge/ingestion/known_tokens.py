"""A quick search for a known token, before any record of a text is parsed.

A body costs its sender next to nothing: compressed, it may be a thousandth of what the server unpacks and parses. So a
text without a known token is dropped early. The search takes a nanosecond a byte. The token may be anywhere in the
text, so a hit is no proof that a record belongs to that project. But a text without a hit has no record of any project,
unless its client spells `token` with escapes, which no client does.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from trackway.edge.limits import UNKNOWN_TOKENS_MAX

_NAME = b'token"'
_VALUE = re.compile(rb'\s*+:\s*+"([^"\\]{1,64})"')
"""What follows the name of an event's `token`, or of a profile update's `$token`."""


class Named(NamedTuple):
    """`is_known`: the text has a token of a project. `names`: the number of members called `token` before it."""

    is_known: bool
    names: int


def tokens_named(text: bytes, is_known: Callable[[str], bool]) -> Named:
    """Search for a known token among the first UNKNOWN_TOKENS_MAX members that are called `token`."""
    names = 0
    looked_at: set[str] = set()
    for token in _tokens(text):
        if token and token not in looked_at:
            if is_known(token):
                return Named(True, names)
            looked_at.add(token)
        names += 1
    return Named(False, names)


def first_token(text: bytes) -> str:
    """The first token of the text, '' for none."""
    return next(filter(None, _tokens(text)), "")


def _tokens(text: bytes) -> Iterator[str]:
    """The value of each member called `token`, '' where it can be no token."""
    at = 0
    for _ in range(UNKNOWN_TOKENS_MAX):
        at = text.find(_NAME, at)
        if at < 0:
            return
        at += len(_NAME)
        value = _VALUE.match(text, at)
        yield value[1].decode("latin-1") if value else ""
