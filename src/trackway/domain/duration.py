"""Durations as a person writes them: 90s, 15m, 1h, 1d."""

from typing import Final

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NUMBER_MAX: Final = 100_000


def seconds_of(text: str) -> int | None:
    """Seconds of a duration such as 15m; None for a text that is none."""
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isascii() or not number.isdigit() or not 0 < int(number) < _NUMBER_MAX:
        return None
    return int(number) * _UNITS[unit]
