"""The order in which a profile query gives profiles, as SQL.

One property orders profiles, and it may be of several kinds. Booleans come first, then numbers, then strings by code
point, then lists and objects by their text. Profiles without the property, or with null, come last in either direction.
Equal profiles are in the order of their ids.
"""

from typing import Any, NamedTuple

from trackway.query.expressions import ExpressionError, Kind, Literal, Property, Scope, is_raw, of_raw, parse

_COMPARED_BYTES_MAX = 1024
"""Lists and objects are compared by so many bytes; strings are shorter."""
_KINDS = (Kind.BOOLEAN, Kind.NUMBER, Kind.STRING, Kind.LIST, Kind.OBJECT)


class Order(NamedTuple):
    """The property that orders profiles; `descending` begins with the largest value."""

    name: str
    descending: bool = False


def sort_property(text: str) -> str:
    """The property that a `sort_key` names, as it is or as `properties["name"]`. Raises ExpressionError."""
    try:
        tree = parse(text)
    except ExpressionError:
        if text.lstrip().startswith(("properties[", "user[")):
            raise
        return text
    if isinstance(tree, Property):
        return tree.name
    if isinstance(tree, Literal):
        return tree.value if isinstance(tree.value, str) else text
    raise ExpressionError('expected a name or properties["name"] at character 1', 1)


def order_sql(order: Order, scope: Scope, parameters: dict[str, Any]) -> str:
    """The beginning of an ORDER BY. The values that it binds go to `parameters`."""
    direction = "DESC" if order.descending else "ASC"
    if order.name in scope.columns:
        return f"{scope.columns[order.name].sql} {direction}"
    parameters["sort_key"] = order.name
    raw = scope.properties.raw("{sort_key:String}")
    kinds = ", ".join(f"{is_raw(raw, kind)}, {rank}" for rank, kind in enumerate(_KINDS))
    rank = f"multiIf({kinds}, NULL)"
    number = f"coalesce({of_raw(raw, Kind.NUMBER)}, toFloat64({of_raw(raw, Kind.BOOLEAN)}))"
    text = f"multiIf({is_raw(raw, Kind.STRING)}, JSONExtractString({raw}), {rank} > 2, {raw}, '')"
    text = f"substring({text}, 1, {_COMPARED_BYTES_MAX})"
    return ", ".join(f"{value} {direction} NULLS LAST" for value in (rank, number, text))
