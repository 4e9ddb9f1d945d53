"""`retention` and `retention/addiction`: their parameters, and their answers (openapi/query retention-query)."""

import asyncio
import time
from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.parameters import (
    breakdown,
    buckets,
    choice,
    dates,
    days_of,
    expression,
    limit,
    today,
)
from trackway.edge.api.reports.report import Report
from trackway.edge.api.reports.series import check_size
from trackway.edge.limits import RETENTION_INTERVAL_MAX, RETENTION_UNITS_MAX, RETENTION_VALUES_MAX, SERIES_MAX
from trackway.edge.wire.parameter_tables import ADDICTION
from trackway.edge.wire.parameters import Parameters, switch, whole_number
from trackway.projects.project import Project
from trackway.query.reports.addiction import Addiction, addiction
from trackway.query.reports.births import Births
from trackway.query.reports.retention import Retention, Row, RowsByKey, retention
from trackway.query.reports.return_windows import Windows
from trackway.query.reports.run import Run
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import Unit
from trackway.query.sql.selector import Selector

OVERALL: Final = "$overall"
"""The key of all persons beside the values of a breakdown."""
LIMIT_DEFAULT: Final = 255
_DAYS_OF: Final = {Unit.DAY: 1, Unit.WEEK: 7, Unit.MONTH: 31}


class RetentionType(StrEnum):
    """Whether a person counts once, or in each row."""

    BIRTH = "birth"
    COMPOUNDED = "compounded"


class Window(StrEnum):
    """Whether buckets are 24 hours long from the birth on, or units of the calendar."""

    ROLLING = "rolling"
    CALENDAR = "calendar"


def unit_or_interval(parameters: Parameters, interval_max: int) -> tuple[Unit, int]:
    """`unit` day, week or month, or `interval`, a number of days. Raises RequestError 400 for both, except for an
    interval of 1, which clients send beside a unit."""
    interval = whole_number(parameters, "interval", 1, interval_max) or 1
    if interval > 1 and parameters.get("unit"):
        raise RequestError(400, "unit and interval cannot be combined: give interval for a number of days, or unit")
    return choice(parameters, "unit", (Unit.DAY, Unit.WEEK, Unit.MONTH), Unit.DAY), interval


def read_retention(parameters: Parameters, project: Project) -> Retention:
    """Raises RequestError 400, naming the parameter."""
    unit, interval = unit_or_interval(parameters, RETENTION_INTERVAL_MAX)
    kind = choice(parameters, "retention_type", tuple(RetentionType), RetentionType.BIRTH)
    window = choice(parameters, "retention_window", tuple(Window), Window.ROLLING)
    ends = _bracket_ends(parameters) or _interval_ends(parameters, interval)
    unbounded = switch(parameters, "unbounded_retention", default=False)
    windows = Windows(unit, window is Window.ROLLING, ends, unbounded)
    rows = buckets(days_of(project), *dates(parameters, project), unit, interval)
    number = len(rows.keys()) * len(ends)
    check_values(number)
    returning = Selector(parameters.get("event", ""), expression(parameters, "where", project))
    born, once = returning, kind is RetentionType.BIRTH
    if once:
        born = Selector(parameters.get("born_event", ""), expression(parameters, "born_where", project))
    on = breakdown(parameters, project)
    read = rows._replace(to_date=last_day(rows, windows, today(project)))
    chosen = limit(parameters, LIMIT_DEFAULT, SERIES_MAX)
    if on is not None and chosen * number > 100 * RETENTION_VALUES_MAX:
        raise RequestError(400, f"limit {chosen} times {number} values are too many: lower limit or interval_count")
    return Retention(Births(project.project_id, rows, read, born, returning, once, on), windows, chosen)


def check_values(number: int) -> None:
    """Raise RequestError 400 for so many values of rows and buckets."""
    if number > RETENTION_VALUES_MAX:
        raise RequestError(
            400, f"more than {RETENTION_VALUES_MAX} values ({number}): lower interval_count or choose fewer days"
        )


def _interval_ends(parameters: Parameters, interval: int) -> list[int]:
    count = whole_number(parameters, "interval_count", 1, RETENTION_UNITS_MAX) or 1
    return [interval * number for number in range(1, count + 2)]


def _bracket_ends(parameters: Parameters) -> list[int]:
    """How many units after the birth each bucket ends, as `[1,3,7]`; empty where intervals are asked for."""
    text = parameters.get("brackets", "")
    if not text:
        return []
    for name in ("interval", "interval_count"):
        if parameters.get(name):
            raise RequestError(400, f"brackets and {name} cannot be combined: each number of brackets ends a bucket")
    try:
        ends = msgspec.json.decode(text, type=list[int])
    except msgspec.MsgspecError:
        ends = []
    rising = all(before < after for before, after in zip([0, *ends], ends, strict=False))
    if not ends or not rising or ends[-1] > RETENTION_UNITS_MAX:
        raise RequestError(
            400, f"brackets must be a JSON array of rising whole numbers from 1 to {RETENTION_UNITS_MAX}, as [1,3,7]"
        )
    return ends


def last_day(rows: Buckets, windows: Windows, present: date) -> date:
    """The last day of events that may be returns; events are never further ahead than an hour."""
    latest = present + timedelta(days=1)
    after = (windows.ends[-1] + 1) * _DAYS_OF[windows.unit]
    return min(rows.to_date + timedelta(days=after), latest)


async def answer_retention(run: Run, wanted: Retention) -> dict[str, Any]:
    """By row, `counts` and `first`; with a breakdown this by value, and OVERALL for all."""
    every, values = await retention(run, wanted)
    begun = begun_buckets(wanted, time.time_ns() // 1_000_000)
    if wanted.born.on is None:
        return _shown(begun, every, every)
    check_size(len(values) + 1, len(begun) * len(wanted.windows.ends))
    named = {OVERALL: every} | values
    return await asyncio.to_thread(lambda: {name: _shown(begun, rows, every) for name, rows in named.items()})


def without_returns(every: RowsByKey, key: str, buckets: int) -> Row:
    """A row in which nobody came back, of those who began."""
    return Row(every[key].first if key in every else 0, [0] * buckets)


def begun_buckets(wanted: Retention, now_ms: int) -> dict[str, int]:
    """How many buckets of each row of the range have begun."""
    keys, days = wanted.born.rows.keys(), wanted.born.rows.days
    return {key: wanted.windows.begun(days, date.fromisoformat(key), now_ms) for key in keys}


def _shown(begun: Mapping[str, int], found: RowsByKey, every: RowsByKey) -> dict[str, Any]:
    """All rows of the range, without buckets that have not begun."""
    rows = ((key, number, found.get(key) or without_returns(every, key, number)) for key, number in begun.items())
    return {key: {"counts": row.counts[:number], "first": row.first} for key, number, row in rows}


def read_addiction(parameters: Parameters, project: Project) -> Addiction:
    """Raises RequestError 400, naming the parameter."""
    unit = choice(parameters, "unit", (Unit.DAY, Unit.WEEK, Unit.MONTH))
    part = choice(parameters, "addiction_unit", (Unit.HOUR, Unit.DAY))
    return Addiction(
        project.project_id,
        buckets(days_of(project), *dates(parameters, project), unit),
        part,
        Selector(parameters.get("event", ""), expression(parameters, "where", project)),
        breakdown(parameters, project),
        limit(parameters, LIMIT_DEFAULT, SERIES_MAX),
    )


async def answer_addiction(run: Run, wanted: Addiction) -> dict[str, Any]:
    """By bucket, persons by the least number of active parts; with a breakdown this by value, and OVERALL for all."""
    every, values = await addiction(run, wanted)
    keys, none = wanted.buckets.keys(), [0] * wanted.parts
    check_size(len(values) + 1, len(keys) * wanted.parts)
    if wanted.on is None:
        return {"data": {key: every.get(key, none) for key in keys}}
    named = {OVERALL: every} | values
    return {"data": {name: {key: found.get(key, none) for key in keys} for name, found in named.items()}}


ADDICTION_REPORT: Final = Report("retention/addiction", ADDICTION, read_addiction, answer_addiction)
