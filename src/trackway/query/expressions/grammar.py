"""The grammar: the words of an expression become its tree, or an error that says where and what was expected.

From loosest to tightest: `or`, `and`, `not`, comparisons and `in`, `+ -`, `* / %`, the sign `-`. Operators of one level
apply from left to right. Length, depth and number of parts are bounded, so that any text is parsed or refused quickly.
"""

from collections.abc import Callable
from datetime import datetime

from trackway.query.expressions.interpreter import Row, evaluate
from trackway.query.expressions.tokens import ExpressionError, Form, Token, tokens
from trackway.query.expressions.tree import (
    TRUTH,
    Arithmetic,
    Cast,
    Comparison,
    DateTime,
    Defined,
    Element,
    Equality,
    EventName,
    EventTime,
    Junction,
    Length,
    ListLiteral,
    Literal,
    Membership,
    Node,
    Not,
    OfNumber,
    Property,
    Quantifier,
)
from trackway.query.expressions.values import UNDEFINED, Kind, kind_of, local_time, parse_moment, utc_text
from trackway.query.limits import EXPRESSION_BYTES_MAX, EXPRESSION_DEPTH_MAX, EXPRESSION_NODES_MAX

_CASTS = {"string": Kind.STRING, "number": Kind.NUMBER, "boolean": Kind.BOOLEAN}
_ROUNDINGS = ("floor", "round", "ceil")
_QUANTIFIERS = ("any", "all")
_OPERATORS = ("and", "or", "not", "in")
_TRUTHS = {"true": True, "false": False}
_SOURCES = ("properties", "user", "event")
_RESERVED = {*_CASTS, *_ROUNDINGS, *_QUANTIFIERS, *_OPERATORS, *_TRUTHS, *_SOURCES, "defined", "length", "datetime"}

_OF_LITERALS = (Arithmetic, Cast, DateTime, OfNumber)

_OR, _AND, _NOT, _COMPARED, _SUM, _PRODUCT = range(6)
_LEVELS = {"or": _OR, "and": _AND, "in": _COMPARED}
_LEVELS |= dict.fromkeys(("==", "!=", ">", ">=", "<", "<="), _COMPARED)
_LEVELS |= {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT}


Clock = Callable[[datetime], int]
"""The instant at which the clocks of a zone show a time, in milliseconds since the epoch."""


def parse(text: str, now_s: float | None = None, clock: Clock | None = None) -> Node:
    """The tree of a text. `NOW` in it is the number `now_s`, if that is given. In `datetime("…")` a time without a zone
    is one of `clock`, of UTC without that. Raises ExpressionError."""
    size = len(text.encode(errors="surrogatepass"))
    if size > EXPRESSION_BYTES_MAX:
        raise ExpressionError(f"longer than {EXPRESSION_BYTES_MAX} bytes", 1)
    return _Parser(list(tokens(text)), now_s, clock).whole()


class _Parser:
    """Reads the words from left to right, never back."""

    def __init__(self, words: list[Token], now_s: float | None, clock: Clock | None) -> None:
        self._words = words
        self._now_s = now_s
        self._clock = clock
        self._at = 0
        self._nodes = 0
        self._nesting = 0
        self._names: dict[str, int] = {}  # the names that `any` and `all` have given to elements
        self._quantifiers = 0

    def whole(self) -> Node:
        node = self._expression()
        if self._next.form is not Form.END:
            raise self._expected("an operator or the end")
        return node

    # Words

    @property
    def _next(self) -> Token:
        return self._words[self._at]

    @property
    def _keyword(self) -> str:
        """The next word, a name in lower case."""
        token = self._next
        return token.text.lower() if token.form is Form.NAME else token.text if token.form is Form.SIGN else ""

    def _take(self) -> Token:
        self._at += 1
        return self._words[self._at - 1]

    def _take_sign(self, sign: str) -> Token:
        if self._next.form is not Form.SIGN or self._next.text != sign:
            raise self._expected(f"'{sign}'")
        return self._take()

    def _take_string(self, what: str) -> str:
        if self._next.form is not Form.STRING:
            raise self._expected(what)
        return str(self._take().value)

    def _expected(self, what: str) -> ExpressionError:
        token = self._next
        return ExpressionError(f"expected {what} at character {token.position}, found {token.shown}", token.position)

    def _made(self, node: Node) -> Node:
        self._nodes += 1
        if self._nodes > EXPRESSION_NODES_MAX:
            raise ExpressionError(f"has more than {EXPRESSION_NODES_MAX} parts", node.position)
        if node.depth > EXPRESSION_DEPTH_MAX:
            raise self._too_deep(node.position)
        return node

    def _too_deep(self, position: int) -> ExpressionError:
        return ExpressionError(f"nested deeper than {EXPRESSION_DEPTH_MAX} at character {position}", position)

    # Operations

    def _expression(self, level: int = _OR) -> Node:
        """An expression of operators that bind at least as tightly as `level`."""
        self._nesting += 1
        if self._nesting > EXPRESSION_DEPTH_MAX:
            raise self._too_deep(self._next.position)
        node = self._prefixed()
        while (found := _LEVELS.get(self._keyword, -1)) >= level:
            node = self._junction(node) if found in (_OR, _AND) else self._made(self._binary(node, found))
        self._nesting -= 1
        return node

    def _prefixed(self) -> Node:
        position = self._next.position
        if self._keyword == "not":
            self._take()
            return self._made(Not(position, self._expression(_COMPARED)))
        if self._keyword == "-":
            self._take()
            return self._made(OfNumber(position, self._expression(_PRODUCT + 1), "-"))
        return self._made(self._primary())

    def _binary(self, left: Node, level: int) -> Node:
        sign = self._take().text.lower()
        right, position = self._expression(level + 1), left.position
        if sign in ("==", "!="):
            return Equality(position, left, right, sign == "!=")
        if level != _COMPARED:
            return Arithmetic(position, left, right, sign)
        node = Membership(position, left, right) if sign == "in" else Comparison(position, left, right, sign)
        _check_defined(node)
        return node

    def _junction(self, first: Node) -> Node:
        word, parts = self._keyword, [first]
        while self._keyword == word:
            self._take()
            parts.append(self._expression(_LEVELS[word] + 1))
        for part in parts:
            if not part.kinds & TRUTH:
                raise ExpressionError(
                    f"expected a boolean beside '{word}' at character {part.position}, found {_named(part)}",
                    part.position,
                )
        return self._made(Junction(first.position, word, tuple(parts)))

    # What operations are made on

    def _primary(self) -> Node:
        token, keyword = self._next, self._keyword
        if token.form in (Form.NUMBER, Form.STRING) or keyword in _TRUTHS:
            return Literal(token.position, self._literal())
        if keyword == "(":
            return self._parenthesis()
        if keyword == "[":
            return self._list()
        if token.form is Form.NAME and token.text in self._names:
            return Element(self._take().position, self._names[token.text])
        if token.form is Form.NAME and token.text in _SOURCES:
            return self._reference()
        if keyword in _RESERVED and keyword not in _OPERATORS:
            return self._call(keyword)
        if token.text == "NOW" and self._now_s is not None:
            return Literal(self._take().position, float(int(self._now_s)))
        if token.form is Form.NAME and keyword not in _RESERVED:
            raise ExpressionError(f"unknown name '{token.text[:40]}' at character {token.position}", token.position)
        raise self._expected("a value")

    def _parenthesis(self) -> Node:
        self._take()
        node = self._expression()
        self._take_sign(")")
        return node

    def _literal(self) -> bool | float | str:
        token = self._take()
        return _TRUTHS[token.text.lower()] if token.form is Form.NAME else token.value

    def _list(self) -> Node:
        position = self._take().position
        values: list[bool | float | str] = []
        while self._keyword != "]":
            if values:
                self._take_sign(",")
            values.append(self._list_value())
        self._take()
        return ListLiteral(position, tuple(values))

    def _list_value(self) -> bool | float | str:
        if self._keyword == "-":
            self._take()
            if self._next.form is not Form.NUMBER:
                raise self._expected("a number")
            return -float(self._take().value)
        if self._next.form not in (Form.NUMBER, Form.STRING) and self._keyword not in _TRUTHS:
            raise self._expected("a number, string, true or false in the list")
        return self._literal()

    def _reference(self) -> Node:
        token = self._take()
        self._take_sign("[")
        place = self._next
        name = self._take_string("a name in quotes")
        self._take_sign("]")
        if token.text != "event":
            return Property(token.position, token.text == "user", name)
        if name not in ("$time", "$name"):
            raise ExpressionError(
                f"expected '$time' or '$name' at character {place.position}, found {place.shown}", place.position
            )
        return EventTime(token.position) if name == "$time" else EventName(token.position)

    def _call(self, name: str) -> Node:
        position = self._take().position
        self._take_sign("(")
        node = self._quantifier(position, name) if name in _QUANTIFIERS else self._function(position, name)
        self._take_sign(")")
        return node

    def _function(self, position: int, name: str) -> Node:
        place = self._next.position
        operand = self._expression()
        if name in _CASTS:
            return Cast(position, operand, _CASTS[name], self._default())
        if name in _ROUNDINGS:
            return OfNumber(position, operand, name)
        if name == "datetime":
            self._check_datetime(operand, place)
            return DateTime(position, self._with_zone(operand))
        return Defined(position, operand) if name == "defined" else Length(position, operand)

    def _default(self) -> Node | None:
        if self._keyword != ",":
            return None
        self._take()
        return self._expression()

    def _check_datetime(self, operand: Node, place: int) -> None:
        text = operand.value if isinstance(operand, Literal) else None
        if isinstance(text, str) and parse_moment(text) is UNDEFINED:
            raise ExpressionError(
                f"expected a time such as '2026-01-31T00:00:00' at character {place}, found '{text[:40]}'", place
            )

    def _with_zone(self, operand: Node) -> Node:
        """The operand of `datetime`; a literal without a zone becomes one of the same instant in UTC."""
        text = operand.value if isinstance(operand, Literal) else None
        local = local_time(text) if isinstance(text, str) and self._clock is not None else None
        if local is None or self._clock is None:
            return operand
        return Literal(operand.position, utc_text(self._clock(local)))

    def _quantifier(self, position: int, word: str) -> Node:
        token = self._next
        if token.form is not Form.NAME or token.text.lower() in _RESERVED:
            raise self._expected("a name for the elements")
        self._take()
        self._take_sign(",")
        of = self._expression()
        self._take_sign(",")
        self._quantifiers += 1
        number, names = self._quantifiers, self._names
        self._names = {**names, token.text: number}
        condition = self._expression()
        self._names = names
        return Quantifier(position, word, number, of, condition)


def _named(node: Node) -> str:
    return " or ".join(f"a {kind.name.lower()}" for kind in Kind if node.can(kind))


def _check_defined(node: Comparison | Membership) -> None:
    """Refuse a comparison of two literals that is undefined, because it is undefined in every row."""
    if not all(map(_is_constant, node.operands)) or evaluate(node, Row({})) is not UNDEFINED:
        return
    sides = (kind_of(evaluate(side, Row({}))).name.lower() for side in node.operands)
    raise ExpressionError(
        f"expected values that can be compared at character {node.position}, found {' and '.join(sides)}", node.position
    )


def _is_constant(node: Node) -> bool:
    """Whether a part has literals only, and cheap operations."""
    literal = isinstance(node, Literal | ListLiteral)
    return literal or (isinstance(node, _OF_LITERALS) and all(map(_is_constant, node.operands)))
