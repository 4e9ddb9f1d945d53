"""Filters on a property as clients send them in the definition of a cohort, as expressions.

There are three forms. A node of a selector is `{"property":"user","value":"plan","operator":"==","operand":"pro"}`. A
filter of a report is `{"value":"amount","resourceType":"events","filterOperator":"is less than","filterValue":5}`. A
text is an expression. A node means the filter of a report with the same words.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from trackway.domain.errors import InvalidInput, RequestError
from trackway.edge.api.reports.bookmarks.filters import Calendar, filters_expression, read_filters
from trackway.query.expressions import Expression
from trackway.query.expressions.tree import Junction

_OPERATORS: Final = {
    "==": "equals",
    "!=": "does not equal",
    "in": "contains",
    "not in": "does not contain",
    ">": "is greater than",
    ">=": "is at least",
    "<": "is less than",
    "<=": "is at most",
    "defined": "is set",
    "not defined": "is not set",
}
"""Operators of a selector, in the words of filters."""
_DEPTH_MAX: Final = 16
_AT: Final = 1
"""The character of an expression that has no text."""


def profile_filter(node: Mapping[str, Any], calendar: Calendar) -> Expression:
    """A node of a selector on a property of a profile. Raises InvalidInput, naming the field."""
    return _selector(node, "people", calendar)


def event_filter(node: Any, read: Callable[[str], Expression], calendar: Calendar, depth: int = 0) -> Expression:
    """A filter of events: of any form, or several with `and` or `or` between them. `read` parses a text. Raises as
    `profile_filter`."""
    if isinstance(node, str):
        return read(node)
    if not isinstance(node, Mapping) or depth > _DEPTH_MAX:
        raise InvalidInput(f"selector must be a text or an object, of at most {_DEPTH_MAX} levels")
    if "children" in node:
        word, children = node.get("operator"), node["children"]
        if word not in ("and", "or") or not isinstance(children, list) or not children:
            raise InvalidInput("a selector with children needs the operator and or or, and at least one child")
        return Junction(_AT, word, tuple(event_filter(child, read, calendar, depth + 1) for child in children))
    if "filterOperator" in node:
        return _filter(node, calendar)
    return _selector(node, "people" if node.get("property") == "user" else "events", calendar)


def _selector(node: Mapping[str, Any], source: str, calendar: Calendar) -> Expression:
    operator = node.get("operator")
    if not isinstance(operator, str) or operator not in _OPERATORS:
        raise InvalidInput(f"operator must be one of {', '.join(_OPERATORS)}")
    filtered = {"resourceType": source, "value": node.get("value"), "filterType": node.get("type")}
    operand = {"filterOperator": _OPERATORS[operator], "filterValue": node.get("operand")}
    return _filter(filtered | operand, calendar)


def _filter(node: Mapping[str, Any], calendar: Calendar) -> Expression:
    try:
        found = filters_expression(read_filters([dict(node)], "selector"), None, calendar, "selector")
    except RequestError as error:
        raise InvalidInput(error.message) from error
    assert found is not None, "there is a filter"
    return found
