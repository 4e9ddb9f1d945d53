"""Compiles an expression to ClickHouse SQL with bound parameters. The SQL means the same as the interpreter.

A part of an expression may be of several kinds, but SQL has one type. So each part has SQL for one kind at a time: its
SQL *of a kind* is the value in rows where it is of that kind, and NULL in all others. Kinds that a part cannot have are
left out, so that `properties["a"] == "x"` is one comparison of two strings. The engine evaluates equal expressions
once, so repeated text costs nothing. Text that would grow by repetition is bound to a name.

SQL types: boolean Bool or UInt8; number Float64; string String; list String, the JSON text; datetime Int64, in
milliseconds; null and object 1. All of them Nullable.
"""

import json
from collections.abc import Iterable
from functools import singledispatchmethod
from typing import Any, TypeVar

from trackway.query.expressions.casts import (
    FALSE,
    any_of,
    cast,
    first_of,
    moment_of_literal,
    moment_of_number,
    moment_of_string,
    once,
    rounded,
)
from trackway.query.expressions.rawjson import Raws, elements, equal_elements, is_raw, of_raw
from trackway.query.expressions.scope import Column, Scope
from trackway.query.expressions.tokens import ExpressionError
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
from trackway.query.limits import EXPRESSION_ELEMENT_SQL_BYTES_MAX, EXPRESSION_SQL_BYTES_MAX

_Sql = TypeVar("_Sql", str, str | None)
_SCALARS = (Kind.BOOLEAN, Kind.NUMBER, Kind.STRING, Kind.DATETIME)
_THERE = (*_SCALARS, Kind.LIST, Kind.OBJECT)
_PARAMETER = "where_"


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
    return _Compiler(scope, parameters).fault(expression)


def of_kind(expression: Node, kind: Kind, scope: Scope, parameters: dict[str, Any]) -> str:
    """SQL of the expression's value in rows where it is of `kind`, NULL in all others (the module names the types)."""
    return _Compiler(scope, parameters).of(expression, kind) or "NULL"


class _Compiler:
    def __init__(self, scope: Scope, parameters: dict[str, Any]) -> None:
        self._scope = scope
        self._parameters = parameters
        bound = ((name, value) for name, value in parameters.items() if name.startswith(_PARAMETER))
        self._bound: dict[str, str] = {value: f"{{{name}:String}}" for name, value in bound}
        self._made: dict[tuple[Node, Kind], str | None] = {}

    # What is asked of a part

    def of(self, node: Node, kind: Kind) -> str | None:
        """The SQL of a part in rows where it is of a kind, NULL in others; None if it is NULL in every row."""
        key = node, kind
        if key not in self._made:
            self._made[key] = _bounded(self._of(node, kind), node) if node.can(kind) else None
        return self._made[key]

    def truth(self, node: Node) -> str:
        """Whether a part is true: never NULL."""
        sql = self.of(node, Kind.BOOLEAN)
        return FALSE if sql is None else sql if node.only(Kind.BOOLEAN) else f"ifNull({sql}, false)"

    def is_one_of(self, node: Node, kinds: Iterable[Kind]) -> str:
        """Whether a part is of one of some kinds: never NULL."""
        return any_of(found for kind in kinds if (found := self.is_of(node, kind)) != FALSE)

    def is_of(self, node: Node, kind: Kind) -> str:
        """Whether a part is of a kind: never NULL."""
        if not node.can(kind):
            return FALSE
        raw = self._raw(node)
        if raw is not None:
            return is_raw(raw, kind)
        if kind is Kind.UNDEFINED:
            return f"(NOT {self.is_one_of(node, (*_THERE, Kind.NULL))})"
        sql = self.of(node, kind)
        return FALSE if sql is None else f"isNotNull({sql})"

    def fault(self, node: Node) -> str:
        """The first position of all, 0 if all are booleans."""
        sql = ", ".join(f"{sql}, {position}" for position, sql in sorted(self.faults(node)))
        return _bounded(f"multiIf({sql}, 0)", node)

    def faults(self, node: Node) -> list[tuple[int, str]]:
        """Positions of operands that may be no booleans, each with SQL that is true in a row where it is none."""
        if isinstance(node, Quantifier):
            inside = [(position, self._exists(node, sql)) for position, sql in self.faults(node.condition)]
            return self.faults(node.list) + inside
        found = [fault for operand in node.operands for fault in self.faults(operand)]
        if isinstance(node, Junction):
            others = ((part, [kind for kind in Kind if part.can(kind) and kind not in TRUTH]) for part in node.parts)
            found += [(part.position, self.is_one_of(part, kinds)) for part, kinds in others if kinds]
        return found

    # What a part is in one kind

    @singledispatchmethod
    def _of(self, node: Node, kind: Kind) -> str | None:
        raise AssertionError(f"no rule for {type(node).__name__}")

    @_of.register
    def _(self, node: Literal, kind: Kind) -> str | None:
        return self._literal(node.value)

    @_of.register
    def _(self, node: ListLiteral, kind: Kind) -> str | None:
        return self._bind(json.dumps(node.values, ensure_ascii=False))

    @_of.register
    def _(self, node: Property, kind: Kind) -> str | None:
        column = self._column(node)
        if column is not None:
            return column.sql if column.kind is kind else None
        return of_raw(self._raw(node) or "", kind)

    @_of.register
    def _(self, node: Element, kind: Kind) -> str | None:
        return of_raw(_element(node.number), kind)

    @_of.register
    def _(self, node: EventTime, kind: Kind) -> str | None:
        return self._known(self._scope.time_ms, 'event["$time"]', node)

    @_of.register
    def _(self, node: EventName, kind: Kind) -> str | None:
        return self._known(self._scope.name, 'event["$name"]', node)

    @_of.register
    def _(self, node: OfNumber, kind: Kind) -> str | None:
        number = self._surely(node.operand, Kind.NUMBER)
        if node.operation == "round":
            return once(number, "_n", rounded)
        return f"(-{number})" if node.operation == "-" else f"{node.operation}({number})"

    @_of.register
    def _(self, node: Not, kind: Kind) -> str | None:
        if node.operand.kinds <= TRUTH:
            return f"(NOT {self.truth(node.operand)})"
        truth = self.of(node.operand, Kind.BOOLEAN)
        opposite = "NULL" if truth is None else f"NOT {truth}"
        return f"if({self.is_of(node.operand, Kind.UNDEFINED)}, true, {opposite})"

    @_of.register
    def _(self, node: Defined, kind: Kind) -> str | None:
        raw = self._raw(node.operand)
        return self.is_one_of(node.operand, _THERE) if raw is None else f"({raw} NOT IN ('', 'null'))"

    @_of.register
    def _(self, node: Length, kind: Kind) -> str | None:
        text = self.of(node.operand, Kind.STRING)
        characters = "NULL" if text is None else f"lengthUTF8({text})"
        if not node.operand.can(Kind.LIST):
            return f"toFloat64({characters})"
        listed = f"length({self._elements(node.operand)})"
        return f"toFloat64(if({self.is_of(node.operand, Kind.LIST)}, {listed}, {characters}))"

    @_of.register
    def _(self, node: DateTime, kind: Kind) -> str | None:
        if isinstance(node.operand, Literal):
            return moment_of_literal(node.operand.value)
        text, number = self.of(node.operand, Kind.STRING), self.of(node.operand, Kind.NUMBER)
        moments = [self.of(node.operand, Kind.DATETIME), text and moment_of_string(text)]
        return first_of([*moments, number and moment_of_number(number)])

    @_of.register
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
        forms = ((each, self.of(node.operand, each)) for each in _SCALARS)
        return first_of([cast(sql, each, node.to) for each, sql in forms if sql is not None])

    @_of.register
    def _(self, node: Arithmetic, kind: Kind) -> str | None:
        left, right = self._surely(node.left, kind), self._surely(node.right, kind)
        if kind is Kind.STRING:
            return f"concat({left}, {right})"
        return f"({left} {node.sign} {f'nullIf({right}, 0.)' if node.sign in '/%' else right})"

    @_of.register
    def _(self, node: Comparison, kind: Kind) -> str | None:
        pairs = self._pairs(node.left, node.right, (Kind.NUMBER, Kind.STRING))
        pairs += self._times(node.left, node.right)
        return first_of([f"({left} {node.sign} {right})" for left, right in pairs])

    @_of.register
    def _(self, node: Equality, kind: Kind) -> str | None:
        equal = self._equal(node.left, node.right)
        return f"(NOT {equal})" if node.negated else equal

    @_of.register
    def _(self, node: Membership, kind: Kind) -> str | None:
        if isinstance(node.right, ListLiteral):
            return self._is_listed(node.left, node.right)
        pairs = self._pairs(node.left, node.right, (Kind.STRING,))
        within = first_of([f"(position({right}, {left}) > 0)" for left, right in pairs])
        if not node.right.can(Kind.LIST):
            return within
        equal = self._within(self._equal(node.left, Element(node.position, _LISTED)), node)
        listed = f"arrayExists({_element(_LISTED)} -> {equal}, {self._elements(node.right)})"
        return f"if({self.is_of(node.right, Kind.LIST)}, {listed}, {within})"

    @_of.register
    def _(self, node: Affix, kind: Kind) -> str | None:
        left, right = self._surely(node.left, Kind.STRING), self._surely(node.right, Kind.STRING)
        return f"{'endsWith' if node.at_end else 'startsWith'}({left}, {right})"

    @_of.register
    def _(self, node: Junction, kind: Kind) -> str | None:
        return f"({f' {node.word.upper()} '.join(map(self.truth, node.parts))})"

    @_of.register
    def _(self, node: Quantifier, kind: Kind) -> str | None:
        condition = self._within(self.truth(node.condition), node)
        function = "arrayExists" if node.word == "any" else "arrayAll"
        found = f"{function}({_element(node.number)} -> {condition}, {self._elements(node.list)})"
        return f"if({self.is_of(node.list, Kind.LIST)}, {found}, NULL)"

    # Pieces

    def _equal(self, left: Node, right: Node) -> str:
        pairs = self._pairs(left, right, (Kind.BOOLEAN, Kind.NUMBER, Kind.STRING)) + self._times(left, right)
        alike = [f"ifNull({one} = {other}, false)" for one, other in pairs]
        if left.can(Kind.LIST) and right.can(Kind.LIST):
            lists = f"{self.is_of(left, Kind.LIST)} AND {self.is_of(right, Kind.LIST)}"
            alike.append(f"({lists} AND {equal_elements(self._elements(left), self._elements(right))})")
        alike += [f"(isNotNull({one}) AND isNotNull({other}))" for one, other in self._pairs(left, right, (Kind.NULL,))]
        if left.can(Kind.UNDEFINED) and right.can(Kind.UNDEFINED):
            alike.append(f"({self.is_of(left, Kind.UNDEFINED)} AND {self.is_of(right, Kind.UNDEFINED)})")
        return any_of(alike)

    def _is_listed(self, left: Node, right: ListLiteral) -> str:
        listed: list[str] = []
        by_kind = {kind: [value for value in right.values if type(value) is type_] for type_, kind in _LITERALS.items()}
        for kind, values in by_kind.items():
            value = self.of(left, kind)
            if values and value is not None:
                bound = self._bind(json.dumps(values, ensure_ascii=False))
                listed.append(f"has(JSONExtract({bound}, 'Array({_TYPES[kind]})'), {value})")
        time_ms = self.of(left, Kind.DATETIME)
        moments = [moment for text in by_kind[Kind.STRING] if (moment := moment_of_literal(text)) is not None]
        if moments and time_ms is not None:
            listed.append(f"has([{', '.join(moments)}], {time_ms})")
        return any_of(listed)

    def _pairs(self, left: Node, right: Node, kinds: Iterable[Kind]) -> list[tuple[str, str]]:
        """Both sides' SQL for each kind that both can be of."""
        pairs = ((self.of(left, kind), self.of(right, kind)) for kind in kinds)
        return [(one, other) for one, other in pairs if one is not None and other is not None]

    def _times(self, left: Node, right: Node) -> list[tuple[str, str]]:
        """Both sides' SQL in milliseconds, for each way in which both are times: one is a datetime, and the other a
        datetime or a string that spells one."""
        pairs = [(self.of(left, Kind.DATETIME), self.of(right, Kind.DATETIME))]
        pairs += [(self._seconds_ms(left), pairs[0][1]), (pairs[0][0], self._seconds_ms(right))]
        pairs += [(pairs[0][0], self._spelled_ms(right)), (self._spelled_ms(left), pairs[0][1])]
        return [(one, other) for one, other in pairs if one is not None and other is not None]

    def _seconds_ms(self, node: Node) -> str | None:
        """The event's seconds as a datetime."""
        column = self._column(node) if isinstance(node, Property) else None
        return column.time_ms if column is not None else None

    def _spelled_ms(self, node: Node) -> str | None:
        """A string as the datetime that it spells."""
        if isinstance(node, Literal):
            return moment_of_literal(node.value) if isinstance(node.value, str) else None
        text = self.of(node, Kind.STRING)
        return None if text is None else moment_of_string(text)

    def _surely(self, node: Node, kind: Kind) -> str:
        return self.of(node, kind) or f"CAST(NULL, 'Nullable({_TYPES[kind]})')"

    def _elements(self, node: Node) -> str:
        """The raws of a list's elements, none if it is no list."""
        if isinstance(node, Property) and self._raw(node) is not None:
            return self._raws(node).elements(self._bind(node.name))
        return elements(self._raw(node) or f"ifNull({self._surely(node, Kind.LIST)}, '')")

    def _exists(self, node: Quantifier, sql: str) -> str:
        return f"arrayExists({_element(node.number)} -> {self._within(sql, node)}, {self._elements(node.list)})"

    def _within(self, sql: str, node: Node) -> str:
        """SQL that the store evaluates for each element of a list."""
        if len(sql) > EXPRESSION_ELEMENT_SQL_BYTES_MAX:
            raise _too_complex(node)
        return sql

    def _column(self, node: Property) -> Column | None:
        return None if node.of_user else self._scope.columns.get(node.name)

    def _raw(self, node: Node) -> str | None:
        """The raw of a part that has one."""
        if isinstance(node, Element):
            return _element(node.number)
        if not isinstance(node, Property) or self._column(node) is not None:
            return None
        return self._raws(node).raw(self._bind(node.name))

    def _raws(self, node: Property) -> Raws:
        raws = self._scope.user if node.of_user else self._scope.properties
        if raws is None:
            raise _unknown('user["…"]', node)
        return raws

    def _known(self, sql: str | None, name: str, node: Node) -> str:
        if sql is None:
            raise _unknown(name, node)
        return sql

    def _literal(self, value: bool | float | str) -> str:
        match value:
            case bool():
                return "true" if value else "false"
            case str():
                return self._bind(value)
        # A bound Float64 is read in a way that may miss the nearest double by one bit; JSON's reading is exact.
        return f"JSONExtractFloat({self._bind(repr(value))})"

    def _bind(self, value: str) -> str:
        if value not in self._bound:
            name = f"{_PARAMETER}{len(self._parameters)}"
            self._parameters[name] = value
            self._bound[value] = f"{{{name}:String}}"
        return self._bound[value]


_LISTED = 0
"""The number of the current element in `in`; those of `any` and `all` begin with 1."""
_LITERALS = {bool: Kind.BOOLEAN, float: Kind.NUMBER, str: Kind.STRING}
_TYPES = {Kind.BOOLEAN: "Bool", Kind.NUMBER: "Float64", Kind.STRING: "String", Kind.LIST: "String"}


def _bounded(sql: _Sql, node: Node) -> _Sql:
    """`sql` itself, if the store can parse it in time."""
    if sql is not None and len(sql) > EXPRESSION_SQL_BYTES_MAX:
        raise _too_complex(node)
    return sql


def _too_complex(node: Node) -> ExpressionError:
    return ExpressionError(f"too complex at character {node.position}", node.position)


def _element(number: int) -> str:
    return f"_e{number}"


def _unknown(what: str, node: Node) -> ExpressionError:
    return ExpressionError(f"{what} cannot be asked for here, at character {node.position}", node.position)
