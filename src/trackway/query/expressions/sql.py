"""Compiles an expression to ClickHouse SQL with bound parameters. The SQL means the same as the interpreter.

A part of an expression may be of several kinds, but SQL has one type. So each part has SQL for one kind at a time: its
SQL *of a kind* is the value in rows where it is of that kind, and NULL in all others. Kinds that a part cannot have are
left out, so that `properties["a"] == "x"` is one comparison of two strings. The engine evaluates equal expressions
once, so repeated text costs nothing. Text that would grow by repetition is bound to a name.

SQL types: boolean Bool or UInt8; number Float64; string String; list String, the JSON text; datetime Int64, in
milliseconds; null and object 1. All of them Nullable.

Here is the rule of each node. `sql_parts` answers what the rules ask of parts.
"""

import json
from functools import singledispatchmethod
from typing import Any, Final

from trackway.query.expressions.casts import (
    cast,
    first_of,
    moment_of_literal,
    moment_of_number,
    moment_of_string,
    once,
    rounded,
)
from trackway.query.expressions.rawjson import of_raw
from trackway.query.expressions.scope import Scope
from trackway.query.expressions.sql_equality import equal, is_listed, pairs, times
from trackway.query.expressions.sql_faults import first_fault
from trackway.query.expressions.sql_parts import SCALARS, THERE, Parts, element
from trackway.query.expressions.tree import (
    TRUTH,
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
    junction_parts,
)
from trackway.query.expressions.values import Kind

_LISTED: Final = 0
"""The number of the current element in `in`; those of `any` and `all` begin with 1."""


def condition(expression: Node, scope: Scope, parameters: dict[str, Any]) -> str:
    """SQL that is true in rows where the whole expression is true, else false. The values that it binds go to
    `parameters`.

    Raises ExpressionError for a reference that the scope does not have, and for SQL that is too large.
    """
    return _Compiler(scope, parameters).truth(expression)


def fault(expression: Node, scope: Scope, parameters: dict[str, Any]) -> str | None:
    """SQL of the position of the first operand of `and` or `or` that is no boolean in a row, or 0.

    None if no row can have such an operand. Raises as `condition` does.
    """
    if not any(part.kinds - TRUTH for part in junction_parts(expression)):
        return None
    return first_fault(_Compiler(scope, parameters), expression)


def of_kind(expression: Node, kind: Kind, scope: Scope, parameters: dict[str, Any]) -> str:
    """SQL of the expression's value in rows where it is of `kind`, NULL in all others (the module names the types)."""
    return _Compiler(scope, parameters).of(expression, kind) or "NULL"


class _Compiler(Parts):
    @singledispatchmethod
    def rule(self, node: Node, kind: Kind) -> str | None:
        raise AssertionError(f"no rule for {type(node).__name__}")

    @rule.register
    def _(self, node: Literal, kind: Kind) -> str | None:
        return self.literal(node.value)

    @rule.register
    def _(self, node: ListLiteral, kind: Kind) -> str | None:
        return self.bind(json.dumps(node.values, ensure_ascii=False))

    @rule.register
    def _(self, node: Property, kind: Kind) -> str | None:
        column = self.column(node)
        if column is not None:
            return column.sql if column.kind is kind else None
        return of_raw(self.raw(node) or "", kind)

    @rule.register
    def _(self, node: Element, kind: Kind) -> str | None:
        return of_raw(element(node.number), kind)

    @rule.register
    def _(self, node: EventTime, kind: Kind) -> str | None:
        return self.known(self.scope.time_ms, 'event["$time"]', node)

    @rule.register
    def _(self, node: EventName, kind: Kind) -> str | None:
        return self.known(self.scope.name, 'event["$name"]', node)

    @rule.register
    def _(self, node: OfNumber, kind: Kind) -> str | None:
        number = self.surely(node.operand, Kind.NUMBER)
        if node.operation == "round":
            return once(number, "_n", rounded)
        return f"(-{number})" if node.operation == "-" else f"{node.operation}({number})"

    @rule.register
    def _(self, node: Not, kind: Kind) -> str | None:
        if node.operand.kinds <= TRUTH:
            return f"(NOT {self.truth(node.operand)})"
        truth = self.of(node.operand, Kind.BOOLEAN)
        opposite = "NULL" if truth is None else f"NOT {truth}"
        return f"if({self.is_of(node.operand, Kind.UNDEFINED)}, true, {opposite})"

    @rule.register
    def _(self, node: Defined, kind: Kind) -> str | None:
        raw = self.raw(node.operand)
        return self.is_one_of(node.operand, THERE) if raw is None else f"({raw} NOT IN ('', 'null'))"

    @rule.register
    def _(self, node: Length, kind: Kind) -> str | None:
        text = self.of(node.operand, Kind.STRING)
        characters = "NULL" if text is None else f"lengthUTF8({text})"
        if not node.operand.can(Kind.LIST):
            return f"toFloat64({characters})"
        listed = f"length({self.elements(node.operand)})"
        return f"toFloat64(if({self.is_of(node.operand, Kind.LIST)}, {listed}, {characters}))"

    @rule.register
    def _(self, node: DateTime, kind: Kind) -> str | None:
        if isinstance(node.operand, Literal):
            return moment_of_literal(node.operand.value)
        text, number = self.of(node.operand, Kind.STRING), self.of(node.operand, Kind.NUMBER)
        moments = [self.of(node.operand, Kind.DATETIME), text and moment_of_string(text)]
        return first_of([*moments, number and moment_of_number(number)])

    @rule.register
    def _(self, node: Cast, kind: Kind) -> str | None:
        if node.default is None:
            return self._cast(node, kind)
        own, other = self.of(node.plain, kind), self.of(node.default, kind)
        if other is None or not node.plain.can(Kind.UNDEFINED):
            return own
        if node.plain.only(kind, Kind.UNDEFINED):
            return first_of([own, other])
        return f"if({self.is_of(node.plain, Kind.UNDEFINED)}, {other}, {own or 'NULL'})"

    def _cast(self, node: Cast, kind: Kind) -> str | None:
        if kind is Kind.NULL:
            return self.of(node.operand, Kind.NULL)
        forms = ((each, self.of(node.operand, each)) for each in SCALARS)
        return first_of([cast(sql, each, node.to) for each, sql in forms if sql is not None])

    @rule.register
    def _(self, node: Arithmetic, kind: Kind) -> str | None:
        left, right = self.surely(node.left, kind), self.surely(node.right, kind)
        if kind is Kind.STRING:
            return f"concat({left}, {right})"
        return f"({left} {node.sign} {f'nullIf({right}, 0.)' if node.sign in '/%' else right})"

    @rule.register
    def _(self, node: Comparison, kind: Kind) -> str | None:
        comparable = pairs(self, node.left, node.right, (Kind.NUMBER, Kind.STRING))
        comparable += times(self, node.left, node.right)
        return first_of([f"({left} {node.sign} {right})" for left, right in comparable])

    @rule.register
    def _(self, node: Equality, kind: Kind) -> str | None:
        same = equal(self, node.left, node.right)
        return f"(NOT {same})" if node.negated else same

    @rule.register
    def _(self, node: Membership, kind: Kind) -> str | None:
        if isinstance(node.right, ListLiteral):
            return is_listed(self, node.left, node.right)
        texts = pairs(self, node.left, node.right, (Kind.STRING,))
        within = first_of([f"(position({right}, {left}) > 0)" for left, right in texts])
        if not node.right.can(Kind.LIST):
            return within
        same = self.within(equal(self, node.left, Element(node.position, _LISTED)), node)
        listed = f"arrayExists({element(_LISTED)} -> {same}, {self.elements(node.right)})"
        return f"if({self.is_of(node.right, Kind.LIST)}, {listed}, {within})"

    @rule.register
    def _(self, node: Affix, kind: Kind) -> str | None:
        left, right = self.surely(node.left, Kind.STRING), self.surely(node.right, Kind.STRING)
        return f"{'endsWith' if node.at_end else 'startsWith'}({left}, {right})"

    @rule.register
    def _(self, node: Junction, kind: Kind) -> str | None:
        return f"({f' {node.word.upper()} '.join(map(self.truth, node.parts))})"

    @rule.register
    def _(self, node: Quantifier, kind: Kind) -> str | None:
        condition = self.within(self.truth(node.condition), node)
        function = "arrayExists" if node.word == "any" else "arrayAll"
        found = f"{function}({element(node.number)} -> {condition}, {self.elements(node.list)})"
        return f"if({self.is_of(node.list, Kind.LIST)}, {found}, NULL)"
