"""The values of the expression language, and the rules for single ones (protocol §11).

A value is undefined, null, a boolean, a number, a string, a list, an object or a datetime. Numbers are IEEE doubles,
whatever their text was: whole numbers beyond 2^53 lose digits, and larger results are infinite. The store computes with
the same doubles. `sql.py` has each of these rules as SQL, and tests compare the two.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import Enum, auto
from typing import Final, NamedTuple, TypeAlias

DATETIME_SECONDS_MAX = 1e11
"""A number can be a datetime up to so many seconds before or after the epoch (year 5138)."""

_DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_YEARS = (1900, 2299)  # of the store's calendar
_NUMERIC = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_HOUR = r"([01][0-9]|2[0-3])"
_MINUTE = r"([0-5][0-9])"
_SECOND = rf"(?::{_MINUTE}(?:[.,]([0-9]{{1,9}}))?)?"
DATETIME_PATTERN = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})"
    rf"(?:[Tt ]{_HOUR}:{_MINUTE}{_SECOND}(?:[Zz]|([+-]){_HOUR}(?::?{_MINUTE})?)?)?$"
)
"""A day, or a day and a time of ISO 8601: `2026-01-31T00:00:00`, optionally without seconds, with a fraction, and with
`Z`, `+02:00`, `+0200` or `+02`; without one it is UTC, in a literal of a report the project's zone."""
_DATETIME = re.compile(DATETIME_PATTERN, re.ASCII)


class Kind(Enum):
    """The type of a value."""

    UNDEFINED = auto()
    NULL = auto()
    BOOLEAN = auto()
    NUMBER = auto()
    STRING = auto()
    LIST = auto()
    OBJECT = auto()
    DATETIME = auto()


class Undefined(Enum):
    """The one value of everything that is absent."""

    UNDEFINED = auto()


class Moment(NamedTuple):
    """A datetime: whole milliseconds since the epoch."""

    ms: int


UNDEFINED: Final = Undefined.UNDEFINED
Value: TypeAlias = "Undefined | bool | float | str | Sequence[Value] | Mapping[str, Value] | Moment | None"


def kind_of(value: Value) -> Kind:
    """The kind of a value."""
    match value:
        case Undefined():
            return Kind.UNDEFINED
        case None:
            return Kind.NULL
        case bool():
            return Kind.BOOLEAN
        case float():
            return Kind.NUMBER
        case str():
            return Kind.STRING
        case Moment():
            return Kind.DATETIME
        case Mapping():
            return Kind.OBJECT
        case Sequence():
            return Kind.LIST
    raise AssertionError(f"no value: {value!r}")


def from_json(text: str | bytes) -> Value:
    """The value of a JSON text. A number beyond all doubles is null, as it is for the store."""
    return _finite(json.loads(text, parse_int=float))


def _finite(value: Value) -> Value:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case list():
            return list(map(_finite, value))
        case dict():
            return {name: _finite(member) for name, member in value.items()}
    return value


def aligned(left: Value, right: Value) -> tuple[Value, Value]:
    """Both values. A string beside a datetime becomes the datetime that it spells, undefined if it spells none."""
    if isinstance(left, Moment) and isinstance(right, str):
        return left, parse_moment(right)
    if isinstance(left, str) and isinstance(right, Moment):
        return parse_moment(left), right
    return left, right


def equal(left: Value, right: Value) -> bool:
    """Whether both have the same kind and value. A datetime also equals a string that spells it.

    Objects, also those within a list, and lists within a list are equal to nothing.
    """
    left, right = aligned(left, right)
    kind = kind_of(left)
    if kind is not kind_of(right) or kind is Kind.OBJECT:
        return False
    if isinstance(left, Sequence) and isinstance(right, Sequence) and kind is Kind.LIST:
        return len(left) == len(right) and all(map(_equal_element, left, right))
    return left == right


def _equal_element(left: Value, right: Value) -> bool:
    return kind_of(left) is not Kind.LIST and equal(left, right)


def remainder(left: float, right: float) -> float:
    """The remainder of a division that rounds towards zero, so with the sign of `left`. `right` is not 0."""
    return left - truncated(left / right) * right


def truncated(number: float) -> float:
    """The whole part."""
    return float(math.trunc(number)) if math.isfinite(number) else number


def rounded(number: float) -> float:
    """The nearest whole number; a half goes away from zero."""
    whole = truncated(number)
    return whole + math.copysign(1.0, number) if abs(number - whole) >= 0.5 else whole


def number_text(number: float) -> str | Undefined:
    """A number in decimal: the shortest text that reads back as the same double, `1` for 1.0, `1e21` from there on."""
    if not math.isfinite(number):
        return UNDEFINED
    mantissa, _, exponent = f"{number + 0.0!r}e".partition("e")
    sign, digits = ("-", mantissa[1:]) if mantissa[0] == "-" else ("", mantissa)
    whole, _, fraction = digits.partition(".")
    power = int(exponent.rstrip("e") or 0) + len(whole)
    digits = (whole + fraction).lstrip("0")
    power -= len(whole + fraction) - len(digits)
    digits = digits.rstrip("0")
    return sign + _decimal(digits, power) if digits else "0"


def _decimal(digits: str, power: int) -> str:
    """0.`digits` times ten to the `power`, as text."""
    if not -6 < power <= 21:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{digits[0]}{fraction}e{power - 1}"
    if power <= 0:
        return f"0.{'0' * -power}{digits}"
    if len(digits) <= power:
        return digits + "0" * (power - len(digits))
    return f"{digits[:power]}.{digits[power:]}"


def parse_number(text: str) -> float | Undefined:
    """The number that a string spells: digits, optionally with sign, fraction and exponent, and nothing else."""
    if not _NUMERIC.fullmatch(text):
        return UNDEFINED
    number = float(text)
    return number if math.isfinite(number) else UNDEFINED


def parse_moment(text: str) -> Moment | Undefined:
    """The datetime that a string spells, by `DATETIME_PATTERN`; digits beyond the milliseconds are cut off."""
    match = _DATETIME.fullmatch(text)
    if match is None:
        return UNDEFINED
    day, hour, minute, second, fraction, sign, ahead_hour, ahead_minute = match.groups(default="0")
    try:
        days = date.fromisoformat(day)
    except ValueError:
        return UNDEFINED
    if not _YEARS[0] <= days.year <= _YEARS[1]:
        return UNDEFINED
    ahead = timedelta(hours=int(ahead_hour), minutes=int(ahead_minute)) * (-1 if sign == "-" else 1)
    within = timedelta(hours=int(hour), minutes=int(minute), seconds=int(second)) - ahead
    ms = (days.toordinal() - _EPOCH_DAY) * _DAY_MS + within // timedelta(milliseconds=1)
    return Moment(ms + int(fraction[:3].ljust(3, "0")))


def local_time(text: str) -> datetime | None:
    """The time of day that a datetime without a zone spells; None for one with a zone, and for what is no datetime."""
    match = _DATETIME.fullmatch(text)
    moment = parse_moment(text)
    if match is None or moment is UNDEFINED or match[6] or text[-1] in "Zz":
        return None
    return _EPOCH + timedelta(milliseconds=moment.ms)


def utc_text(time_ms: int) -> str:
    """The text of a datetime in milliseconds since the epoch, as `parse_moment` reads it."""
    return f"{(_EPOCH + timedelta(milliseconds=time_ms)).isoformat(timespec='milliseconds')}Z"


def moment_of_seconds(seconds: float) -> Moment | Undefined:
    """The datetime so many seconds after the epoch, to the nearest millisecond."""
    if not abs(seconds) <= DATETIME_SECONDS_MAX:
        return UNDEFINED
    return Moment(round(seconds * 1000))
