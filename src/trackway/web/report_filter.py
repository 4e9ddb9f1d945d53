"""The filters of a report: conditions on properties, as rows of a form and as clauses of a bookmark."""

import json
import re
from collections.abc import Mapping
from datetime import date
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
    "between": "is between",
    "since": "is a day since",
    "before": "is a day before",
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
    "between": "is between",
    "since": "was since",
    "before": "was before",
    "set": "is set",
    "not set": "is not set",
}
WHOSE: Final = {"event": "of the event", "user": "of the user"}
"""Whose property is meant, and what a reader sees."""
RESOURCES: Final = {"event": "events", "user": "people"}
"""The same in bookmarks."""
_TWO: Final = re.compile(r"\s*(\S+?)\s*(?:\.\.|,|\bto\b|\band\b)\s*(\S+)\s*")
_BOOLEANS: Final = {"true": True, "false": False}


class Filter(NamedTuple):
    """A condition on a property. `operator` is one of OPERATORS, `whose` one of WHOSE."""

    name: str
    operator: str
    value: str
    whose: str = "event"


NO_FILTER: Final = Filter("", "is", "")
"""An empty row of a form."""


def read_filters(query: QueryParams, of: str = "") -> list[Filter]:
    """The filters in the fields `where`, `is`, `value` and `whose`, each followed by `of`. Rows without a name are left
    out; without `whose` a property is the event's.

    Raises RequestError 400 for a word that is no choice, and for a field that is too long.
    """
    names, operators, values, whose = (texts_of(query, f"{name}{of}") for name in ("where", "is", "value", "whose"))
    whose += ["event"] * (len(names) - len(whose))
    rows = zip(names, operators, values, whose, strict=False)
    found = [Filter(*row) for row in rows if row[0].strip()]
    for each in found:
        one_of(f"is{of}", each.operator, OPERATORS)
        one_of(f"whose{of}", each.whose, WHOSE)
    return found


def filter_clause(given: Filter) -> Mapping[str, Any]:
    """The filter as a clause of a bookmark. Raises RequestError 400 for a value that does not fit the operator."""
    resource = RESOURCES[given.whose]
    condition = {"value": given.name, "resourceType": resource, "filterOperator": _CLAUSES[given.operator]}
    return condition if given.operator in WITHOUT_VALUE else condition | {"filterValue": _value(given)}


def filter_of(name: object, operator: str | None, value: object, resource: str) -> Filter:
    """The filter that a clause means, if it is one that `filter_clause` gives."""
    words = {word: name for name, word in _CLAUSES.items()}
    known = words.get(operator or "", "is")
    if isinstance(value, list):
        value = " to ".join(map(_typed, value)) if known == "between" else next(iter(value), "")
    return Filter(str(name), known, _typed(value), whose_of(resource))


def whose_of(resource: str) -> str:
    """Whose property a resource of a bookmark means."""
    return next((name for name, known in RESOURCES.items() if known == resource), "event")


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
    if given.operator == "between":
        return _two_numbers(given)
    if given.operator in ("since", "before"):
        return _day(given)
    number = _number(given.value)
    if given.operator in ("above", "below"):
        if number is None:
            raise RequestError(400, f"{given.name} is compared with a number, not with {given.value[:40]!r}")
        return number
    others = [each for each in (number, _BOOLEANS.get(given.value)) if each is not None]
    return [given.value, *others]


def _two_numbers(given: Filter) -> list[float]:
    parts = _TWO.fullmatch(given.value)
    numbers = [each for each in map(_number, parts.groups()) if each is not None] if parts else []
    if len(numbers) < 2:
        raise RequestError(400, f"{given.name} is between two numbers, such as 10 to 20, not {given.value[:40]!r}")
    return numbers


def _day(given: Filter) -> str:
    try:
        return date.fromisoformat(given.value.strip()).isoformat()
    except ValueError as error:
        wrong = given.value[:40]
        raise RequestError(400, f"{given.name} is compared with a day, such as 2026-11-30, not {wrong!r}") from error


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None
