"""Segmentation: how often events happened by time, and by the values of an expression (docs/reports.md).

A value counts under its text (`query.sql.breakdown`). Without a breakdown each event's name is a series.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from trackway.query.expressions import Expression, Literal
from trackway.query.reports.run import Run
from trackway.query.reports.series import Action, Measure, Series, series
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.events import Events, project_events
from trackway.query.sql.person import Known
from trackway.query.sql.projection import Projection
from trackway.query.sql.selector import ACTIVITY

NAMES: Final = "toString(event)"
"""The column of events' names."""


class Chosen(NamedTuple):
    """The events of a report. `events`: names; empty for every event (`query.sql.selector`)."""

    project_id: int
    events: Sequence[str]
    buckets: Buckets
    where: Expression | None = None

    def between(self, from_ms: int | None, before_ms: int | None) -> Events:
        """Those of some time, whatever `where` says."""
        events = project_events(self.project_id).between(from_ms, before_ms)
        if self.events:
            return events.named(self.events)
        return events.having(key=[ACTIVITY])

    def projection(self, known: Known) -> Projection:
        """Their rows, with the column `bucket`. Raises ExpressionError."""
        projection = Projection(self.between(*self.buckets.bounds_ms), known)
        projection.add_bucket("bucket", self.buckets)
        projection.only(self.where)
        return projection


class Segmentation(NamedTuple):
    """What to count.

    `on`: the breakdown, whose series with the highest totals are given, `limit` at most. `with_undefined`: whether it
    counts events without a value. `values`: the only ones that count, if given.
    """

    chosen: Chosen
    measure: Measure
    on: Expression | None
    limit: int
    with_undefined: bool = True
    values: Sequence[str] | None = None


async def segmentation(run: Run, wanted: Segmentation) -> Series:
    """The series. Raises StoreError, and ExpressionError for expressions whose SQL is too large."""
    projection = wanted.chosen.projection(await run.known())
    if (key := _only_key(wanted)) is not None:
        projection.parameters["key"] = key
        return await series(run, projection, "{key:String}", wanted.measure, wanted.limit)
    if wanted.on is None:
        projection.add("key", NAMES)
        return await series(run, projection, "key", wanted.measure, wanted.limit)
    projection.add_keys("keys", wanted.on, with_undefined=wanted.with_undefined)
    keys = "keys"
    if wanted.values is not None:
        projection.parameters["values"] = list(wanted.values)
        keys = "arrayFilter(_key -> has({values:Array(String)}, _key), keys)"
    return await series(run, projection, f"arrayJoin({keys})", wanted.measure, wanted.limit)


def _only_key(wanted: Segmentation) -> str | None:
    """The key of all events, where there is one. To group without a key takes half the time, so it is not computed for
    each event."""
    if wanted.on is None:
        return wanted.chosen.events[0] if len(wanted.chosen.events) == 1 else None
    if isinstance(wanted.on, Literal) and isinstance(wanted.on.value, str) and wanted.values is None:
        return wanted.on.value
    return None


async def of_numbers(run: Run, chosen: Chosen, on: Expression, action: Action) -> dict[str, float]:
    """By bucket, what is made of the numbers that an expression has in the events. Raises as `segmentation`."""
    projection = chosen.projection(await run.known())
    projection.add_number("number", on)
    found = await series(run, projection, "''", action, 1)
    return found[0][1] if found else {}
