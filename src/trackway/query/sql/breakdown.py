"""The keys under which an event counts in a breakdown by an expression, as SQL.

A value counts under its text, as `string(x)` writes it. A list counts once under each of its elements, so the parts of
a breakdown may exceed the whole; an element that is a list or object counts under its JSON. Everything without a text
counts under `undefined`: absent values, null, objects, empty lists.
"""

from typing import Any, Final

from trackway.query.expressions import Expression, Kind, Scope, is_raw, of_kind
from trackway.query.expressions.rawjson import elements, named
from trackway.query.expressions.tree import Cast

UNDEFINED_KEY: Final = "undefined"
_TEXT_IS_RAW: Final = "^(true|false|0|-?[1-9][0-9]{0,14}|-?(0|[1-9][0-9]{0,9})[.][0-9]{0,3}[1-9])$"
"""A raw that is no string, and its own text: numbers of so few digits are written as they were sent."""


def breakdown_keys(
    expression: Expression, scope: Scope, parameters: dict[str, Any], *, with_undefined: bool = True
) -> str:
    """SQL of the keys of an event, an Array(String) of at least one; without `undefined`, of none where there is no
    value. The values that it binds go to `parameters`.

    Raises ExpressionError for a reference that the scope does not have, and for SQL that is too large.
    """
    text = of_kind(Cast(expression.position, expression, Kind.STRING, None), Kind.STRING, scope, parameters)
    single = f"[ifNull({text}, '{UNDEFINED_KEY}')]"
    if not with_undefined:
        single = f"if(isNull({text}), [], {single})"
    if not expression.can(Kind.LIST):
        return single
    listed = elements(f"ifNull({of_kind(expression, Kind.LIST, scope, parameters)}, '')")
    string, null = is_raw("_raw", Kind.STRING), is_raw("_raw", Kind.NULL)
    key = f"multiIf({string}, JSONExtractString(_raw), {null}, '{UNDEFINED_KEY}', _raw)"
    counted = "_listed" if with_undefined else f"arrayFilter(_raw -> NOT {null}, _listed)"
    keys = f"arrayDistinct(arrayMap(_raw -> {key}, {counted}))"
    return named("_listed", listed, f"if(empty(_listed), {single}, {keys})")


def plain_keys(raw: str, *, with_undefined: bool = True) -> str:
    """SQL of the same keys for a property whose raw is a column, where all its values are plain: texts without escapes,
    short numbers, booleans, or nothing. At any other value the statement fails with VALUE_REFUSED.

    The engine takes ten times as long to analyse what `breakdown_keys` gives, and longer than to count.
    """
    missing = f"({raw} IN ('', 'null') OR startsWith({raw}, '{{'))"
    in_quotes = f"startsWith({raw}, '\"') AND position({raw}, '\\\\') = 0, substring({raw}, 2, length({raw}) - 2)"
    as_it_is = f"match({raw}, '{_TEXT_IS_RAW}'), {raw}"
    key = f"{in_quotes}, {as_it_is}, toString(throwIf({raw} != '', 'a value is not plain'))"
    if with_undefined:
        return f"[multiIf({missing}, '{UNDEFINED_KEY}', {key})]"
    return f"if({missing}, [], [multiIf({missing}, '', {key})])"
