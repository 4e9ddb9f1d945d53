"""`GET /api/2.0/export`: read the parameters, then stream the events of the store (protocol §7, openapi/export)."""

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

from trackway.domain.errors import RequestError
from trackway.edge.api.endpoint_shell import Query, Streamed
from trackway.edge.api.mapped_columns import mapped_of, names_columns
from trackway.edge.limits import EXPORT_LIMIT_MAX
from trackway.edge.wire.parameter_tables import EXPORT
from trackway.edge.wire.parameters import Parameters, check_format, required_day, strings, switch, where, whole_number
from trackway.edge.wire.replies import TEXT
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.query.export import ExportQuery, export_lines
from trackway.store.reader import Readers

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

PATH = "/api/2.0/export"
_DATES = (date(1970, 1, 1), date(2199, 12, 31))


def read_query(parameters: Parameters, project: Project) -> ExportQuery:
    """The export that the parameters ask for. Raises RequestError 400, naming the parameter."""
    check_format(parameters)
    from_date, to_date = (required_day(parameters, name, *_DATES) for name in ("from_date", "to_date"))
    if from_date > to_date:
        raise RequestError(400, "from_date must not be after to_date")
    return ExportQuery(
        project.project_id,
        from_date,
        to_date,
        strings(parameters, "event") or None,
        whole_number(parameters, "limit", 1, EXPORT_LIMIT_MAX),
        switch(parameters, "time_in_ms", default=False),
        switch(parameters, "deduplicate", default=True),
        where(parameters),
    )


def load(query: ExportQuery) -> "Callable[[Saved], ExportQuery] | None":
    """Completes an export whose `where` may name columns of lookup tables."""
    if not names_columns(query.where):
        return None
    return lambda saved: query._replace(mapped=mapped_of(saved, query.project_id))


def events(readers: Readers, query: ExportQuery) -> Streamed:
    return Streamed(export_lines(readers.exports, query), TEXT, query.where is not None)


RAW_EXPORT = Query(EXPORT, Right.EXPORT, "export", read_query, events, load=load)
