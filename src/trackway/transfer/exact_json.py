"""JSON whose numbers keep their digits: of those that Python cannot hold, the text is kept."""

import json
import re
from decimal import Decimal
from typing import Any, Final, NoReturn

import orjson

_LONG: Final = re.compile(rb"[\d.]{17}")
"""Shorter numbers are exact as they are. Few records have a longer one, and these are parsed by the slower parser."""


def parsed(text: bytes) -> Any:
    """The value of a JSON text; a number that has no exact value is an `orjson.Fragment` of its text. Raises ValueError
    for what is no JSON."""
    if not _LONG.search(text):
        return orjson.loads(text)
    try:
        return json.loads(text, parse_int=_whole, parse_float=_fraction, parse_constant=_refused)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _whole(text: str) -> Any:
    return int(text) if len(text) <= 20 and -(2**63) <= int(text) < 2**64 else orjson.Fragment(text)


def _fraction(text: str) -> Any:
    value = float(text)
    return value if Decimal(repr(value)) == Decimal(text) else orjson.Fragment(text)


def _refused(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")
