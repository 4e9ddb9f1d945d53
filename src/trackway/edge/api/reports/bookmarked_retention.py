"""`retention` by its parameters or by a saved report, and the answer to a bookmark for retention, as Mixpanel's query
SDK reads them."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from trackway.edge.api.reports.bookmarks.filters import Calendar
from trackway.edge.api.reports.bookmarks.retention import RetentionQuestion, read_retention_bookmark
from trackway.edge.api.reports.bookmarks.saved import Named, bookmark_id_of, loading
from trackway.edge.api.reports.parameters import days_of, today
from trackway.edge.api.reports.report import Report
from trackway.edge.api.reports.retention import (
    LIMIT_DEFAULT,
    OVERALL,
    answer_retention,
    begun_buckets,
    read_retention,
    without_returns,
)
from trackway.edge.api.reports.series import check_size
from trackway.edge.wire.parameter_tables import RETENTION
from trackway.edge.wire.parameters import Parameters
from trackway.projects.project import Project
from trackway.query.reports.axis import Axis
from trackway.query.reports.retention import Retention, Row, RowsByKey, retention
from trackway.query.reports.return_windows import UNIT_DAYS
from trackway.query.reports.run import Run
from trackway.query.sql.days import Unit

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

_AVERAGE = "$average"


class _Place(NamedTuple):
    """A row of the range: its key, when it begins, and how many of its buckets have begun, and ended for everybody."""

    key: str
    instant: str
    begun: int
    ended: int


async def retention_series(run: Run, wanted: RetentionQuestion) -> dict[str, Any]:
    """By the first instant of each row `first`, `counts` and `rates`, and under `$average` their means; with a
    breakdown this by value, and OVERALL for all."""
    every, values = await retention(run, wanted.retention)
    places = _places(wanted.retention, time.time_ns() // 1_000_000)
    buckets = len(wanted.retention.windows.ends)
    if wanted.retention.born.on is None:
        return {wanted.name: _shown(places, buckets, every, every)}
    check_size(len(values) + 1, 2 * len(places) * buckets)
    named = {OVERALL: every} | values
    return {wanted.name: await asyncio.to_thread(_shown_by_value, places, buckets, named)}


def _shown_by_value(places: Sequence[_Place], buckets: int, named: Mapping[str, RowsByKey]) -> dict[str, Any]:
    every = named[OVERALL]
    return {name: _shown(places, buckets, rows, every) for name, rows in named.items()}


def _places(wanted: Retention, now_ms: int) -> list[_Place]:
    axis = Axis(wanted.born.rows)
    return [
        _Place(key, axis.instant(key), begun, _ended(wanted, date.fromisoformat(key), now_ms))
        for key, begun in begun_buckets(wanted, now_ms).items()
    ]


def _shown(places: Sequence[_Place], buckets: int, found: RowsByKey, every: RowsByKey) -> dict[str, Any]:
    rows = [found.get(each.key) or without_returns(every, each.key, buckets) for each in places]
    shown = {}
    for place, row in zip(places, rows, strict=True):
        counts = row.counts[: place.begun]
        rates = [count / row.first if row.first else 0 for count in counts]
        shown[place.instant] = {"first": row.first, "counts": counts, "rates": rates}
    return shown | {_AVERAGE: average([(row, each.ended) for row, each in zip(rows, places, strict=True)], buckets)}


def _ended(wanted: Retention, row: date, now_ms: int) -> int:
    """How many buckets of a row have ended for everybody in it."""
    windows, days = wanted.windows, wanted.born.rows.days
    longer = windows._replace(ends=[*windows.ends, windows.ends[-1] + 1])
    if windows.rolling:  # somebody may have begun at the row's last instant
        row = _next(windows.unit, row)
    return max(longer.begun(days, row, now_ms) - 1, 0)


def _next(unit: Unit, row: date) -> date:
    """The first day of the next row."""
    if unit is Unit.MONTH:
        return (row + timedelta(days=31)).replace(day=1)
    return row + timedelta(days=UNIT_DAYS[unit])


def average(rows: list[tuple[Row, int]], buckets: int) -> dict[str, Any]:
    """The mean row. Rows count by their size, and in a bucket only if that has ended, given beside each row.

    Of a mean count Σcp/Σp and a mean size Σp²/Σp, with p the sizes, the rate is Σcp/Σp². `persons` are Σp of each
    bucket: a mean of nobody is 0, too.
    """
    sizes = sum(row.first for row, _ in rows)
    counts, rates, sums = [], [], []
    for bucket in range(max((ended for _, ended in rows), default=0)):
        of = [row for row, ended in rows if ended > bucket]
        persons, squares = sum(row.first for row in of), sum(row.first**2 for row in of)
        returned = sum(row.counts[bucket] * row.first for row in of)
        counts.append(returned / persons if persons else 0)
        rates.append(returned / squares if squares else 0)
        sums.append(persons)
    first = sum(row.first**2 for row, _ in rows) / sizes if sizes else 0
    return {"first": first, "counts": counts[:buckets], "rates": rates[:buckets], "persons": sums[:buckets]}


Asked = Retention | RetentionQuestion


def _read(parameters: Parameters, project: Project) -> Asked | Named[Asked]:
    """Raises RequestError 400, naming the parameter."""
    bookmark_id = bookmark_id_of(parameters)
    if bookmark_id is None:
        return read_retention(parameters, project)
    calendar = Calendar(days_of(project), today(project), time.time())
    return Named(
        project,
        bookmark_id,
        None,
        lambda saved, _: read_retention_bookmark(saved, project.project_id, calendar, LIMIT_DEFAULT),
    )


def _load(wanted: Asked | Named[Asked]) -> Callable[["Saved"], Asked] | None:
    return loading(wanted) if isinstance(wanted, Named) else None


async def _answer(run: Run, wanted: Asked | Named[Asked]) -> dict[str, Any]:
    """A saved report has `rates`, too, and no means: clients take every key for a row."""
    assert not isinstance(wanted, Named), "it was looked up"
    if isinstance(wanted, Retention):
        return await answer_retention(run, wanted)
    [found] = (await retention_series(run, wanted)).values()
    levels = [found] if wanted.retention.born.on is None else found.values()
    for rows in levels:
        del rows[_AVERAGE]
    return dict(found)


RETENTION_REPORT: Final = Report("retention", RETENTION, _read, _answer, load=_load)
