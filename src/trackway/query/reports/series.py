"""Series: what is counted of events by key and by time, as one statement.

A key is a text, or several. The rows that are counted have a column `bucket`; for persons also `who`, for numbers also
`number`.
"""

import math
from enum import StrEnum
from typing import Any, Final

from trackway.query.reports.parts import in_one
from trackway.query.reports.run import Plain, Run, Statement
from trackway.query.sql.projection import NOBODY, Projection, Top
from trackway.query.sql.scope import Rows
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
_OF_PERSONS: Final = {Measure.UNIQUE: "persons", Measure.AVERAGE: "events / persons"}
_OF_ROWS: Final = {
    Measure.GENERAL: "sum(times)", Action.SUM: "sum(total)", Action.AVERAGE: "sum(total) / sum(times)",
}  # fmt: skip


async def series(run: Run, projection: Projection, key: str, measure: Measure | Action, limit: int) -> Series:
    """The series of the rows of a projection, which has a column `bucket`: those with the highest totals, `limit` at
    most. `key` is SQL over its columns. Raises StoreError."""
    if measure is Measure.GENERAL:
        plain = _plain(projection, key, limit) if projection.plain else None
        rows = await run.rows(_statement(projection, key, measure, limit), plain=plain)
    elif isinstance(measure, Action):
        rows = await run.rows(_statement(projection, key, measure, limit))
    else:
        projection.add_who()
        forms = (_of_persons(projection, key, measure, limit, spilling=each) for each in (False, True))
        rows = list(in_one(await run.rows(*forms)))
    if isinstance(measure, Action):
        return [(key, {bucket: _number(value) for bucket, value in points}) for key, _, points in rows]
    return [(key, dict(points)) for key, _, points in rows]


def _number(value: float | None) -> float:
    """A number of the store's JSON. There 1e20 is a whole number beyond 64 bits, and a sum beyond doubles is null."""
    return math.inf if value is None else float(value)


def _plain(projection: Projection, key: str, limit: int) -> Plain:
    return Plain(_statement(projection, key, Measure.GENERAL, limit, plain=True), projection.plain)


def _statement(
    projection: Projection, key: str, measure: Measure | Action, limit: int, *, plain: bool = False
) -> Statement:
    """The rows are key, total, and pairs of bucket and value. `plain`: where all values are (`counted_rows`)."""
    if isinstance(measure, Action):
        rows = projection.summed_rows("number")
    else:
        rows = projection.counted_rows(Top(key, limit), plain=plain)
    values = f"SELECT {key} AS key, bucket, {_OF_ROWS[measure]} AS value {rows.sql} GROUP BY key, bucket"
    return _best(values, rows, limit)


def _of_persons(projection: Projection, key: str, measure: Measure, limit: int, *, spilling: bool) -> Statement:
    """The same rows. `spilling`: groups by person, which may go to the disk, instead of sets of persons."""
    by_person = projection.rows_by_person("bucket") if measure is Measure.UNIQUE and not spilling else None
    if by_person is not None:
        values = f"SELECT {key} AS key, bucket, count() AS value {by_person.sql} GROUP BY key, bucket"
        return _best(values, by_person, limit)
    rows = projection.rows()
    counted = f"SELECT {key} AS key, bucket, {_SETS} {rows.sql} GROUP BY key, bucket"
    if spilling:
        each = (
            f"SELECT {key} AS key, bucket, count() AS each {rows.sql} WHERE who != {NOBODY} GROUP BY key, bucket, who"
        )
        counted = f"SELECT key, bucket, sum(each) AS events, count() AS persons {rows_from(each)} GROUP BY key, bucket"
    values = f"SELECT key, bucket, {_OF_PERSONS[measure]} AS value {rows_from(counted)} WHERE events > 0"
    return _best(values, rows, limit)


def _best(values: str, rows: Rows, limit: int) -> Statement:
    """The keys with the highest totals. `values`: a query's text that gives key, bucket and value."""
    sql = f"SELECT key, sum(value) AS total, groupArray((toString(bucket), value)) {rows_from(values)}"
    sql += f" GROUP BY key ORDER BY total DESC, key LIMIT {{limit:UInt32}}{rows.settings}"
    return Statement(sql, rows.parameters | {"limit": limit}, parts=rows.parts)
