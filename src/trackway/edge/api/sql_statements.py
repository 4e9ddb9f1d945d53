"""`POST /api/query/sql`: a read-only statement of a person over a project's events and profiles, and its rows.

The audit has that somebody asked, and how long the statement was, but none of its values.
"""

import asyncio
from datetime import date
from typing import Any, Final, NamedTuple

import orjson

from trackway.domain.errors import RequestError
from trackway.domain.json_cell import cells_of
from trackway.edge.api.endpoint_shell import Noted, Query
from trackway.edge.api.reports.parameters import day, days_of
from trackway.edge.limits import QUERY_BODY_BYTES_MAX
from trackway.edge.quotas.rate_limits import REPORTING
from trackway.edge.wire.csv_table import csv_text
from trackway.edge.wire.parameter_tables import SQL
from trackway.edge.wire.parameters import Parameters
from trackway.edge.wire.replies import CSV, JSON, Reply
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.query.sql.days import Days
from trackway.store.reader import Readers

PATH: Final = "/api/query/sql"
_FORMATS: Final = ("json", "csv")
_CUT: Final = b"x-trackway-truncated"


class Wanted(NamedTuple):
    """A statement. `dates`: the first and last day of its events, in the project's zone; None for all."""

    project_id: int
    query: str
    days: Days
    dates: tuple[date, date] | None
    format: str


def read(parameters: Parameters, project: Project) -> Wanted:
    """Raises RequestError 400, naming the parameter."""
    query = parameters.get("query", "")
    if not query.strip():
        raise RequestError(400, "query is required: a SELECT statement over events, profiles and group_profiles")
    format = parameters.get("format", "").lower() or "json"
    if format not in _FORMATS:
        raise RequestError(400, f"format must be {' or '.join(_FORMATS)}")
    return Wanted(project.project_id, query, days_of(project), _dates(parameters), format)


def _dates(parameters: Parameters) -> tuple[date, date] | None:
    given = [name for name in ("from_date", "to_date") if parameters.get(name)]
    if not given:
        return None
    if len(given) == 1:
        raise RequestError(400, "from_date and to_date come together, or neither")
    from_date, to_date = day(parameters, "from_date"), day(parameters, "to_date")
    if from_date > to_date:
        raise RequestError(400, "from_date must not be after to_date")
    return from_date, to_date


async def answer(readers: Readers, wanted: Wanted) -> Reply:
    # A third of the memory and time of an edge process's imports, for a question that few ask.
    from trackway.query.read_only_sql.ask import Asked, ask  # noqa: PLC0415
    from trackway.query.read_only_sql.refusal import SqlRefused  # noqa: PLC0415

    try:
        found = await ask(readers.reports, Asked(wanted.project_id, wanted.query, wanted.days, wanted.dates))
    except SqlRefused as error:
        raise RequestError(400, str(error)) from error
    columns = [each._asdict() for each in found.columns]
    if wanted.format == "csv":
        names = [each.name for each in found.columns]
        body = await asyncio.to_thread(_csv, names, found.lines)
        return Reply(200, CSV, body, ((_CUT, b"true"),) if found.is_cut else ())
    return Reply(200, JSON, _json(columns, found.lines, found.is_cut))


def _json(columns: list[dict[str, Any]], lines: list[bytes], is_cut: bool) -> bytes:
    """The rows stay the text that the store wrote."""
    rows = b",".join(lines).decode(errors="replace").encode()  # a text that was cut within a character
    head = b'{"status":"ok","columns":%b,"rows":[' % orjson.dumps(columns)
    return b'%b%b],"row_count":%d,"truncated":%b}' % (head, rows, len(lines), b"true" if is_cut else b"false")


def _csv(names: list[str], lines: list[bytes]) -> bytes:
    return csv_text(names, (cells_of(line.decode(errors="replace").encode()) for line in lines)).encode()


STATEMENT: Final = Query(
    SQL,
    Right.SQL,
    "sql",
    read,
    answer,
    body_bytes_max=QUERY_BODY_BYTES_MAX,
    kind=REPORTING,
    noted=lambda wanted: Noted("sql asked", f"{len(wanted.query.encode())} bytes"),
)
