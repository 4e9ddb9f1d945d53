"""Whether two answers are the same: keys and their order too, and numbers but for their last digits."""

import math
from collections.abc import Iterator
from typing import Any

NOT_COMPARED = {"computed_at"}
"""Keys that an answer may have besides those of the model."""


def differences(found: Any, expected: Any, where: str = "answer", *, precise: bool = True) -> Iterator[str]:
    """Where an answer is not the expected one. Not `precise`: it depends on the time of asking, to a second or so."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = [key for key in found if key in expected or key not in NOT_COMPARED]
        if keys != list(expected):
            yield f"{where} has the keys {keys}, expected {list(expected)}"
        for key in expected.keys() & found.keys():
            yield from differences(found[key], expected[key], f"{where}[{key!r}]", precise=precise)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            yield from differences(one, other, f"{where}[{place}]", precise=precise)
    elif not _equal(found, expected, 1e-9 if precise else 1e-3):
        yield f"{where} is {found!r}, expected {expected!r}"


def _equal(found: Any, expected: Any, tolerance: float) -> bool:
    numbers = (int, float)
    if isinstance(found, numbers) and isinstance(expected, numbers):
        return math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance)
    return type(found) is type(expected) and bool(found == expected)
