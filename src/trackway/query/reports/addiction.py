"""Frequency: in how many different hours or days of each day, week or month a person was active (docs/reports.md)."""

from itertools import accumulate
from typing import Final, NamedTuple

from trackway.query.expressions import Expression
from trackway.query.reports.run import Run, Statement
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import Unit
from trackway.query.sql.person import Known
from trackway.query.sql.projection import NOBODY, Projection
from trackway.query.sql.selector import Selector, named_by
from trackway.query.sql.tables import rows_from

PARTS: Final = {
    (Unit.DAY, Unit.HOUR): 24,
    (Unit.WEEK, Unit.HOUR): 168,
    (Unit.MONTH, Unit.HOUR): 744,
    (Unit.DAY, Unit.DAY): 1,
    (Unit.WEEK, Unit.DAY): 7,
    (Unit.MONTH, Unit.DAY): 31,
}
"""How many parts a unit has at most: an hour that the clocks show twice is one."""


class Addiction(NamedTuple):
    """What to count. `part`: HOUR or DAY of a unit of the buckets. `on`: the breakdown, whose `limit` values with most
    active persons are given."""

    project_id: int
    buckets: Buckets
    part: Unit
    active: Selector
    on: Expression | None
    limit: int

    @property
    def parts(self) -> int:
        return PARTS[self.buckets.unit, self.part]


Frequencies = dict[str, list[int]]
"""By bucket, how many persons were active in at least 1, 2, … parts of it. Buckets without persons are left out."""


async def addiction(run: Run, wanted: Addiction) -> tuple[Frequencies, dict[str, Frequencies]]:
    """The frequencies of all, and those of each value where there is a breakdown. Raises StoreError, and
    ExpressionError for expressions whose SQL is too large."""
    known = await run.known()
    every = await _by_value(run, wanted._replace(on=None), known)
    return every.get("", {}), {} if wanted.on is None else await _by_value(run, wanted, known)


async def _by_value(run: Run, wanted: Addiction, known: Known) -> dict[str, Frequencies]:
    """By value of the breakdown; without one the only value is empty."""
    rows = await run.rows(_statement(wanted, known))
    return {str(value): _frequencies(wanted.parts, counts) for value, _, counts in rows}


def _frequencies(parts: int, counts: list[tuple[str, int, int]]) -> Frequencies:
    exactly: Frequencies = {}
    for key, active, persons in counts:
        exactly.setdefault(key, [0] * parts)[active - 1] = persons
    return {key: list(accumulate(reversed(each)))[::-1] for key, each in exactly.items()}


def _statement(wanted: Addiction, known: Known) -> Statement:
    """A row for each value: the value, its persons, and triples of bucket, active parts and persons."""
    projection = Projection(named_by(wanted.project_id, [wanted.active]).between(*wanted.buckets.bounds_ms), known)
    projection.add_who()
    projection.add("bucket", wanted.buckets.sql(projection.parameters))
    projection.add("part", wanted.buckets._replace(unit=wanted.part, interval=1).sql(projection.parameters))
    projection.only(wanted.active.where)
    key = "'' AS key"
    if wanted.on is not None:
        projection.add_keys("keys", wanted.on)
        key = "arrayJoin(keys) AS key"
    rows = projection.rows()
    active = f"SELECT {key}, bucket, length(groupUniqArray(toUInt32(part))) AS active {rows.sql}"
    active += f" WHERE who != {NOBODY} GROUP BY key, bucket, who"
    counted = f"SELECT key, bucket, active, count() AS persons {rows_from(active)} GROUP BY key, bucket, active"
    sql = f"SELECT key, sum(persons) AS total, groupArray((toString(bucket), active, persons)) {rows_from(counted)}"
    sql += f" GROUP BY key ORDER BY total DESC, key LIMIT {{limit:UInt32}}{rows.settings}"
    return Statement(sql, rows.parameters | {"limit": wanted.limit})
