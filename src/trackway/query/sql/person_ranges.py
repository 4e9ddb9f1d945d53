"""Ranges of persons' numbers, and of those of ids. Each is a hash, so ranges of one width have about as many each."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

_NUMBERS: Final = 1 << 64


def in_range(number: str) -> str:
    """SQL of whether such a number is in the range that one of `person_ranges` binds."""
    return f"{number} BETWEEN {{person_from:UInt64}} AND {{person_to:UInt64}}"


def person_ranges(count: int) -> list[Mapping[str, int]]:
    """What binds each of so many ranges, in order. Together they have all numbers, each once."""
    bounds = [number * _NUMBERS // count for number in range(count + 1)]
    return [{"person_from": begin, "person_to": end - 1} for begin, end in pairwise(bounds)]
