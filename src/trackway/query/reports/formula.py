"""Formulas over series: arithmetic with letters, such as `(B / A) * 100`.

`A` is the first operand, `Z` the 26th, `BA` the 27th. There are `+ - * / ^`, parentheses and numbers. After `^` comes a
letter, a number or a parenthesis. `^` binds tighter than a sign; equal operators apply from left to right.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from trackway.query.limits import FORMULA_BYTES_MAX, FORMULA_DEPTH_MAX

_IGNORED: Final = " \t"
_DIGITS: Final = "[0-9](?:_?[0-9])*"
_TOKEN: Final = re.compile(
    rf"[ \t]*(?:(?P<number>(?:{_DIGITS}(?:\.{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>[-+*/^()]))"
)
_APPLIED: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": math.pow,
}
_LETTERS: Final = 26


class FormulaError(ValueError):
    """A formula that cannot be read. `str` says where and why."""


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


class Formula:
    """A formula in postfix order. `operands` is the number of series that it needs."""

    def __init__(self, text: str) -> None:
        """Raises FormulaError."""
        if len(text.encode(errors="surrogatepass")) > FORMULA_BYTES_MAX:
            raise FormulaError(f"is longer than {FORMULA_BYTES_MAX} bytes")
        self._steps = _Parser(_tokens(text)).whole()
        self.operands = max((each + 1 for each in self._steps if isinstance(each, int)), default=0)

    def value(self, values: Sequence[float | None]) -> float | None:
        """The value for one value of each operand; None where an operand is None, and for a division by zero or a
        result that is no number."""
        stack: list[float] = []
        for step in self._steps:
            match step:
                case int():
                    number = values[step]
                    if number is None:
                        return None
                    stack.append(float(number))
                case float():
                    stack.append(step)
                case "neg":
                    stack.append(-stack.pop())
                case str():
                    right, left = stack.pop(), stack.pop()
                    try:
                        stack.append(_APPLIED[step](left, right))
                    except (ArithmeticError, ValueError):
                        return None
        return stack[0] if math.isfinite(stack[0]) else None


def _tokens(text: str) -> list[_Token]:
    found, at, end = [], 0, len(text.rstrip(_IGNORED))
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            unread = text[at:].lstrip(_IGNORED)
            raise FormulaError(f"has an unexpected character {unread[:1]!r} at position {len(text) - len(unread)}")
        kind = str(match.lastgroup)
        found.append(_Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return found


class _Parser:
    """Reads the words from left to right, never back. A step is a number, the index of an operand, or an operator."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._steps: list[float | int | str] = []

    def whole(self) -> list[float | int | str]:
        self._sum(0)
        if self._at < len(self._tokens):
            raise self._unexpected()
        return self._steps

    def _next_is(self, signs: Sequence[str]) -> str:
        """The next sign, and past it, if it is one of these; else ''."""
        if self._at < len(self._tokens) and self._tokens[self._at].text in signs:
            self._at += 1
            return self._tokens[self._at - 1].text
        return ""

    def _sum(self, depth: int) -> None:
        if depth > FORMULA_DEPTH_MAX:
            raise FormulaError(f"has more than {FORMULA_DEPTH_MAX} levels")
        self._product(depth)
        while sign := self._next_is(("+", "-")):
            self._product(depth)
            self._steps.append(sign)

    def _product(self, depth: int) -> None:
        self._factor(depth)
        while sign := self._next_is(("*", "/")):
            self._factor(depth)
            self._steps.append(sign)

    def _factor(self, depth: int) -> None:
        negative = False
        while self._next_is(("-",)):
            negative = not negative
        self._atom(depth)
        while self._next_is(("^",)):
            self._atom(depth)
            self._steps.append("^")
        if negative:
            self._steps.append("neg")

    def _atom(self, depth: int) -> None:
        if self._next_is(("(",)):
            self._sum(depth + 1)
            if not self._next_is((")",)):
                raise self._unexpected()
            return
        if self._at == len(self._tokens) or self._tokens[self._at].kind == "sign":
            raise self._unexpected()
        kind, text, position = self._tokens[self._at]
        self._at += 1
        self._steps.append(float(text.replace("_", "")) if kind == "number" else _index(text, position))

    def _unexpected(self) -> FormulaError:
        if self._at == len(self._tokens):
            return FormulaError("is incomplete")
        token = self._tokens[self._at]
        return FormulaError(f"has an unexpected token {token.text[:40]!r} at position {token.position}")


def _index(name: str, position: int) -> int:
    if not re.fullmatch("[A-Z]{1,2}", name):
        raise FormulaError(f"has the name {name[:40]!r} at position {position}, not a letter of an operand")
    index = 0
    for letter in name:
        index = index * _LETTERS + ord(letter) - ord("A")
    return index
