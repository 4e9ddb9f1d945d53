"""The parts of an expression as SQL of one kind at a time (`sql` has the types), with bound values.

`Parts` compiles each part once for each kind and answers what is asked of parts. `sql` has the rule of each node.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Final, TypeVar

from trackway.query.expressions.casts import FALSE, any_of
from trackway.query.expressions.rawjson import Raws, elements, is_raw
from trackway.query.expressions.scope import Column, Scope
from trackway.query.expressions.tokens import ExpressionError
from trackway.query.expressions.tree import Element, Node, Property
from trackway.query.expressions.values import Kind
from trackway.query.limits import EXPRESSION_ELEMENT_SQL_BYTES_MAX, EXPRESSION_SQL_BYTES_MAX

_Sql = TypeVar("_Sql", str, str | None)
SCALARS: Final = (Kind.BOOLEAN, Kind.NUMBER, Kind.STRING, Kind.DATETIME)
THERE: Final = (*SCALARS, Kind.LIST, Kind.OBJECT)
"""The kinds of a value that is there: neither null nor undefined."""
TYPES: Final = {Kind.BOOLEAN: "Bool", Kind.NUMBER: "Float64", Kind.STRING: "String", Kind.LIST: "String"}
_PARAMETER: Final = "where_"


class Parts(ABC):
    """The parts of one expression over the rows of `scope`. The values that their SQL binds go to `parameters`."""

    def __init__(self, scope: Scope, parameters: dict[str, Any]) -> None:
        self.scope = scope
        self._parameters = parameters
        bound = ((name, value) for name, value in parameters.items() if name.startswith(_PARAMETER))
        self._bound: dict[str, str] = {value: f"{{{name}:String}}" for name, value in bound}
        self._made: dict[tuple[Node, Kind], str | None] = {}

    @abstractmethod
    def rule(self, node: Node, kind: Kind) -> str | None:
        """The SQL of a part that can be of the kind, by the rule of its node."""

    # What is asked of a part

    def of(self, node: Node, kind: Kind) -> str | None:
        """The SQL of a part in rows where it is of a kind, NULL in others; None if it is NULL in every row."""
        key = node, kind
        if key not in self._made:
            self._made[key] = bounded(self.rule(node, kind), node) if node.can(kind) else None
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
        raw = self.raw(node)
        if raw is not None:
            return is_raw(raw, kind)
        if kind is Kind.UNDEFINED:
            return f"(NOT {self.is_one_of(node, (*THERE, Kind.NULL))})"
        sql = self.of(node, kind)
        return FALSE if sql is None else f"isNotNull({sql})"

    # Pieces of its SQL

    def surely(self, node: Node, kind: Kind) -> str:
        """The SQL of a part in rows where it is of a kind, a typed NULL if it never is."""
        return self.of(node, kind) or f"CAST(NULL, 'Nullable({TYPES[kind]})')"

    def elements(self, node: Node) -> str:
        """The raws of a list's elements, none if it is no list."""
        if isinstance(node, Property) and self.raw(node) is not None:
            return self._raws(node).elements(self.bind(node.name))
        return elements(self.raw(node) or f"ifNull({self.surely(node, Kind.LIST)}, '')")

    def within(self, sql: str, node: Node) -> str:
        """SQL that the store evaluates for each element of a list."""
        if len(sql) > EXPRESSION_ELEMENT_SQL_BYTES_MAX:
            raise _too_complex(node)
        return sql

    def column(self, node: Property) -> Column | None:
        """The column of a property that has one of its own."""
        return None if node.of_user else self.scope.columns.get(node.name)

    def raw(self, node: Node) -> str | None:
        """The raw of a part that has one."""
        if isinstance(node, Element):
            return element(node.number)
        if not isinstance(node, Property) or self.column(node) is not None:
            return None
        return self._raws(node).raw(self.bind(node.name))

    def _raws(self, node: Property) -> Raws:
        raws = self.scope.user if node.of_user else self.scope.properties
        if raws is None:
            raise _unknown('user["…"]', node)
        return raws

    def known(self, sql: str | None, name: str, node: Node) -> str:
        """SQL of the scope, if the scope has it. Raises ExpressionError."""
        if sql is None:
            raise _unknown(name, node)
        return sql

    def literal(self, value: bool | float | str) -> str:
        """SQL of a literal."""
        match value:
            case bool():
                return "true" if value else "false"
            case str():
                return self.bind(value)
        # A bound Float64 is read in a way that may miss the nearest double by one bit; JSON's reading is exact.
        return f"JSONExtractFloat({self.bind(repr(value))})"

    def bind(self, value: str) -> str:
        """A bound value. Equal values are bound once."""
        if value not in self._bound:
            name = f"{_PARAMETER}{len(self._parameters)}"
            self._parameters[name] = value
            self._bound[value] = f"{{{name}:String}}"
        return self._bound[value]


def bounded(sql: _Sql, node: Node) -> _Sql:
    """`sql` itself, if the store can parse it in time."""
    if sql is not None and len(sql) > EXPRESSION_SQL_BYTES_MAX:
        raise _too_complex(node)
    return sql


def _too_complex(node: Node) -> ExpressionError:
    return ExpressionError(f"too complex at character {node.position}", node.position)


def element(number: int) -> str:
    """The name of the current element of a list. `any` and `all` count from 1."""
    return f"_e{number}"


def _unknown(what: str, node: Node) -> ExpressionError:
    return ExpressionError(f"{what} cannot be asked for here, at character {node.position}", node.position)
