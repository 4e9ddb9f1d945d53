"""The nodes of a parsed expression. Each knows its position and the kinds of value it can have.

The kinds are known before any row is read: `1 < 2` is a boolean, `properties["a"]` may be any kind of JSON. With them
the parser refuses expressions that are wrong in every row, and the compiler leaves out cases that cannot occur.
"""

from dataclasses import dataclass
from functools import cached_property

from trackway.query.expressions.values import Kind

Kinds = frozenset[Kind]

_JSON = frozenset(Kind) - {Kind.UNDEFINED, Kind.DATETIME}
TRUTH = frozenset({Kind.BOOLEAN, Kind.UNDEFINED})
"""The kinds that `and` and `or` accept."""
EVENT_TIMES = ("$time", "time")
"""The event's time among its properties: a datetime, and seconds, which also compare with a datetime. In profiles these
are names like any other."""
COMPARABLE = (
    (Kind.NUMBER, Kind.NUMBER),
    (Kind.STRING, Kind.STRING),
    (Kind.DATETIME, Kind.DATETIME),
    (Kind.DATETIME, Kind.STRING),
    (Kind.STRING, Kind.DATETIME),
)
"""The kinds that `> >= < <=` compare. A string beside a datetime must spell one."""
_SURE = {
    Kind.STRING: frozenset({Kind.STRING, Kind.NUMBER, Kind.BOOLEAN}),
    Kind.NUMBER: frozenset({Kind.NUMBER, Kind.BOOLEAN, Kind.DATETIME}),
    Kind.BOOLEAN: frozenset({Kind.NUMBER, Kind.BOOLEAN}),
}
"""The kinds of which every value can be cast to a kind. Some strings can be cast, too."""


@dataclass(frozen=True, eq=False)
class Node:
    """A part of an expression; `position` is the character where it begins, counted from 1."""

    position: int

    @property
    def operands(self) -> tuple["Node", ...]:
        """Its parts, in the order of the text."""
        return ()

    @cached_property
    def kinds(self) -> Kinds:
        """The kinds its value can have."""
        raise NotImplementedError

    @cached_property
    def depth(self) -> int:
        """The number of levels of nodes."""
        return 1 + max((operand.depth for operand in self.operands), default=0)

    def can(self, kind: Kind) -> bool:
        return kind in self.kinds

    def only(self, *kinds: Kind) -> bool:
        """Whether it is of one of these kinds in every row."""
        return self.kinds <= set(kinds)


def _kinds(*kinds: Kind, undefined: bool) -> Kinds:
    return frozenset(kinds) | ({Kind.UNDEFINED} if undefined or not kinds else set())


@dataclass(frozen=True, eq=False)
class Literal(Node):
    value: bool | float | str

    @cached_property
    def kinds(self) -> Kinds:
        kind = {bool: Kind.BOOLEAN, float: Kind.NUMBER, str: Kind.STRING}[type(self.value)]
        return frozenset({kind})


@dataclass(frozen=True, eq=False)
class ListLiteral(Node):
    values: tuple[bool | float | str, ...]

    @cached_property
    def kinds(self) -> Kinds:
        return frozenset({Kind.LIST})


@dataclass(frozen=True, eq=False)
class Property(Node):
    """`properties["name"]`, or `user["name"]` where `of_user`."""

    of_user: bool
    name: str

    @property
    def may_be_time(self) -> bool:
        """Whether it is the event's time where the row is an event."""
        return not self.of_user and self.name in EVENT_TIMES

    @cached_property
    def kinds(self) -> Kinds:
        return _JSON | {Kind.UNDEFINED} | ({Kind.DATETIME} if self.may_be_time else set())


@dataclass(frozen=True, eq=False)
class EventTime(Node):
    @cached_property
    def kinds(self) -> Kinds:
        return frozenset({Kind.DATETIME})


@dataclass(frozen=True, eq=False)
class EventName(Node):
    @cached_property
    def kinds(self) -> Kinds:
        return frozenset({Kind.STRING})


@dataclass(frozen=True, eq=False)
class Element(Node):
    """The current element in the condition of an `any` or `all`, which has the same `number`."""

    number: int

    @cached_property
    def kinds(self) -> Kinds:
        return _JSON


@dataclass(frozen=True, eq=False)
class _Unary(Node):
    operand: Node

    @property
    def operands(self) -> tuple[Node, ...]:
        return (self.operand,)


@dataclass(frozen=True, eq=False)
class OfNumber(_Unary):
    """`-x`, `floor(x)`, `round(x)`, `ceil(x)`: a number of a number."""

    operation: str

    @cached_property
    def kinds(self) -> Kinds:
        return _kinds(*{Kind.NUMBER} & self.operand.kinds, undefined=not self.operand.only(Kind.NUMBER))


class Not(_Unary):
    @cached_property
    def kinds(self) -> Kinds:
        made = {Kind.BOOLEAN} if self.operand.kinds & TRUTH else set()
        return _kinds(*made, undefined=not self.operand.kinds <= TRUTH)


class Defined(_Unary):
    @cached_property
    def kinds(self) -> Kinds:
        return frozenset({Kind.BOOLEAN})


class Length(_Unary):
    @cached_property
    def kinds(self) -> Kinds:
        made = {Kind.NUMBER} if self.operand.kinds & {Kind.STRING, Kind.LIST} else set()
        return _kinds(*made, undefined=not self.operand.only(Kind.STRING, Kind.LIST))


class DateTime(_Unary):
    @cached_property
    def kinds(self) -> Kinds:
        made = {Kind.DATETIME} if self.operand.kinds & {Kind.STRING, Kind.NUMBER, Kind.DATETIME} else set()
        return _kinds(*made, undefined=not self.operand.only(Kind.DATETIME))


@dataclass(frozen=True, eq=False)
class Cast(_Unary):
    """`string(x)`, `number(x)`, `boolean(x)`; `default` is the value where the result is undefined."""

    to: Kind
    default: Node | None

    @property
    def operands(self) -> tuple[Node, ...]:
        return (self.operand,) if self.default is None else (self.operand, self.default)

    @cached_property
    def plain(self) -> "Cast":
        """The same without the default."""
        return Cast(self.position, self.operand, self.to, None)

    @cached_property
    def kinds(self) -> Kinds:
        if self.default is None:
            return self._plain_kinds()
        plain = self.plain.kinds
        return plain - {Kind.UNDEFINED} | self.default.kinds if Kind.UNDEFINED in plain else plain

    def _plain_kinds(self) -> Kinds:
        sure, kinds = _SURE[self.to], self.operand.kinds
        null = {Kind.NULL} & kinds if self.to is Kind.STRING else set()
        made = {self.to} if kinds & (sure | {Kind.STRING}) else set()
        # An infinite number has no text.
        infinite = self.to is Kind.STRING and Kind.NUMBER in kinds
        return _kinds(*made, *null, undefined=infinite or not kinds <= sure | null)


@dataclass(frozen=True, eq=False)
class _Binary(Node):
    left: Node
    right: Node

    @property
    def operands(self) -> tuple[Node, ...]:
        return self.left, self.right

    def both(self, kind: Kind) -> bool:
        """Whether both sides can be of a kind."""
        return self.left.can(kind) and self.right.can(kind)

    def both_only(self, kind: Kind) -> bool:
        return self.left.only(kind) and self.right.only(kind)


@dataclass(frozen=True, eq=False)
class Arithmetic(_Binary):
    """`+ - * / %`; `+` also joins strings."""

    sign: str

    @cached_property
    def kinds(self) -> Kinds:
        able = {Kind.NUMBER, Kind.STRING} if self.sign == "+" else {Kind.NUMBER}
        sure = self.sign not in "/%" and any(self.both_only(kind) for kind in able)
        return _kinds(*filter(self.both, able), undefined=not sure)


@dataclass(frozen=True, eq=False)
class Comparison(_Binary):
    """`> >= < <=`"""

    sign: str

    @cached_property
    def kinds(self) -> Kinds:
        able = any(self.left.can(one) and self.right.can(other) for one, other in COMPARABLE)
        sure = any(map(self.both_only, (Kind.NUMBER, Kind.STRING, Kind.DATETIME)))
        return _kinds(*{Kind.BOOLEAN} if able else set(), undefined=not sure)


@dataclass(frozen=True, eq=False)
class Equality(_Binary):
    """`==`, or `!=` where `negated`."""

    negated: bool

    @cached_property
    def kinds(self) -> Kinds:
        return frozenset({Kind.BOOLEAN})


class Membership(_Binary):
    """`in`"""

    @cached_property
    def kinds(self) -> Kinds:
        able = self.right.can(Kind.LIST) or self.both(Kind.STRING)
        sure = self.right.only(Kind.LIST) or self.both_only(Kind.STRING)
        return _kinds(*{Kind.BOOLEAN} if able else set(), undefined=not sure)


@dataclass(frozen=True, eq=False)
class Affix(_Binary):
    """Whether a string starts with another, or ends with it where `at_end`. The language has no word for it; filters of
    reports do."""

    at_end: bool

    @cached_property
    def kinds(self) -> Kinds:
        made = {Kind.BOOLEAN} if self.both(Kind.STRING) else set()
        return _kinds(*made, undefined=not self.both_only(Kind.STRING))


@dataclass(frozen=True, eq=False)
class Junction(Node):
    """`a and b and c`, or the same with `or`."""

    word: str
    parts: tuple[Node, ...]

    @property
    def operands(self) -> tuple[Node, ...]:
        return self.parts

    @cached_property
    def kinds(self) -> Kinds:
        return frozenset({Kind.BOOLEAN})


@dataclass(frozen=True, eq=False)
class Quantifier(Node):
    """`any(X, list, condition)`, or `all(…)`. In the condition X is `Element(number)`."""

    word: str
    number: int
    list: Node
    condition: Node

    @property
    def operands(self) -> tuple[Node, ...]:
        return self.list, self.condition

    @cached_property
    def kinds(self) -> Kinds:
        made = {Kind.BOOLEAN} if self.list.can(Kind.LIST) else set()
        return _kinds(*made, undefined=not self.list.only(Kind.LIST))


def user_properties(expression: Node) -> list[str]:
    """The names of the `user["…"]` in an expression, each once."""
    return list(dict.fromkeys(each.name for each in _references(expression) if each.of_user))


def event_properties(expression: Node) -> list[str]:
    """The names of the `properties["…"]` in an expression, each once."""
    return list(dict.fromkeys(each.name for each in _references(expression) if not each.of_user))


def _references(expression: Node) -> list[Property]:
    own = [expression] if isinstance(expression, Property) else []
    return [*own, *(each for operand in expression.operands for each in _references(operand))]


def junction_parts(expression: Node) -> list[Node]:
    """All operands of `and` and `or` in an expression."""
    own = expression.operands if isinstance(expression, Junction) else ()
    return [*own, *(part for operand in expression.operands for part in junction_parts(operand))]
