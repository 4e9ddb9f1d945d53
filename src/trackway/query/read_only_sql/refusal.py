"""The refusal of a statement, for the person who wrote it."""

from typing import Final

TOO_DEEP: Final = "query has too many levels of parentheses"


class SqlRefused(Exception):
    """A statement that is not asked. The text says what is not allowed, and what is."""
