"""The meaning of an expression in Python: a row comes in, the value goes out.

The store computes the same from SQL (`sql.py`), and tests compare the two. The grammar uses it for constant parts.
Evaluation is strict: every part is evaluated in every row, whatever the other side of an `and` is.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import singledispatchmethod
from typing import Any, NamedTuple

from trackway.query.expressions import values
from trackway.query.expressions.tokens import ExpressionError
from trackway.query.expressions.tree import (
    Affix,
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
from trackway.query.expressions.values import UNDEFINED, Kind, Moment, Undefined, Value, kind_of

_OF_NUMBER: Mapping[str, Callable[[float], float]] = {
    "-": operator.neg,
    "floor": lambda number: float(math.floor(number)) if math.isfinite(number) else number,
    "ceil": lambda number: float(math.ceil(number)) if math.isfinite(number) else number,
    "round": values.rounded,
}
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": values.remainder,
}
_COMPARISON: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


class Lookup(NamedTuple):
    """A column of a lookup table: the property that is mapped to the table, and the column's values by key."""

    property: str
    values: Mapping[str, Value]


class Row(NamedTuple):
    """Everything that an expression refers to: JSON values by name (from `from_json`), the event's time and name.

    A row with a time is an event: its properties `$time` and `time` are that time, whatever the client sent there.
    `lookups` are columns of lookup tables among the properties, by name; `user_lookups` those of the user.
    """

    properties: Mapping[str, Value]
    user: Mapping[str, Value] = {}
    time: Moment | Undefined = UNDEFINED
    name: str = ""
    lookups: Mapping[str, Lookup] = {}
    user_lookups: Mapping[str, Lookup] = {}


def evaluate(expression: Node, row: Row) -> Value:
    """The value of an expression in a row. Raises ExpressionError for the first operand of `and` or `or` of a kind that
    these do not accept."""
    evaluation = _Evaluation(row)
    value = evaluation.of(expression)
    if evaluation.faults:
        position = min(evaluation.faults)
        raise ExpressionError(no_boolean(position), position)
    return value


def no_boolean(position: int) -> str:
    """The error for an operand that is no boolean in some row."""
    return f"expected a boolean at character {position}, found another type in some rows"


class _Evaluation:
    """The evaluation of one row. `faults` are the positions of operands that are no booleans; these count as false."""

    def __init__(self, row: Row) -> None:
        self._row = row
        self._elements: dict[int, Value] = {}
        self.faults: list[int] = []

    @singledispatchmethod
    def of(self, node: Node) -> Value:
        raise AssertionError(f"no rule for {type(node).__name__}")

    @of.register
    def _(self, node: Literal) -> Value:
        return node.value

    @of.register
    def _(self, node: ListLiteral) -> Value:
        return node.values

    @of.register
    def _(self, node: Property) -> Value:
        lookup = (self._row.user_lookups if node.of_user else self._row.lookups).get(node.name)
        if lookup is not None:
            return looked_up(self._own(replace(node, name=lookup.property)), lookup.values)
        return self._own(node)

    def _own(self, node: Property) -> Value:
        if node.may_be_time and isinstance(self._row.time, Moment):
            return self._row.time if node.name == "$time" else float(self._row.time.ms // 1000)
        return (self._row.user if node.of_user else self._row.properties).get(node.name, UNDEFINED)

    @of.register
    def _(self, node: EventTime) -> Value:
        return self._row.time

    @of.register
    def _(self, node: EventName) -> Value:
        return self._row.name

    @of.register
    def _(self, node: Element) -> Value:
        return self._elements[node.number]

    @of.register
    def _(self, node: OfNumber) -> Value:
        number = _number(self.of(node.operand))
        return UNDEFINED if number is None else _OF_NUMBER[node.operation](number)

    @of.register
    def _(self, node: Not) -> Value:
        value = self.of(node.operand)
        if value is UNDEFINED:
            return True
        return not value if isinstance(value, bool) else UNDEFINED

    @of.register
    def _(self, node: Defined) -> Value:
        return kind_of(self.of(node.operand)) not in (Kind.UNDEFINED, Kind.NULL)

    @of.register
    def _(self, node: Length) -> Value:
        value = self.of(node.operand)
        return float(len(value)) if isinstance(value, Sequence) and not isinstance(value, Moment) else UNDEFINED

    @of.register
    def _(self, node: DateTime) -> Value:
        value = self.of(node.operand)
        if isinstance(value, str):
            return values.parse_moment(value)
        number = _number(value)
        if number is not None:
            return values.moment_of_seconds(number)
        return value if isinstance(value, Moment) else UNDEFINED

    @of.register
    def _(self, node: Cast) -> Value:
        value = cast(node.to, self.of(node.operand))
        default = UNDEFINED if node.default is None else self.of(node.default)
        return default if value is UNDEFINED else value

    @of.register
    def _(self, node: Arithmetic) -> Value:
        left, right = self.of(node.left), self.of(node.right)
        if node.sign == "+" and isinstance(left, str) and isinstance(right, str):
            return left + right
        left, right = _number(left), _number(right)
        if left is None or right is None or (node.sign in "/%" and right == 0):
            return UNDEFINED
        return _ARITHMETIC[node.sign](left, right)

    @of.register
    def _(self, node: Comparison) -> Value:
        left, right = values.aligned(*self._sides(node))
        if kind_of(left) is not kind_of(right) or kind_of(left) not in (Kind.NUMBER, Kind.STRING, Kind.DATETIME):
            return UNDEFINED
        return _COMPARISON[node.sign](left, right)

    @of.register
    def _(self, node: Equality) -> Value:
        return values.equal(*self._sides(node)) is not node.negated

    def _sides(self, node: Comparison | Equality) -> tuple[Value, Value]:
        """Both sides; the event's seconds beside a datetime as a datetime."""
        left, right = self.of(node.left), self.of(node.right)
        if isinstance(left, Moment):
            return left, self._as_moment(node.right, right)
        return (self._as_moment(node.left, left) if isinstance(right, Moment) else left), right

    def _as_moment(self, node: Node, value: Value) -> Value:
        of_event = isinstance(node, Property) and node.may_be_time and isinstance(self._row.time, Moment)
        return values.moment_of_seconds(value) if of_event and isinstance(value, float) else value

    @of.register
    def _(self, node: Membership) -> Value:
        left, right = self.of(node.left), self.of(node.right)
        if isinstance(left, str) and isinstance(right, str):
            return left in right
        if kind_of(right) is not Kind.LIST:
            return UNDEFINED
        return any(values.equal(left, element) for element in _list(right))

    @of.register
    def _(self, node: Affix) -> Value:
        left, right = self.of(node.left), self.of(node.right)
        if not isinstance(left, str) or not isinstance(right, str):
            return UNDEFINED
        return left.endswith(right) if node.at_end else left.startswith(right)

    @of.register
    def _(self, node: Junction) -> Value:
        truths = [self._truth(part) for part in node.parts]
        return all(truths) if node.word == "and" else any(truths)

    def _truth(self, node: Node) -> bool:
        value = self.of(node)
        if value is not UNDEFINED and not isinstance(value, bool):
            self.faults.append(node.position)
        return value is True

    @of.register
    def _(self, node: Quantifier) -> Value:
        of = self.of(node.list)
        if kind_of(of) is not Kind.LIST:
            return UNDEFINED
        truths = []
        for element in _list(of):
            self._elements[node.number] = element
            truths.append(self.of(node.condition) is True)
        return any(truths) if node.word == "any" else all(truths)


def _number(value: Value) -> float | None:
    return value if isinstance(value, float) else None


def _list(value: Value) -> Sequence[Value]:
    assert isinstance(value, Sequence), "of kind list"
    return value


def looked_up(value: Value, found: Mapping[str, Value]) -> Value:
    """What a column of a lookup table has for a value, by its text; for a list, by the texts of its elements."""
    if kind_of(value) is not Kind.LIST:
        key = cast(Kind.STRING, value)
        return found.get(key, UNDEFINED) if isinstance(key, str) else UNDEFINED
    each = [UNDEFINED if kind_of(element) is Kind.LIST else looked_up(element, found) for element in _list(value)]
    if all(one is UNDEFINED for one in each):
        return UNDEFINED
    listed = (_list(one) if kind_of(one) is Kind.LIST else [None if one is UNDEFINED else one] for one in each)
    return [one for some in listed for one in some]


def cast(to: Kind, value: Value) -> Value:
    """`string(value)`, `number(value)` or `boolean(value)`."""
    if to is Kind.STRING:
        return _to_string(value)
    return _to_number(value) if to is Kind.NUMBER else _to_boolean(value)


def _to_string(value: Value) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return values.number_text(value)
    return value if value is None or isinstance(value, str) else UNDEFINED


def _to_number(value: Value) -> Value:
    if isinstance(value, bool | float):
        return float(value)
    if isinstance(value, Moment):
        return value.ms / 1000
    return values.parse_number(value) if isinstance(value, str) else UNDEFINED


def _to_boolean(value: Value) -> Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return value != 0
    return {"true": True, "false": False}.get(value, UNDEFINED) if isinstance(value, str) else UNDEFINED
