"""The words of an expression's text: names, numbers, strings and signs, each with its position.

Positions count characters from 1, and every error names one. This module checks the form of single words only.
"""

import math
import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

_WORD = re.compile(
    r"""(?P<blank>[ \t\r\n]+)
    |(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<name>[A-Za-z_][A-Za-z_0-9]*)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<sign>[=!<>]=|[-+*/%<>()\[\],])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"} | {sign: sign for sign in "\"'\\/"}


class ExpressionError(Exception):
    """The text is no expression, or refers to something unknown. `position` is the character, counted from 1."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class Form(Enum):
    """The form of a token."""

    NAME = auto()
    NUMBER = auto()
    STRING = auto()
    SIGN = auto()
    END = auto()


class Token(NamedTuple):
    """One word. `text` is as written; `value` is the value of a number or string."""

    form: Form
    text: str
    position: int
    value: float | str = ""

    @property
    def shown(self) -> str:
        """The token as an error names it."""
        return "end of text" if self.form is Form.END else f"'{self.text[:40]}'"


def tokens(text: str) -> Iterator[Token]:
    """The words of `text`, an END last. Raises ExpressionError for text that begins no word."""
    at = 0
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None:
            raise _no_word(text, at)
        word, position = match.group(), at + 1
        match match.lastgroup:
            case "number":
                yield Token(Form.NUMBER, word, position, _number(word, position))
            case "string":
                yield Token(Form.STRING, word, position, _string(word, position))
            case "name":
                yield Token(Form.NAME, word, position)
            case "sign":
                yield Token(Form.SIGN, word, position)
        at = match.end()
    yield Token(Form.END, "", len(text) + 1)


def _no_word(text: str, at: int) -> ExpressionError:
    if text[at] in "\"'":
        return ExpressionError(f"the string that begins at character {at + 1} does not end", at + 1)
    return ExpressionError(f"unexpected character '{text[at]}' at character {at + 1}", at + 1)


def _number(word: str, position: int) -> float:
    value = float(word)
    if math.isinf(value):
        raise ExpressionError(f"the number at character {position} is too large", position)
    return value


def _string(word: str, position: int) -> str:
    def unescaped(match: re.Match[str]) -> str:
        code, sign = match.groups()
        if code is not None:
            return chr(int(code, 16))
        if sign not in _ESCAPED:
            place = position + 1 + match.start()
            raise ExpressionError(f"unknown escape '\\{sign}' at character {place}", place)
        return _ESCAPED[sign]

    if "\\" not in word:
        return word[1:-1]
    try:
        # Two halves of a surrogate pair become one character; half of one stays alone and cannot be encoded.
        return _ESCAPE.sub(unescaped, word[1:-1]).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        raise ExpressionError(f"the string at character {position} holds half a surrogate pair", position) from error
