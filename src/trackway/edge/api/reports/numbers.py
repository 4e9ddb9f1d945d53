"""`segmentation/numeric`, `/sum` and `/average`: their parameters and answers (openapi/query)."""

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from trackway.edge.api.reports.parameters import (
    breakdown,
    buckets,
    choice,
    dates,
    days_of,
    event_name,
    expression,
    required,
)
from trackway.edge.api.reports.report import Report
from trackway.edge.api.reports.series import filled, series_answer, series_csv
from trackway.edge.limits import RANGES_MAX
from trackway.edge.wire.parameter_tables import SEGMENTATION_AVERAGE, SEGMENTATION_NUMERIC, SEGMENTATION_SUM
from trackway.edge.wire.parameters import Parameters, whole_number
from trackway.projects.project import Project
from trackway.query.expressions import Expression
from trackway.query.reports.numeric import numeric
from trackway.query.reports.run import Run
from trackway.query.reports.segmentation import Chosen, of_numbers
from trackway.query.reports.series import Action, Measure
from trackway.query.sql.days import Unit

FEWEST_RANGES: Final = 2
"""Numbers of both signs are never in one range."""
_RANGES_DEFAULT: Final = 5


class Numbers(NamedTuple):
    """The numbers of an expression in some events."""

    chosen: Chosen
    on: Expression


class Ranged(NamedTuple):
    """The same, counted in ranges."""

    numbers: Numbers
    ranges: int
    measure: Measure


def read_numbers(parameters: Parameters, project: Project) -> Numbers:
    """Raises RequestError 400, naming the parameter. An empty `event` is every event."""
    unit = choice(parameters, "unit", tuple(Unit), Unit.DAY)
    chosen = Chosen(
        project.project_id,
        event_name(parameters),
        buckets(days_of(project), *dates(parameters, project), unit),
        expression(parameters, "where", project),
    )
    return Numbers(chosen, required(breakdown(parameters, project), "on"))


def read_ranged(parameters: Parameters, project: Project) -> Ranged:
    return Ranged(
        read_numbers(parameters, project),
        whole_number(parameters, "buckets", FEWEST_RANGES, RANGES_MAX) or _RANGES_DEFAULT,
        choice(parameters, "type", tuple(Measure), Measure.GENERAL),
    )


async def answer_ranged(run: Run, wanted: Ranged) -> dict[str, Any]:
    chosen, on = wanted.numbers
    return series_answer(chosen.buckets, await numeric(run, chosen, on, wanted.ranges, wanted.measure))


async def answer_sum(run: Run, wanted: Numbers) -> dict[str, Any]:
    found = await of_numbers(run, wanted.chosen, wanted.on, Action.SUM)
    results = filled(wanted.chosen.buckets.keys(), found)
    return {"status": "ok", "computed_at": datetime.now(UTC).isoformat(), "results": results}


async def answer_average(run: Run, wanted: Numbers) -> dict[str, Any]:
    found = await of_numbers(run, wanted.chosen, wanted.on, Action.AVERAGE)
    return {"results": filled(wanted.chosen.buckets.keys(), found), "status": "ok"}


NUMERIC_REPORT: Final = Report("segmentation/numeric", SEGMENTATION_NUMERIC, read_ranged, answer_ranged, series_csv)
SUM_REPORT: Final = Report("segmentation/sum", SEGMENTATION_SUM, read_numbers, answer_sum)
AVERAGE_REPORT: Final = Report("segmentation/average", SEGMENTATION_AVERAGE, read_numbers, answer_average)
