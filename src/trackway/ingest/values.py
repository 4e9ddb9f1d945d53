"""The rules for single values of an event: its time, its ids. A JSON value goes in, a canonical value comes out.

Nothing here knows of requests or projects. A rule that fails returns `Rejected`, it never raises.
"""

import re
from decimal import Decimal
from typing import Any

import xxhash

from trackway.ingest.outcome import Rejected, invalid
from trackway.limits import DISTINCT_ID_CHARACTERS_MAX, INSERT_ID_BYTES_MAX, SECONDS_BELOW

REFUSED_IDS = frozenset(
    [
        "00000000-0000-0000-0000-000000000000",
        "anon",
        "anonymous",
        "nil",
        "none",
        "null",
        "n/a",
        "na",
        "undefined",
        "unknown",
        "<nil>",
        "0",
        "-1",
        "true",
        "false",
        "[]",
        "{}",
    ]
)
"""Values that stand for 'nobody' in some client's code; never a person (protocol §4)."""

_LONGEST_REFUSED = max(map(len, REFUSED_IDS))
_NUMERIC = re.compile(r"-?\d{1,20}(\.\d{1,20})?")
_INSERT_ID = re.compile(r"[A-Za-z0-9-]+")
_ID_BITS_MAX = 1024  # a larger whole number has more digits than any id may have characters
_TIME_MS_MAX = 253_402_300_799_999  # 9999-12-31, so that no later step can overflow


def is_refused(text: str) -> bool:
    """Whether an id is one of the refused values, in any case."""
    return len(text) <= _LONGEST_REFUSED and text.lower() in REFUSED_IDS


def time_ms(value: Any, field: str = "properties.time") -> int | Rejected:
    """Milliseconds since the epoch from a JSON time: number or numeric string, seconds or milliseconds.

    Below 1e11 is seconds (protocol §4). Fractions are kept to the millisecond.
    """
    if type(value) is str and _NUMERIC.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if type(value) is not int and type(value) is not float:
        return invalid(field, "must be specified as seconds since epoch")
    ms = value * 1000 if value < SECONDS_BELOW else value
    return int(max(min(ms, _TIME_MS_MAX), -_TIME_MS_MAX))


def id_text(value: Any, field: str) -> str | Rejected:
    """A person's id: as `any_id_text`, and not one of the refused values; the empty string passes (protocol §4)."""
    text = any_id_text(value, field)
    if not isinstance(text, Rejected) and is_refused(text):
        return invalid(field, f"must not be '{text}', which stands for no one")
    return text


def any_id_text(value: Any, field: str) -> str | Rejected:
    """An id as the string it is treated as: at most 255 characters, numbers in decimal, all else refused."""
    if type(value) is int and value.bit_length() <= _ID_BITS_MAX:
        value = str(value)
    elif type(value) is float:
        value = format(Decimal(repr(value)).normalize(), "f")
    elif type(value) is not str:
        return invalid(field, "must be a string")
    if len(value) > DISTINCT_ID_CHARACTERS_MAX:
        return invalid(field, f"must not be longer than {DISTINCT_ID_CHARACTERS_MAX} characters")
    return value  # type: ignore[no-any-return]  # narrowed above: int and float became str


def insert_id(value: Any) -> str | Rejected:
    """A well-formed `$insert_id`: at most 36 bytes of letters, digits and '-' (protocol §4, [M])."""
    if type(value) is int and value.bit_length() <= _ID_BITS_MAX:
        value = str(value)
    if type(value) is not str:
        return invalid("$insert_id", "must be a string")
    if len(value) > INSERT_ID_BYTES_MAX:
        return invalid("$insert_id", f"must not be longer than {INSERT_ID_BYTES_MAX} bytes")
    if not _INSERT_ID.fullmatch(value):
        return invalid("$insert_id", "must only contain alphanumeric or hyphen '-' characters")
    if is_refused(value):
        return invalid("$insert_id", f"must not be '{value}', which identifies nothing")
    return value


def insert_id_in_place_of(value: Any) -> str | None:
    """What replaces a bad `$insert_id` where one is not refused.

    The same bad id gives the same replacement, so that a retry is still recognised; None (make one up) where the
    value identifies nothing.
    """
    if type(value) is not str or value == "" or is_refused(value):
        return None
    return xxhash.xxh3_128_hexdigest(value.encode())
