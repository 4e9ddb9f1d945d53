"""The filters of a flow's steps, an older form than those of other bookmarks, as filters of these."""

import re
from typing import Any, Final

import msgspec

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.documents import FilterClause
from trackway.edge.api.reports.bookmarks.strict_json import not_built

_RESOURCES: Final = {"properties": "events", "user": "people"}
_OF_TEXT: Final = {
    "==": "equals",
    "!=": "does not equal",
    "in": "contains",
    "not in": "does not contain",
    "set": "is set",
    "not set": "is not set",
}
_OF_NUMBER: Final = {
    "==": "equals",
    "!=": "does not equal",
    ">": "is greater than",
    "<": "is less than",
    ">=": "is at least",
    "<=": "is at most",
    "><": "is between",
    "!><": "not between",
    "is set": "is set",
    "is not set": "is not set",
}
_OF_DATE: Final = {
    "==": "was on",
    "!=": "was not on",
    ">": "was before",
    "<": "was since",
    "><": "was between",
    "!><": "was not between",
}
_AMERICAN: Final = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")


class _FilteredProperty(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    source: str = "properties"
    type: Any = None


class _Comparison(msgspec.Struct, forbid_unknown_fields=True):
    operator: str | None = None
    operand: Any = None
    unit: str | None = None


class StepFilter(msgspec.Struct, forbid_unknown_fields=True):
    """A filter of a step. Numbers are texts, days are MM/DD/YYYY, and `filter` is named by `type`."""

    property: _FilteredProperty
    filter: _Comparison
    type: str = "string"
    selected_property_type: str | None = None


def clause_of(asked: StepFilter, path: str) -> FilterClause:
    """The filter as one of other bookmarks. Raises RequestError 400, naming the field below `path`."""
    kind, compared = asked.selected_property_type or asked.type, asked.filter
    if asked.property.source not in _RESOURCES:
        raise not_built(f"{path}.property.source", asked.property.source)
    operator, value, unit = _condition(kind, compared, path)
    return FilterClause(
        value=asked.property.name,
        resourceType=_RESOURCES[asked.property.source],
        filterType=kind,
        filterOperator=operator,
        filterValue=value,
        filterDateUnit=unit,
    )


def _condition(kind: str, compared: _Comparison, path: str) -> tuple[str, Any, str | None]:
    operator, operand = compared.operator or "", compared.operand
    match kind:
        case "string" if operator in _OF_TEXT:
            return _OF_TEXT[operator], operand, None
        case "number" if operator in _OF_NUMBER:
            return _OF_NUMBER[operator], _numbers(operand, f"{path}.filter.operand"), None
        case "boolean" if operand in ("true", "false"):
            return operand, None, None
        case "datetime" if compared.unit is not None and operator == ">":
            return "was in the", operand, compared.unit.removesuffix("s")
        case "datetime" if compared.unit is None and operator in _OF_DATE:
            days = [_day(each) for each in operand] if isinstance(operand, list) else _day(operand)
            return _OF_DATE[operator], days, None
        case "string" | "number" | "boolean" | "datetime":
            raise not_built(f"{path}.filter.operator", compared.operator)
    raise not_built(f"{path}.type", kind)


def _numbers(operand: Any, path: str) -> Any:
    """Numbers of texts; an empty text is none."""
    if isinstance(operand, list):
        return [_numbers(each, path) for each in operand]
    if not isinstance(operand, str) or not operand:
        return operand
    try:
        return float(operand)
    except ValueError as error:
        raise RequestError(400, f"{path} must be a number, not {operand[:40]!r}") from error


def _day(text: Any) -> Any:
    """A day as yyyy-mm-dd, where it is MM/DD/YYYY."""
    found = _AMERICAN.fullmatch(text) if isinstance(text, str) else None
    return f"{found[3]}-{found[1]}-{found[2]}" if found else text
