"""The filters of a report: conditions on properties, as rows of a form and as clauses of a bookmark."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final, NamedTuple

from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.report_fields import one_of, texts_of

OPERATORS: Final = {
    "is": "is",
    "is not": "is not",
    "contains": "contains",
    "above": "is greater than",
    "below": "is less than",
    "set": "is set",
    "not set": "is not set",
}
"""Words in the address of a page, and what a reader sees."""
WITHOUT_VALUE: Final = ("set", "not set")
_CLAUSES: Final = {
    "is": "equals",
    "is not": "does not equal",
    "contains": "contains",
    "above": "is greater than",
    "below": "is less than",
    "set": "is set",
    "not set": "is not set",
}
_BOOLEANS: Final = {"true": True, "false": False}


class Filter(NamedTuple):
    """A condition on a property of the event. `operator` is one of OPERATORS."""

    name: str
    operator: str
    value: str


NO_FILTER: Final = Filter("", "is", "")
"""An empty row of a form."""


def read_filters(query: QueryParams, of: str = "") -> list[Filter]:
    """The filters in the fields `where`, `is` and `value`, each followed by `of`. Rows without a name are left out.

    Raises RequestError 400 for a word that is no choice, and for a field that is too long.
    """
    columns = (texts_of(query, f"{name}{of}") for name in ("where", "is", "value"))
    found = [Filter(*row) for row in zip(*columns, strict=False) if row[0].strip()]
    for each in found:
        one_of(f"is{of}", each.operator, OPERATORS)
    return found


def filter_clause(given: Filter) -> Mapping[str, Any]:
    """The filter as a clause of a bookmark. Raises RequestError 400 for a value that does not fit the operator."""
    condition = {"value": given.name, "resourceType": "events", "filterOperator": _CLAUSES[given.operator]}
    return condition if given.operator in WITHOUT_VALUE else condition | {"filterValue": _value(given)}


def filter_of(name: object, operator: str | None, value: object) -> Filter:
    """The filter that a clause means, if it is one that `filter_clause` gives."""
    words = {word: name for name, word in _CLAUSES.items()}
    if isinstance(value, list):
        value = next(iter(value), "")
    return Filter(str(name), words.get(operator or "", "is"), _typed(value))


def _typed(value: object) -> str:
    """A value as a person types it."""
    if value is None or isinstance(value, str):
        return value or ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else json.dumps(value)


def _value(given: Filter) -> object:
    """What a property is compared with. A reader does not see a value's type: `5` is the text and the number."""
    if given.operator == "contains":
        if not given.value:
            raise RequestError(400, f"what {given.name} contains must not be empty")
        return given.value
    number = _number(given.value)
    if given.operator in ("above", "below"):
        if number is None:
            raise RequestError(400, f"{given.name} is compared with a number, not with {given.value[:40]!r}")
        return number
    others = [each for each in (number, _BOOLEANS.get(given.value)) if each is not None]
    return [given.value, *others]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None
