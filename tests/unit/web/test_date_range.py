"""The range picker: the days of each range, and what a custom one must be."""

from datetime import date

import pytest

from trackway.domain.errors import RequestError
from trackway.web.date_range import RANGES, days_of_range

TODAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("today", date(2026, 3, 1), TODAY),
        ("yesterday", date(2026, 2, 28), date(2026, 2, 28)),
        ("7", date(2026, 2, 23), TODAY),
        ("30", date(2026, 1, 31), TODAY),
        ("90", date(2025, 12, 2), TODAY),
        ("month", date(2026, 3, 1), TODAY),
        ("custom", date(2024, 2, 29), date(2024, 3, 1)),
    ],
)
def test_a_range_has_its_days_both_ends_included(name: str, first: date, last: date) -> None:
    assert name in RANGES
    assert days_of_range(name, "2024-02-29", "2024-03-01", TODAY) == (first, last)


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("", "2026-01-01", "needs a first and a last day"),
        ("2026-02-30", "2026-03-01", "needs a first and a last day"),
        ("2026-02-02", "2026-02-01", "must not be after"),
        ("2026-02-02", "2026-03-02", "must not be later than today, 2026-03-01"),
    ],
)
def test_a_custom_range_says_what_it_needs(first: str, last: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        days_of_range("custom", first, last, TODAY)
