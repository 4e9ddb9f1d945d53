"""The bounds of a funnel: parameters and bookmarks are held to the same ones."""

import pytest

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.funnel_rules import (
    check_exclusions,
    check_held,
    check_steps,
    excluded_between,
    window_ms,
)
from trackway.query.reports.funnel import Order

DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("length", "unit", "found"),
    [(2, "second", 2000), (90, "minute", 5_400_000), (367, "day", 367 * DAY_MS), (12, "month", 360 * DAY_MS)],
)
def test_windows(length: int, unit: str, found: int) -> None:
    assert window_ms(length, unit, "length") == found


@pytest.mark.parametrize(("length", "unit"), [(1, "second"), (0, "day"), (-1, "day"), (368, "day"), (13, "month")])
def test_a_window_that_is_too_short_or_too_long_is_refused(length: int, unit: str) -> None:
    with pytest.raises(RequestError, match="the_window must be from 2 seconds to 367 days"):
        window_ms(length, unit, "the_window")


@pytest.mark.parametrize(
    ("begin", "end", "found"), [(None, None, (1, 3)), (2, None, (2, 3)), (None, 2, (1, 2)), (1, 2, (1, 2))]
)
def test_an_exclusion_without_steps_is_between_all(begin: int | None, end: int | None, found: tuple[int, int]) -> None:
    assert excluded_between(begin, end, 3, "exclusions[0]") == found


@pytest.mark.parametrize(("begin", "end"), [(0, 2), (2, 2), (3, 1), (1, 4), (3, None)])
def test_an_exclusion_between_no_two_steps_is_refused(begin: int | None, end: int | None) -> None:
    with pytest.raises(RequestError, match=r"exclusions\[0\].steps must be from one step to a later one, of 1 to 3"):
        excluded_between(begin, end, 3, "exclusions[0]")


def test_numbers_of_parts() -> None:
    check_steps(1, "steps")
    check_steps(100, "steps")
    for count in (0, 101):
        with pytest.raises(RequestError, match="steps must have from 1 to 100 steps"):
            check_steps(count, "steps")
    check_exclusions(10, Order.LOOSE, "exclusions")
    with pytest.raises(RequestError, match="exclusions must be at most 10"):
        check_exclusions(11, Order.LOOSE, "exclusions")
    check_held(3, "held")
    with pytest.raises(RequestError, match="held must have at most 3 properties"):
        check_held(4, "held")


def test_no_exclusion_is_between_steps_of_any_order() -> None:
    check_exclusions(0, Order.ANY, "exclusions")
    with pytest.raises(RequestError, match="cannot be combined"):
        check_exclusions(1, Order.ANY, "exclusions")
