"""The ranges of numbers: round bounds, no more of them than wanted, and none too few."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.query.reports.numeric import ranges_of

NUMBERS = st.floats(-1e300, 1e300, allow_subnormal=False)


@pytest.mark.parametrize(
    ("lowest", "highest", "wanted", "names"),
    [
        (2003, 2499.5, 5, ["2,000 - 2,100", "2,100 - 2,200", "2,200 - 2,300", "2,300 - 2,400", "2,400 - 2,500"]),
        (2003, 2500, 5, ["2,000 - 2,200", "2,200 - 2,400", "2,400 - 2,600"]),
        (0.1, 0.3, 5, ["0.1 - 0.15", "0.15 - 0.2", "0.2 - 0.25", "0.25 - 0.3", "0.3 - 0.35"]),
        (-1, 1, 2, ["-2 - 0", "0 - 2"]),
        (-150, -20, 4, ["-150 - -100", "-100 - -50", "-50 - 0"]),
        (0, 0, 5, ["0 - 1"]),
        (7, 7, 5, ["7 - 8"]),
        (1e21, 1e21, 5, ["1,000,000,000,000,000,000,000 - 1,000,000,000,000,001,000,000"]),
    ],
)
def test_names_of_ranges(lowest: float, highest: float, wanted: int, names: list[str]) -> None:
    assert ranges_of(float(lowest), float(highest), wanted).names() == names


@given(NUMBERS, NUMBERS, st.integers(2, 1000))
def test_ranges_hold_all_numbers_and_are_as_narrow_as_round_widths_allow(one: float, other: float, wanted: int) -> None:
    lowest, highest = sorted((one, other))
    ranges = ranges_of(lowest, highest, wanted)
    bounds = [float(bound) for bound in ranges.bounds()]
    assert 1 <= len(bounds) <= wanted
    assert bounds[0] <= lowest and Decimal(repr(highest)) < ranges.bounds()[-1] + ranges.width
    assert len(bounds) == 1 or bounds[-1] <= highest
    assert len(bounds) == 1 or lowest < bounds[1]
    assert all(before < after for before, after in pairwise(bounds))
    assert ranges.width.as_tuple().digits in ((1,), (2,), (5,))
