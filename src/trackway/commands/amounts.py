"""Amounts as people read them: bytes, times and numbers. Pure."""

from typing import Final

_BYTE_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_DAY_S: Final = 86_400


def bytes_text(size: int) -> str:
    """`0 B`, `1.5 GiB`: three digits at least, rounded down, so that a small rest is never shown as more."""
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(_BYTE_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    if not unit or amount >= 100:
        return f"{int(amount)} {_BYTE_UNITS[unit]}"
    return f"{int(amount * 10) / 10} {_BYTE_UNITS[unit]}"


def time_text(seconds: float) -> str:
    """`42 s`, `3 min`, `5 h 10 min`, `12 days`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 2 * _DAY_S:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // _DAY_S} days"


def number_text(number: float) -> str:
    """With commas; a fraction only below ten."""
    return f"{number:,.1f}" if number < 10 and number != int(number) else f"{number:,.0f}"
