"""The mean row of retention (reports, worked numbers of averages)."""

import pytest

from trackway.edge.api.reports.bookmarked_retention import average
from trackway.query.reports.retention import Row


def test_rows_count_by_their_size_and_once_their_bucket_has_ended() -> None:
    rows = [(Row(1000, [900, 500]), 2), (Row(500, [450, 400]), 2), (Row(700, [600, 10]), 1)]
    found = average(rows, 2)
    assert found["counts"][1] == pytest.approx(466.67, abs=0.01)
    assert found["rates"][1] == pytest.approx(0.56)
    assert found["persons"] == [2200, 1500]
    assert found["first"] == pytest.approx((1000**2 + 500**2 + 700**2) / 2200)


def test_nobody_has_no_rates() -> None:
    assert average([], 3) == {"first": 0, "counts": [], "rates": [], "persons": []}
    assert average([(Row(0, [0]), 1)], 1) == {"first": 0, "counts": [0], "rates": [0], "persons": [0]}
