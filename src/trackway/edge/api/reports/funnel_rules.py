"""The bounds of a funnel, the same for parameters and for bookmarks."""

from typing import Final

from trackway.domain.errors import RequestError
from trackway.edge.limits import FUNNEL_EXCLUSIONS_MAX, FUNNEL_HELD_MAX, FUNNEL_STEPS_MAX
from trackway.query.reports.funnel import Order

_DAY_MS: Final = 86_400_000
UNITS_MS: Final = {
    "second": 1000, "minute": 60_000, "hour": 3_600_000, "day": _DAY_MS, "week": 7 * _DAY_MS, "month": 30 * _DAY_MS,
}  # fmt: skip
"""Units of a window. A month has 30 days."""
_WINDOW_MS: Final = (2000, 367 * _DAY_MS)


def window_ms(length: int, unit: str, name: str) -> int:
    """The time from the first step to the last. Raises RequestError 400, naming the field."""
    lowest, highest = _WINDOW_MS
    found = length * UNITS_MS[unit]
    if not lowest <= found <= highest:
        raise RequestError(400, f"{name} must be from 2 seconds to 367 days, not {length} {unit}s")
    return found


def check_steps(count: int, name: str) -> None:
    """Raises RequestError 400 for no step, and for too many."""
    if not 1 <= count <= FUNNEL_STEPS_MAX:
        raise RequestError(400, f"{name} must have from 1 to {FUNNEL_STEPS_MAX} steps")


def check_exclusions(count: int, order: Order, name: str) -> None:
    """Raises RequestError 400 for too many exclusions, and for some where steps come in any order."""
    if count > FUNNEL_EXCLUSIONS_MAX:
        raise RequestError(400, f"{name} must be at most {FUNNEL_EXCLUSIONS_MAX}")
    if count and order is Order.ANY:
        raise RequestError(400, f"{name} and order any cannot be combined: in any order nothing is between two steps")


def excluded_between(begin: int | None, end: int | None, steps: int, name: str) -> tuple[int, int]:
    """The steps between which an exclusion is, counted from 1; by default the first and the last one. Raises
    RequestError 400, naming the field."""
    first, last = 1 if begin is None else begin, steps if end is None else end
    if not 1 <= first < last <= steps:
        raise RequestError(400, f"{name}.steps must be from one step to a later one, of 1 to {steps}")
    return first, last


def check_held(count: int, name: str) -> None:
    """Raises RequestError 400 for too many properties that are held constant."""
    if count > FUNNEL_HELD_MAX:
        raise RequestError(400, f"{name} must have at most {FUNNEL_HELD_MAX} properties")
