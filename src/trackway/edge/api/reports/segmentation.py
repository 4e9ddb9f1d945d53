"""`segmentation` and `segmentation/multiseg`: their parameters and answers (openapi/query segmentation-query).

`multiseg` is in no document of Mixpanel's; older clients show what it takes and gives. With `action`, it and
`segmentation` give the sum or the mean of numbers, as these clients ask for it.
"""

from typing import Any, Final, NamedTuple

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.numbers import FEWEST_RANGES
from trackway.edge.api.reports.parameters import (
    breakdown,
    buckets,
    choice,
    dates,
    days_of,
    event_name,
    expression,
    limit,
    required,
)
from trackway.edge.api.reports.report import Report
from trackway.edge.api.reports.series import check_size, filled, series_answer, series_csv
from trackway.edge.limits import MULTISEG_MAX, RANGES_MAX, SERIES_MAX
from trackway.edge.wire.parameter_tables import MULTISEG, SEGMENTATION
from trackway.edge.wire.parameters import Parameters, whole_number
from trackway.projects.project import Project
from trackway.query.reports.multiseg import Multiseg, multiseg, of_numbers_by
from trackway.query.reports.run import Run
from trackway.query.reports.segmentation import Chosen, Segmentation, of_numbers, segmentation
from trackway.query.reports.series import Action, Measure
from trackway.query.sql.days import Unit

_LIMIT_DEFAULT: Final = 60
_INTERVAL_MAX: Final = 366


class Wanted(NamedTuple):
    """A segmentation, and what is made of the numbers of `on` instead, if anything."""

    segmentation: Segmentation
    action: Action | None


class WantedOfTwo(NamedTuple):
    """The same by two expressions."""

    multiseg: Multiseg
    action: Action | None


def read_chosen(parameters: Parameters, project: Project) -> Chosen:
    """The events and buckets of a segmentation; an empty `event` is every event. Raises RequestError 400, naming the
    parameter."""
    unit = choice(parameters, "unit", tuple(Unit), Unit.DAY)
    interval = whole_number(parameters, "interval", 1, _INTERVAL_MAX) or 1
    if interval > 1 and unit is not Unit.DAY:
        raise RequestError(400, f"interval is a number of days: it cannot be {interval} with unit {unit}")
    return Chosen(
        project.project_id,
        event_name(parameters),
        buckets(days_of(project), *dates(parameters, project), unit, interval),
        expression(parameters, "where", project),
    )


def read_segmentation(parameters: Parameters, project: Project) -> Wanted:
    """As `read_chosen`. `limit` is for values of `on`."""
    on, action = breakdown(parameters, project), _action(parameters)
    values = limit(parameters, _LIMIT_DEFAULT, SERIES_MAX)
    return Wanted(
        Segmentation(
            read_chosen(parameters, project),
            _measure(parameters),
            required(on, "on") if action else on,
            SERIES_MAX if on is None else values,
        ),
        action,
    )


def read_multiseg(parameters: Parameters, project: Project) -> WantedOfTwo:
    action = _action(parameters)
    wanted = Multiseg(
        read_chosen(parameters, project),
        _measure(parameters),
        required(breakdown(parameters, project, "outer"), "outer"),
        required(breakdown(parameters, project, "inner"), "inner"),
        limit(parameters, min(_LIMIT_DEFAULT, MULTISEG_MAX), SERIES_MAX if action else MULTISEG_MAX),
        whole_number(parameters, "buckets", FEWEST_RANGES, RANGES_MAX),
    )
    return WantedOfTwo(wanted, action)


def _measure(parameters: Parameters) -> Measure:
    return choice(parameters, "type", tuple(Measure), Measure.GENERAL)


def _action(parameters: Parameters) -> Action | None:
    return choice(parameters, "action", tuple(Action)) if parameters.get("action") else None


async def answer(run: Run, wanted: Wanted) -> dict[str, Any]:
    chosen, on = wanted.segmentation.chosen, wanted.segmentation.on
    if wanted.action is not None and on is not None:
        name = chosen.events[0] if chosen.events else ""
        return series_answer(chosen.buckets, [(name, await of_numbers(run, chosen, on, wanted.action))])
    series = await segmentation(run, wanted.segmentation)
    return series_answer(chosen.buckets, series, asked=chosen.events if on is None else ())


async def answer_of_two(run: Run, wanted: WantedOfTwo) -> dict[str, Any]:
    buckets = wanted.multiseg.chosen.buckets
    if wanted.action is not None:
        return series_answer(buckets, await of_numbers_by(run, wanted.multiseg, wanted.action))
    nested, keys = await multiseg(run, wanted.multiseg), buckets.keys()
    check_size(sum(map(len, nested.values())), len(keys))
    values = {
        outer: {inner: filled(keys, points) for inner, points in inners.items()} for outer, inners in nested.items()
    }
    return {"data": {"series": keys, "values": values}, "legend_size": sum(map(len, values.values()))}


SEGMENTATION_REPORT: Final = Report("segmentation", SEGMENTATION, read_segmentation, answer, series_csv)
MULTISEG_REPORT: Final = Report("segmentation/multiseg", MULTISEG, read_multiseg, answer_of_two)
