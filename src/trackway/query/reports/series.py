"""Series: what is counted of events by key and by time, as one statement.

A key is a text, or several. The rows that are counted have a column `bucket`; for persons also `who`, for numbers also
`number`.
"""

import math
from enum import StrEnum
from typing import Any, Final

from trackway.query.reports.run import Run, Statement
from trackway.query.sql.projection import NOBODY, Projection, Top
from trackway.query.sql.tables import rows_from


class Measure(StrEnum):
    """What is counted in a bucket: events, persons, or the events of persons by person."""

    GENERAL = "general"
    UNIQUE = "unique"
    AVERAGE = "average"


class Action(StrEnum):
    """What is made of the numbers of a bucket's events: their sum or mean. What is no number counts as 0."""

    SUM = "sum"
    AVERAGE = "average"


Series = list[tuple[Any, dict[str, float]]]
"""Keys and their values by bucket, in the order of falling totals, then by key. A total is the sum over the buckets.
A bucket of nothing is left out."""

# Sets of persons never leave the memory. Groups do when they grow.
_SETS: Final = f"countIf(who != {NOBODY}) AS events, uniqExactIf(who, who != {NOBODY}) AS persons"
_COUNTS: Final = {Measure.GENERAL: "sum(times) AS events", Measure.UNIQUE: _SETS, Measure.AVERAGE: _SETS}
_VALUES: Final = {Measure.GENERAL: "events", Measure.UNIQUE: "persons", Measure.AVERAGE: "events / persons"}
_MADE: Final = {Action.SUM: "sum(total)", Action.AVERAGE: "sum(total) / sum(times)"}


async def series(run: Run, projection: Projection, key: str, measure: Measure | Action, limit: int) -> Series:
    """The series of the rows of a projection, which has a column `bucket`: those with the highest totals, `limit` at
    most. `key` is SQL over its columns. Raises StoreError."""
    if isinstance(measure, Action):
        statements = [_statement(projection, key, measure, limit)]
    else:
        if measure is not Measure.GENERAL:
            projection.add_who()
        forms = (False,) if measure is Measure.GENERAL else (False, True)
        statements = [_statement(projection, key, measure, limit, spilling=spilling) for spilling in forms]
    rows = await run.rows(*statements)
    if isinstance(measure, Action):
        return [(key, {bucket: _number(value) for bucket, value in points}) for key, _, points in rows]
    return [(key, dict(points)) for key, _, points in rows]


def _number(value: float | None) -> float:
    """A number of the store's JSON. There 1e20 is a whole number beyond 64 bits, and a sum beyond doubles is null."""
    return math.inf if value is None else float(value)


def _statement(
    projection: Projection, key: str, measure: Measure | Action, limit: int, *, spilling: bool = False
) -> Statement:
    """The rows are key, total, and pairs of bucket and value. `spilling`: groups by person, which may go to the disk,
    instead of sets of persons."""
    if isinstance(measure, Action):
        rows = projection.summed_rows("number")
        counts, value = f"sum(times) AS events, {_MADE[measure]} AS made", "made"
    else:
        rows = projection.counted_rows(Top(key, limit)) if measure is Measure.GENERAL else projection.rows()
        counts, value = _COUNTS[measure], _VALUES[measure]
    counted = f"SELECT {key} AS key, bucket, {counts} {rows.sql} GROUP BY key, bucket"
    if spilling:
        each = (
            f"SELECT {key} AS key, bucket, count() AS each {rows.sql} WHERE who != {NOBODY} GROUP BY key, bucket, who"
        )
        counted = f"SELECT key, bucket, sum(each) AS events, count() AS persons {rows_from(each)} GROUP BY key, bucket"
    values = f"SELECT key, bucket, {value} AS value {rows_from(counted)} WHERE events > 0"
    sql = f"SELECT key, sum(value) AS total, groupArray((toString(bucket), value)) {rows_from(values)}"
    sql += f" GROUP BY key ORDER BY total DESC, key LIMIT {{limit:UInt32}}{rows.settings}"
    return Statement(sql, rows.parameters | {"limit": limit})
