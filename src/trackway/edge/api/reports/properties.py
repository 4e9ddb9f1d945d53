"""`events/properties`, `/properties/top` and `/properties/values`: their parameters and answers (openapi/query)."""

from typing import Any, Final, NamedTuple

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.events import measure_of, read_recent
from trackway.edge.api.reports.parameters import event_name, expression, limit, property_name, recent_buckets
from trackway.edge.api.reports.report import Report
from trackway.edge.api.reports.series import series_answer, series_csv
from trackway.edge.limits import SERIES_MAX
from trackway.edge.wire.parameter_tables import PROPERTIES, PROPERTIES_TOP, PROPERTIES_VALUES
from trackway.edge.wire.parameters import Parameters, strings
from trackway.projects.project import Project
from trackway.query.expressions import Property
from trackway.query.reports.properties import property_names
from trackway.query.reports.recent import Recent, of_recent
from trackway.query.reports.run import Run
from trackway.query.reports.segmentation import Chosen, Segmentation, segmentation
from trackway.query.reports.series import Measure

_LIMIT_DEFAULT: Final = 255
_TOP_DEFAULT: Final = 10


class Top(NamedTuple):
    """The events whose properties are counted. `limit`: names at most."""

    recent: Recent
    limit: int


class Values(NamedTuple):
    """The events whose values of a property are counted. `limit`: values at most."""

    recent: Recent
    property: Property
    limit: int


def read_properties(parameters: Parameters, project: Project) -> Segmentation:
    """Raises RequestError 400, naming the parameter. An empty `event` is every event."""
    values = strings(parameters, "values")
    if values is not None and len(values) > SERIES_MAX:
        raise RequestError(400, f"values must not have more than {SERIES_MAX} values")
    return Segmentation(
        Chosen(
            project.project_id,
            event_name(parameters),
            recent_buckets(parameters, project),
            expression(parameters, "where", project),
        ),
        measure_of(parameters),
        property_name(parameters),
        limit(parameters, _LIMIT_DEFAULT, SERIES_MAX) if values is None else len(values),
        values=values,
    )


def read_top(parameters: Parameters, project: Project) -> Top:
    recent = read_recent(parameters, project, event_name(parameters, required=False))
    return Top(recent, limit(parameters, _TOP_DEFAULT, SERIES_MAX))


def read_values(parameters: Parameters, project: Project) -> Values:
    recent = read_recent(parameters, project, event_name(parameters, required=False))
    return Values(recent, property_name(parameters), limit(parameters, _LIMIT_DEFAULT, SERIES_MAX))


async def answer_properties(run: Run, wanted: Segmentation) -> dict[str, Any]:
    return series_answer(wanted.chosen.buckets, await segmentation(run, wanted), asked=wanted.values or ())


async def answer_top(run: Run, wanted: Top) -> dict[str, Any]:
    found = await of_recent(run, wanted.recent, lambda chosen: property_names(run, chosen, wanted.limit))
    return {name: {"count": events} for name, events in found.items()}


async def answer_values(run: Run, wanted: Values) -> list[str]:
    async def ask(chosen: Chosen) -> list[str]:
        on, limit = wanted.property, wanted.limit
        found = await segmentation(run, Segmentation(chosen, Measure.GENERAL, on, limit, with_undefined=False))
        return [value for value, _ in found]

    return await of_recent(run, wanted.recent, ask)


PROPERTIES_REPORT: Final = Report("events/properties", PROPERTIES, read_properties, answer_properties, series_csv)
PROPERTIES_TOP_REPORT: Final = Report("events/properties/top", PROPERTIES_TOP, read_top, answer_top)
PROPERTIES_VALUES_REPORT: Final = Report("events/properties/values", PROPERTIES_VALUES, read_values, answer_values)
