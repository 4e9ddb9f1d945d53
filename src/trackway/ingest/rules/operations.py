"""The operations of one profile record, with their operands checked and cut to the limits (protocol §5).

The record's members come in, each still the JSON text that the client sent. The operations come out in the client's
order, or the first rule that is broken. Whether an operation then changes anything depends on the profile, which only
the loader knows.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from trackway.domain.limits import (
    PROFILE_LIST_BYTES_MAX,
    PROFILE_PROPERTIES_MAX,
    PROPERTY_NAME_CHARACTERS_MAX,
    STRING_CHARACTERS_MAX,
)
from trackway.ingest.outcome import BEYOND_DOUBLE, NESTED_TOO_DEEP, Rejected, invalid
from trackway.ingest.raw_fields import Members
from trackway.ingest.rules.properties import cut

Operations = dict[str, Any]

_INT64_MIN, _UINT64_MAX = -(1 << 63), (1 << 64) - 1
_MANY_DIGITS = re.compile(rb"\d{19}")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def read_operations(record: Members) -> Operations | Rejected:
    """The record's operations. Other members are ignored.

    `$delete` removes everything before it, so it comes first or not at all.
    """
    operations: Operations = {}
    for name, raw in record.items():
        check = _CHECKS.get(name)
        if check is None:
            continue
        operand = _checked(check, name, raw)
        if isinstance(operand, Rejected):
            return operand
        if name == "$delete":
            operations.clear()
        operations[name] = operand
    return operations or NO_OPERATION


def _checked(check: Callable[[str, Any], Any], name: str, raw: msgspec.Raw) -> Any:
    try:
        operand = check(name, _parsed(raw))
    except (msgspec.ValidationError, OverflowError):
        return invalid(name, BEYOND_DOUBLE)
    except RecursionError:  # so deep that the parser of the whole body only just passed it
        return invalid(name, NESTED_TOO_DEEP)
    if len(raw) > PROFILE_LIST_BYTES_MAX and type(operand) is dict:
        return _too_long(name, operand) or operand
    return operand


def _too_long(field: str, operand: dict[str, Any]) -> Rejected | None:
    for name, value in operand.items():
        if isinstance(value, list | dict) and len(_encode(value)) > PROFILE_LIST_BYTES_MAX:
            return invalid(f"{field}.{name}", f"must not be longer than {PROFILE_LIST_BYTES_MAX} bytes as JSON")
    return None


def _parsed(raw: msgspec.Raw) -> Any:
    """The operand. Raises ValidationError or OverflowError for a number that no double can hold."""
    value = _decode(raw)
    return json.loads(bytes(raw), parse_int=_whole_number) if _MANY_DIGITS.search(raw) else value


def _whole_number(digits: str) -> int | float:
    """Beyond 64 bits the nearest double, since the store's JSON functions refuse a text with a larger integer."""
    number = int(digits)
    return number if _INT64_MIN <= number <= _UINT64_MAX else float(number)


def _set(field: str, operand: Any) -> Any:
    """Any value; null is dropped (protocol §2)."""
    return _each(field, operand, _value, nulls=False)


def _set_once(field: str, operand: Any) -> Any:
    """Any value, even null: such a property exists from then on (protocol §5)."""
    return _each(field, operand, _value, nulls=True)


def _add(field: str, operand: Any) -> Any:
    return _each(field, operand, _number, nulls=True)


def _append(field: str, operand: Any) -> Any:
    """Any value that a list may hold; null is dropped."""
    return _each(field, operand, _element, nulls=False)


def _union(field: str, operand: Any) -> Any:
    return _each(field, operand, _list, nulls=False)


def _unset(field: str, operand: Any) -> Any:
    """Names of properties."""
    if type(operand) is not list:
        return invalid(field, "must be a list of property names")
    if len(operand) > PROFILE_PROPERTIES_MAX:
        return invalid(field, f"must not have more than {PROFILE_PROPERTIES_MAX} elements")
    for index, name in enumerate(operand):
        if type(name) is not str:
            return invalid(f"{field}[{index}]", "must be a string")
    return operand


def _delete(_field: str, _operand: Any) -> Any:
    """The value has no meaning (openapi/ingestion delete-profile); the browser SDK sends the distinct_id."""
    return ""


def _each(field: str, operand: Any, check: Callable[[str, str, Any], Any], *, nulls: bool) -> Any:
    """The members of an operand, each checked; a null is dropped unless it means something."""
    if type(operand) is not dict:
        return invalid(field, "must be an object")
    if len(operand) > PROFILE_PROPERTIES_MAX:
        return invalid(field, f"must not have more than {PROFILE_PROPERTIES_MAX} properties")
    kept = {}
    for name, value in operand.items():
        if value is None and not nulls:
            continue
        if len(name) > PROPERTY_NAME_CHARACTERS_MAX:
            shown = name[:PROPERTY_NAME_CHARACTERS_MAX]
            return invalid(f"{field}.{shown}", f"must not be longer than {PROPERTY_NAME_CHARACTERS_MAX} characters")
        checked = check(field, name, value)
        if isinstance(checked, Rejected):
            return checked
        kept[name] = checked
    return kept


def _value(field: str, name: str, value: Any) -> Any:
    """Lists are bounded by their bytes, and so may have more elements than those of events."""
    kind = type(value)
    if kind is list or kind is dict:
        return cut(f"{field}.{name}", value, 1, PROFILE_LIST_BYTES_MAX)
    return value[:STRING_CHARACTERS_MAX] if kind is str else value


def _element(field: str, name: str, value: Any) -> Any:
    """One level down, since the property is the list around it."""
    return cut(f"{field}.{name}", value, 2, PROFILE_LIST_BYTES_MAX)


def _list(field: str, name: str, value: Any) -> Any:
    if type(value) is not list:
        return invalid(f"{field}.{name}", "must be a list")
    return cut(f"{field}.{name}", value, 1, PROFILE_LIST_BYTES_MAX)


def _number(field: str, name: str, value: Any) -> Any:
    if type(value) is not int and type(value) is not float:
        return invalid(f"{field}.{name}", "must be a number")
    return value


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "$set": _set,
    "$set_once": _set_once,
    "$add": _add,
    "$append": _append,
    "$union": _union,
    "$remove": _append,
    "$unset": _unset,
    "$delete": _delete,
}
NO_OPERATION = Rejected("", f"operation, missing: one of {', '.join(_CHECKS)}")
