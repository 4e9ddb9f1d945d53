"""From a field of a lookup table's CSV to the JSON text of its value (protocol §13).

A value keeps its digits and its text. A datetime becomes UTC as in other properties, `2026-01-31T12:00:00`. Pure: no
I/O.
"""

import re
from datetime import UTC, datetime

import msgspec

_encode = msgspec.json.encode
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,307})(?:\.[0-9]{1,340})?")
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(\.[0-9]{1,9})?"
    r"([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
)
_NUMBER_BEGINS = frozenset("-0123456789")
_BOOLEANS = {"true": b"true", "false": b"false"}


def json_value(text: str) -> bytes:
    """The JSON text of a field's value, empty where it is undefined. Raises UnicodeEncodeError for what is not UTF-8.

    Numbers with leading zeros, a plus sign or an exponent are strings: postcodes and article numbers look like that.
    """
    if not text:
        return b""
    first = text[0]
    if first in _NUMBER_BEGINS:
        if _NUMBER.fullmatch(text):
            return text.encode()
        if match := _TIME.fullmatch(text):
            return _encode(_utc(*match.groups()) or text)
    elif first == "[":
        return _strings(text) or _encode(text)
    elif len(text) <= 5 and (boolean := _BOOLEANS.get(text.lower())):
        return boolean
    return _encode(text)


def _utc(date: str, time: str, fraction: str | None, zone: str | None) -> str | None:
    """The time in UTC, None for a day that does not exist. A time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(f"{date}T{time}")
        if zone and zone not in "Zz":
            moment = datetime.fromisoformat(f"{date}T{time}{zone}").astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
    return moment.isoformat() + (fraction or "").rstrip("0").rstrip(".")


def _strings(text: str) -> bytes | None:
    """A JSON list of strings in canonical form; None for anything else."""
    try:
        return _encode(msgspec.json.decode(text, type=list[str]))
    except (msgspec.MsgspecError, RecursionError):
        return None
