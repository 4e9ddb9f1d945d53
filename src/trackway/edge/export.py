"""`GET /api/2.0/export`: check what is asked for, then pass the store's bytes on (protocol §7, openapi/export)."""

import asyncio
import re
from collections.abc import Generator
from datetime import date

from trackway import metrics
from trackway.edge.credentials import Access
from trackway.edge.http import Receive, Scope, Send, send_reply
from trackway.edge.parameters import Parameters, bad_where, strings, switch, where, whole_number
from trackway.edge.ratelimit import RateLimits
from trackway.edge.replies import TEXT, error_reply
from trackway.edge.streaming import refusal, send_stream
from trackway.errors import RequestError, StorageError
from trackway.limits import EXPORT_LIMIT_MAX
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.query.events import ExportQuery, export_lines, find_fault
from trackway.query.expressions import ExpressionError, no_boolean
from trackway.store.client import Store

PATH = "/api/2.0/export"
_CALL = "export"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATES = (date(1970, 1, 1), date(2199, 12, 31))


class ExportEndpoint:
    """An ASGI application that streams a project's events."""

    def __init__(self, access: Access, rates: RateLimits, store: Store):
        self._access = access
        self._rates = rates
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            project, parameters = await self._access.asked(scope, Right.EXPORT)
            query = read_query(parameters, project)
            self._rates.begin_export(project)
            try:
                lines = await self._lines(query)
                status = await send_stream(scope, receive, send, lines, TEXT, _CALL, chosen=query.where is not None)
            finally:
                self._rates.end_export(project)
        except RequestError as error:
            status = error.status
            await send_reply(scope, send, error_reply(error))
        metrics.request(PATH, status)

    async def _lines(self, query: ExportQuery) -> Generator[bytes]:
        """The lines to send. Raises RequestError for a `where` that cannot be asked, or is at fault in some event."""
        try:
            lines = export_lines(self._store, query)
            position = await asyncio.to_thread(find_fault, self._store, query)
        except ExpressionError as error:
            raise bad_where(error) from error
        except StorageError as error:
            raise refusal(error, _CALL, chosen=query.where is not None) from error
        if position:
            raise bad_where(ExpressionError(no_boolean(position), position))
        return lines


def read_query(parameters: Parameters, project: Project) -> ExportQuery:
    """The export that the parameters ask for. Raises RequestError 400, naming the parameter."""
    from_date, to_date = _date(parameters, "from_date"), _date(parameters, "to_date")
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


def _date(parameters: Parameters, name: str) -> date:
    text = parameters.get(name, "")
    if not text:
        raise RequestError(400, f"{name} is required, as yyyy-mm-dd")
    try:
        parsed = date.fromisoformat(text) if _DATE.fullmatch(text) else None  # which also reads weeks
    except ValueError:
        parsed = None
    if parsed is None or not _DATES[0] <= parsed <= _DATES[1]:
        raise RequestError(400, f"{name} must be a date as yyyy-mm-dd, not '{text[:40]}'")
    return parsed
