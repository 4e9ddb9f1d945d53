"""Ranges of equal width for the numbers of a report, and their names: `2,000 - 2,100`.

The width is 1, 2 or 5 times a power of ten, the smallest one with which no more ranges than wanted hold all numbers.
Bounds are multiples of the width. A range has its lower bound, and not its upper one.
"""

import json
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from trackway.query.expressions import Expression
from trackway.query.reports.run import Run, Statement
from trackway.query.reports.segmentation import Chosen
from trackway.query.reports.series import Measure, Series, series
from trackway.query.sql.projection import Projection

_STEPS: Final = (1, 2, 5)
_DIGITS: Final = 15
"""Of every double so many are exact."""


class Ranges(NamedTuple):
    """Ranges beside each other: `number` of them, from `first` times `width` on."""

    width: Decimal
    first: int
    number: int

    def bounds(self) -> list[Decimal]:
        """Their lower bounds."""
        return [self.width * (self.first + each) for each in range(self.number)]

    def names(self) -> list[str]:
        """Their names, in order."""
        return [f"{_text(bound)} - {_text(bound + self.width)}" for bound in self.bounds()]


def _text(bound: Decimal) -> str:
    whole, _, fraction = f"{bound:,f}".partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def ranges_of(lowest: float, highest: float, wanted: int) -> Ranges:
    """At most `wanted` ranges, 2 or more, that hold two finite numbers and all between them."""
    low, high = Decimal(repr(lowest)), Decimal(repr(highest))  # as it is written: 0.3 belongs to `0.3 - 0.4`
    # Equal numbers get a width of 1, or one that doubles of their size distinguish.
    least = (high - low) / wanted or Decimal((0, (1,), max(0, low.adjusted() - _DIGITS)))
    for width in _widths(least):
        first, last = (math.floor(each / width) for each in (low, high))
        if last - first < wanted:
            return Ranges(width, first, last - first + 1)
    raise AssertionError("some width is enough")


def _widths(least: Decimal) -> Iterator[Decimal]:
    """Round widths in rising order, from just below one on."""
    exponent = least.adjusted()
    while True:
        yield from (Decimal((0, (step,), exponent)) for step in _STEPS)
        exponent += 1


async def numeric(run: Run, chosen: Chosen, on: Expression, wanted: int, measure: Measure) -> Series:
    """The series of ranges in order, `wanted` at most. Values that are no numbers are left out. Raises StoreError, and
    ExpressionError for expressions whose SQL is too large."""
    ranges = await find_ranges(run, chosen, on, wanted)
    if ranges is None:
        return []
    projection = chosen.projection(await run.known())
    key = f"arrayJoin({add_range(projection, on, ranges)})"
    found: dict[str, dict[str, float]] = dict(await series(run, projection, key, measure, wanted))
    return [(name, found[name]) for name in ranges.names() if name in found]


async def find_ranges(run: Run, chosen: Chosen, on: Expression, wanted: int) -> Ranges | None:
    """The ranges for all numbers that an expression has in some events; None where there is none."""
    projection = chosen.projection(await run.known())
    projection.add_number("number", on)
    rows = projection.rows()
    sql = f"SELECT min(number), max(number) {rows.sql} WHERE isFinite(number){rows.settings}"
    [(lowest, highest)] = await run.rows(Statement(sql, rows.parameters))
    return None if lowest is None else ranges_of(lowest, highest, wanted)


def add_range(projection: Projection, on: Expression, ranges: Ranges) -> str:
    """Add the number of an expression as a column; SQL of the names of its range, one or none."""
    projection.add_number("number", on)
    # JSON's reading of a number is exact, that of a bound Float64 is not.
    projection.parameters["bounds"] = json.dumps([float(bound) for bound in ranges.bounds()])
    projection.parameters["names"] = ranges.names()
    bounds = "JSONExtract({bounds:String}, 'Array(Float64)')"
    place = f"arrayLastIndex(_bound -> _bound <= assumeNotNull(number), {bounds})"
    return f"if(ifNull(isFinite(number), false), [{{names:Array(String)}}[greatest({place}, 1)]], [])"
