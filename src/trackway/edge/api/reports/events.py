"""`events`, `events/top` and `events/names`: their parameters and answers (openapi/query Event Breakdown)."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.parameters import (
    choice,
    dates,
    days_of,
    event_names,
    expression,
    limit,
    recent_buckets,
    whole,
)
from trackway.edge.api.reports.report import Report
from trackway.edge.api.reports.series import series_answer, series_csv
from trackway.edge.limits import EVENT_NAMES_MAX, SERIES_MAX
from trackway.edge.wire.parameter_tables import EVENTS, EVENTS_NAMES, EVENTS_TOP
from trackway.edge.wire.parameters import Parameters
from trackway.projects.project import Project
from trackway.query.reports.recent import Recent, of_recent
from trackway.query.reports.run import Run
from trackway.query.reports.segmentation import Chosen, Segmentation, segmentation
from trackway.query.reports.series import Measure
from trackway.query.reports.top_events import Moment, top_events

RECENT_DAYS: Final = 31
"""Days of a report that has no dates, the present one included."""
_TOP_DEFAULT: Final = 100
_NAMES_DEFAULT: Final = 255


class Top(NamedTuple):
    """What is counted today. `limit`: events at most."""

    project_id: int
    moment: Moment
    measure: Measure
    limit: int


class Names(NamedTuple):
    """The events whose names are given, in the order of a measure. `limit`: names at most."""

    recent: Recent
    measure: Measure
    limit: int


def measure_of(parameters: Parameters) -> Measure:
    """`type`, which counts events where it is not given."""
    return choice(parameters, "type", tuple(Measure), Measure.GENERAL)


def read_recent(parameters: Parameters, project: Project, events: Sequence[str]) -> Recent:
    """The events of a report whose dates are one bucket, RECENT_DAYS without any."""
    dated = bool(parameters.get("from_date") or parameters.get("to_date"))
    last = _now(project).day
    period = dates(parameters, project) if dated else (last - timedelta(days=RECENT_DAYS - 1), last)
    where = expression(parameters, "where", project)
    return Recent(Chosen(project.project_id, events, whole(days_of(project), *period), where), dated)


def read_events(parameters: Parameters, project: Project) -> Segmentation:
    """Raises RequestError 400, naming the parameter."""
    names = event_names(parameters)
    where = expression(parameters, "where", project)
    chosen = Chosen(project.project_id, names, recent_buckets(parameters, project), where)
    return Segmentation(chosen, measure_of(parameters), None, len(names))


def read_top(parameters: Parameters, project: Project) -> Top:
    return Top(project.project_id, _now(project), measure_of(parameters), limit(parameters, _TOP_DEFAULT, SERIES_MAX))


def read_names(parameters: Parameters, project: Project) -> Names:
    return Names(read_recent(parameters, project, []), measure_of(parameters), _clamped(parameters))


def _clamped(parameters: Parameters) -> int:
    """A limit above the highest one is the highest one: clients ask for more to get all."""
    text = parameters.get("limit", "")
    digits = text.lstrip("0")
    if text and (not text.isascii() or not text.isdigit() or not digits):
        raise RequestError(400, f"limit must be a whole number from 1 to {EVENT_NAMES_MAX}")
    return min(int(digits[:20]), EVENT_NAMES_MAX) if text else _NAMES_DEFAULT


def _now(project: Project) -> Moment:
    return Moment(days_of(project), time.time_ns() // 1_000_000)


async def answer_events(run: Run, wanted: Segmentation) -> dict[str, Any]:
    return series_answer(wanted.chosen.buckets, await segmentation(run, wanted), asked=wanted.chosen.events)


async def answer_top(run: Run, wanted: Top) -> dict[str, Any]:
    found = await top_events(run, *wanted)
    return {"events": [each._asdict() for each in found], "type": wanted.measure}


async def answer_names(run: Run, wanted: Names) -> list[str]:
    async def ask(chosen: Chosen) -> list[str]:
        return [name for name, _ in await segmentation(run, Segmentation(chosen, wanted.measure, None, wanted.limit))]

    return await of_recent(run, wanted.recent, ask)


EVENTS_REPORT: Final = Report("events", EVENTS, read_events, answer_events, series_csv)
EVENTS_TOP_REPORT: Final = Report("events/top", EVENTS_TOP, read_top, answer_top)
EVENTS_NAMES_REPORT: Final = Report("events/names", EVENTS_NAMES, read_names, answer_names)
