"""One of a few words, which a person typed."""

from collections.abc import Sequence
from typing import TypeVar

from trackway.domain.errors import InvalidInput

Word = TypeVar("Word", bound=str)

_CHARACTERS_SHOWN = 40


def chosen(text: str, allowed: Sequence[Word], noun: str) -> Word:
    """The word. Raises InvalidInput, which names the words that are allowed."""
    for each in allowed:
        if text == each:
            return each
    raise InvalidInput(f"{noun} must be one of {', '.join(allowed)}, not {text[:_CHARACTERS_SHOWN]!r}")
