"""SQL of equality: which kinds of two parts compare with each other, and how."""

import json
from collections.abc import Iterable
from typing import Final

from trackway.query.expressions.casts import any_of, moment_of_literal, moment_of_string
from trackway.query.expressions.rawjson import equal_elements
from trackway.query.expressions.sql_parts import TYPES, Parts
from trackway.query.expressions.tree import ListLiteral, Literal, Node, Property
from trackway.query.expressions.values import Kind

_LITERALS: Final = {bool: Kind.BOOLEAN, float: Kind.NUMBER, str: Kind.STRING}


def equal(parts: Parts, left: Node, right: Node) -> str:
    """Whether two parts are equal: never NULL."""
    comparable = pairs(parts, left, right, (Kind.BOOLEAN, Kind.NUMBER, Kind.STRING)) + times(parts, left, right)
    alike = [f"ifNull({one} = {other}, false)" for one, other in comparable]
    if left.can(Kind.LIST) and right.can(Kind.LIST):
        lists = f"{parts.is_of(left, Kind.LIST)} AND {parts.is_of(right, Kind.LIST)}"
        alike.append(f"({lists} AND {equal_elements(parts.elements(left), parts.elements(right))})")
    alike += [f"(isNotNull({one}) AND isNotNull({other}))" for one, other in pairs(parts, left, right, (Kind.NULL,))]
    if left.can(Kind.UNDEFINED) and right.can(Kind.UNDEFINED):
        alike.append(f"({parts.is_of(left, Kind.UNDEFINED)} AND {parts.is_of(right, Kind.UNDEFINED)})")
    return any_of(alike)


def is_listed(parts: Parts, left: Node, right: ListLiteral) -> str:
    """Whether a part equals an element of a list: never NULL."""
    listed: list[str] = []
    by_kind = {kind: [value for value in right.values if type(value) is type_] for type_, kind in _LITERALS.items()}
    for kind, values in by_kind.items():
        value = parts.of(left, kind)
        if values and value is not None:
            bound = parts.bind(json.dumps(values, ensure_ascii=False))
            listed.append(f"has(JSONExtract({bound}, 'Array({TYPES[kind]})'), {value})")
    time_ms = parts.of(left, Kind.DATETIME)
    moments = [moment for text in by_kind[Kind.STRING] if (moment := moment_of_literal(text)) is not None]
    if moments and time_ms is not None:
        listed.append(f"has([{', '.join(moments)}], {time_ms})")
    return any_of(listed)


def pairs(parts: Parts, left: Node, right: Node, kinds: Iterable[Kind]) -> list[tuple[str, str]]:
    """Both sides' SQL for each kind that both can be of."""
    found = ((parts.of(left, kind), parts.of(right, kind)) for kind in kinds)
    return [(one, other) for one, other in found if one is not None and other is not None]


def times(parts: Parts, left: Node, right: Node) -> list[tuple[str, str]]:
    """Both sides' SQL in milliseconds, for each way in which both are times: one is a datetime, and the other a
    datetime or a string that spells one."""
    one, other = parts.of(left, Kind.DATETIME), parts.of(right, Kind.DATETIME)
    found = [(one, other), (_seconds_ms(parts, left), other), (one, _seconds_ms(parts, right))]
    found += [(one, _spelled_ms(parts, right)), (_spelled_ms(parts, left), other)]
    return [(one, other) for one, other in found if one is not None and other is not None]


def _seconds_ms(parts: Parts, node: Node) -> str | None:
    """The event's seconds as a datetime."""
    column = parts.column(node) if isinstance(node, Property) else None
    return column.time_ms if column is not None else None


def _spelled_ms(parts: Parts, node: Node) -> str | None:
    """A string as the datetime that it spells."""
    if isinstance(node, Literal):
        return moment_of_literal(node.value) if isinstance(node.value, str) else None
    text = parts.of(node, Kind.STRING)
    return None if text is None else moment_of_string(text)
