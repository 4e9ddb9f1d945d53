"""Segmentation by two expressions: outer values, and within each of them inner values (docs/reports.md)."""

from typing import NamedTuple

from trackway.query.expressions import Expression
from trackway.query.reports.numeric import Ranges, add_range, find_ranges
from trackway.query.reports.run import Run
from trackway.query.reports.segmentation import Chosen
from trackway.query.reports.series import Action, Measure, Series, series
from trackway.query.sql.projection import Projection


class Multiseg(NamedTuple):
    """What to count: of each breakdown the values with the highest totals, `limit` at most. `ranges`: so many ranges of
    the inner numbers, at most, instead of their values."""

    chosen: Chosen
    measure: Measure
    outer: Expression
    inner: Expression
    limit: int
    ranges: int | None = None


Nested = dict[str, dict[str, dict[str, float]]]
"""Values by outer key, inner key and bucket. Every outer key has the same inner keys. A bucket of nothing is left
out."""


async def multiseg(run: Run, wanted: Multiseg) -> Nested:
    """The counts. Raises StoreError, and ExpressionError for expressions whose SQL is too large."""
    ranges = await find_ranges(run, wanted.chosen, wanted.inner, wanted.ranges) if wanted.ranges else None
    if wanted.ranges and ranges is None:
        return {}
    projection = await _projection(run, wanted)
    outer = await _top(run, projection, wanted, "outers")
    projection = await _projection(run, wanted)
    inner = await _top(run, projection, wanted, _inners(projection, wanted, ranges))
    projection = await _projection(run, wanted)
    projection.parameters |= {"outer": outer, "inner": inner}
    keys = [
        f"arrayJoin({_among('outer', 'outers')})",
        f"arrayJoin({_among('inner', _inners(projection, wanted, ranges))})",
    ]
    found = await series(run, projection, f"({', '.join(keys)})", wanted.measure, len(outer) * len(inner) + 1)
    nested: Nested = {each: {name: {} for name in inner} for each in outer}
    for (one, other), points in found:
        nested[one][other] = points
    return nested


async def of_numbers_by(run: Run, wanted: Multiseg, action: Action) -> Series:
    """What is made of the inner numbers, by outer key. Raises as `multiseg`."""
    projection = await _projection(run, wanted)
    projection.add_number("number", wanted.inner)
    return await series(run, projection, "arrayJoin(outers)", action, wanted.limit)


async def _projection(run: Run, wanted: Multiseg) -> Projection:
    projection = wanted.chosen.projection(await run.known())
    projection.add_keys("outers", wanted.outer)
    return projection


async def _top(run: Run, projection: Projection, wanted: Multiseg, keys: str) -> list[str]:
    found = await series(run, projection, f"arrayJoin({keys})", wanted.measure, wanted.limit)
    return [key for key, _ in found]


def _inners(projection: Projection, wanted: Multiseg, ranges: Ranges | None) -> str:
    """SQL of the inner keys of an event."""
    if ranges is not None:
        return add_range(projection, wanted.inner, ranges)
    projection.add_keys("inners", wanted.inner)
    return "inners"


def _among(name: str, keys: str) -> str:
    return f"arrayFilter(_key -> has({{{name}:Array(String)}}, _key), {keys})"
