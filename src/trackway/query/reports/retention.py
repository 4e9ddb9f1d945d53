"""Retention: of the persons who began in a row of the report, how many came back after so much time (docs/reports.md).

A person begins with an event, the birth, and comes back with another. An event is never its own return.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from trackway.query.reports.births import Births, births_by_person, births_by_row, first_births, has_births_by_person
from trackway.query.reports.return_windows import Windows
from trackway.query.reports.run import Run, Statement
from trackway.query.sql.person import Known
from trackway.query.sql.scope import Rows
from trackway.query.sql.tables import rows_from


class Retention(NamedTuple):
    """What to count. `born`: who began, when. `limit`: how many values of its breakdown are given, those with most
    returns."""

    born: Births
    windows: Windows
    limit: int


class Row(NamedTuple):
    """How many persons began, and how many came back by bucket."""

    first: int
    counts: list[int]


RowsByKey = dict[str, Row]
"""The rows that have persons."""

_SMALL: Final = 255
"""So many buckets have numbers of one byte, which the store puts together fastest."""
_BORN: Final = -1
"""The bucket of births in a statement's result."""


async def retention(run: Run, wanted: Retention) -> tuple[RowsByKey, dict[str, RowsByKey]]:
    """The rows of all, and where there is a breakdown those of each value that have returns. `first` is that of all.
    Raises StoreError, and ExpressionError for expressions whose SQL is too large."""
    known = await run.known()
    plain = wanted._replace(born=wanted.born._replace(on=None))
    every_row = _all(plain, known)
    first = [_in_one_level(every_row)] if has_births_by_person(plain.born, known) else []
    parts = await run.rows(*first, every_row)
    every = _rows(wanted.windows, [cell for [cells] in parts for cell in cells])
    if wanted.born.on is None:
        return every, {}
    values = {}
    for value, _, cells in await run.rows(_by_value(wanted, known)):
        rows = _rows(wanted.windows, cells)
        values[str(value)] = {key: Row(every[key].first, row.counts) for key, row in rows.items()}
    return every, values


def _in_one_level(statement: Statement) -> Statement:
    """The same, where persons are not split into parts that threads put together. Splitting moves the list of each
    person's times, which takes two thirds of the statement's processor time. Nothing of it can go to the disk."""
    settings = "group_by_two_level_threshold = 0, group_by_two_level_threshold_bytes = 0"
    return statement._replace(sql=f"{statement.sql}, {settings}")


def _rows(windows: Windows, cells: Iterable[tuple[str, int, int]]) -> RowsByKey:
    """The rows of these cells. Those of one row and bucket, of different persons, are added up."""
    rows: RowsByKey = {}
    for key, bucket, persons in cells:
        row = rows.setdefault(key, Row(0, [0] * len(windows.ends)))
        if bucket == _BORN:
            rows[key] = row._replace(first=row.first + persons)
        else:
            row.counts[bucket] += persons
    for row in rows.values() if windows.unbounded else ():
        for bucket in range(len(row.counts) - 1, 0, -1):
            row.counts[bucket - 1] += row.counts[bucket]
    return rows


def _all(wanted: Retention, known: Known) -> Statement:
    """One row for each part of the persons: the triples of row, bucket and persons."""
    reached = _reached(wanted, known)
    counted = f"SELECT row, arrayJoin(arrayConcat([{_BORN}], buckets)) AS bucket, count() AS persons"
    counted += f" {reached.sql} GROUP BY row, bucket"
    sql = f"SELECT groupArray((toString(row), bucket, persons)) {rows_from(counted)}{reached.settings}"
    return Statement(sql, reached.parameters, parts=reached.parts)


def _by_value(wanted: Retention, known: Known) -> Statement:
    """A row for each value: the value, the sum of its persons, and its triples."""
    reached = _reached(wanted, known)
    counted = "SELECT row, (arrayJoin(buckets) AS each).1 AS bucket, each.2 AS key, count() AS persons"
    counted += f" {reached.sql} GROUP BY row, bucket, key"
    sql = f"SELECT key, sum(persons) AS total, groupArray((toString(row), bucket, persons)) {rows_from(counted)}"
    sql += f" GROUP BY key ORDER BY total DESC, key LIMIT {{limit:UInt32}}{reached.settings}"
    return Statement(sql, reached.parameters | {"limit": wanted.limit})


def _reached(wanted: Retention, known: Known) -> Rows:
    """A row for each birth: `row`, and `buckets` in which the person came back; with a breakdown these are pairs of
    bucket and value. Of unbounded windows only the last bucket is there."""
    paired = wanted.born.on is not None
    if has_births_by_person(wanted.born, known):
        rows = _of_persons(wanted, known)
    else:
        rows = _after_first(wanted, known) if wanted.born.once else _after_each(wanted, known)
    if not wanted.windows.unbounded:
        return rows
    last = "arrayFilter(each -> each = arrayMax(reached), reached)"
    if paired:
        last = "arrayFilter(each -> NOT arrayExists(other -> other.2 = each.2 AND other.1 > each.1, reached), reached)"
    return rows._replace(
        sql=rows_from(f"SELECT row, {last} AS buckets {rows_from(f'SELECT row, buckets AS reached {rows.sql}')}")
    )


def _after_first(wanted: Retention, known: Known) -> Rows:
    """Of a person's only birth. Every return is put into its bucket before the person's are put together: lists of all
    places would take several times as long."""
    born, windows, paired = first_births(wanted.born, wanted.windows, known), wanted.windows, wanted.born.on is not None
    number = "toUInt8" if len(windows.ends) <= _SMALL else "toInt32"
    bucket = f"{number}({windows.bucket_sql('units', born.parameters)})"
    sql = f"SELECT *, {windows.units_sql('place')} AS units {born.sql}"
    each = f"({bucket}, key)" if paired else bucket
    later = f"groupUniqArrayIf({each}, returning AND place > birth AND units < {windows.ends[-1]})"
    # Another return at the time of the birth, besides the birth itself.
    same, again = "countIf(returning AND place = birth)", f"if(same > own, [{number}(0)], [])"
    if paired:
        same = "groupArrayIf(key, returning AND place = birth)"
        again = f"arrayMap(key -> ({number}(0), key), arrayFilter(key -> countEqual(same, key) > own, same))"
    sql = f"SELECT any(row) AS row, any(own) AS own, {later} AS later, {same} AS same {rows_from(sql)} GROUP BY who"
    sql = f"SELECT row, arrayDistinct(arrayConcat(later, {again})) AS buckets {rows_from(sql)}"
    return born._replace(sql=rows_from(sql))


def _of_persons(wanted: Retention, known: Known) -> Rows:
    """The same where facts have a person's events together. No event is looked up, so that this takes a third of the
    time."""
    windows = wanted.windows
    born = births_by_person(wanted.born, windows, known)
    number = "toUInt8" if len(windows.ends) <= _SMALL else "toInt32"
    bucket = f"{number}({windows.bucket_sql(windows.units_sql('place'), born.parameters)})"
    sql = f"SELECT *, {windows.until_sql} AS until {born.sql}"
    # Bounds of places: to compute the units of each event for this took an eighth of the whole time.
    later = "arrayFilter(place -> place > birth AND place < until, places) AS later"
    sql = f"SELECT row, own, birth, countEqual(places, birth) AS same, {later} {rows_from(sql)}"
    # Times of a day mostly lie beside each other.
    reached = f"arrayCompact(arrayMap(place -> {bucket}, later))"
    again = f"if(same > own, [{number}(0)], [])"
    sql = f"SELECT row, arrayDistinct(arrayConcat({reached}, {again})) AS buckets {rows_from(sql)}"
    return born._replace(sql=rows_from(sql))


def _after_each(wanted: Retention, known: Known) -> Rows:
    """Of each birth of a person, which is a return itself."""
    born, windows, paired = (
        births_by_row(wanted.born, wanted.windows, known),
        wanted.windows,
        wanted.born.on is not None,
    )
    place = "each.1" if paired else "each"
    sql = f"SELECT row, birth, arrayFilter(each -> {place} > birth, places) AS later"
    sql += f", arrayFilter(each -> {place} = birth, places) AS same {born.sql}"
    # Another return at the time of the birth, besides the birth itself.
    again = "arrayFilter(each -> countEqual(same, each) > 1, same)"
    sql = f"SELECT row, birth, arrayConcat(later, {again}) AS returns {rows_from(sql)}"
    units = windows.units_sql(place)
    sql = f"SELECT row, arrayMap(each -> {_pair(units, paired)}, returns) AS after {rows_from(sql)}"
    in_time = f"arrayFilter(each -> {place} < {windows.ends[-1]}, after)"
    bucket = f"toInt32({windows.bucket_sql(place, born.parameters)})"
    sql = f"SELECT row, arrayDistinct(arrayMap(each -> {_pair(bucket, paired)}, {in_time})) AS buckets {rows_from(sql)}"
    return born._replace(sql=rows_from(sql))


def _pair(sql: str, paired: bool) -> str:
    return f"({sql}, each.2)" if paired else sql
