"""`/lookup-tables` and `/lookup-tables/{id}`: a project's lookup tables (protocol §13, openapi/ingestion).

A table is replaced by the CSV of a request while that arrives: a thread reads it, and what it makes of it flows on to
the store. Creating and deleting are ours, Mixpanel does both on a page.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from trackway import logs, metrics
from trackway.edge.credentials import Access
from trackway.edge.http import (
    CLIENT_GONE,
    PREFLIGHT,
    ClientGone,
    InFlight,
    Receive,
    Scope,
    Send,
    header,
    read_body,
    send_reply,
)
from trackway.edge.parameters import Parameters
from trackway.edge.ratelimit import EXCEEDED
from trackway.edge.replies import LOOKUP_DONE, Reply, error_reply, invalid_lookup_reply, lookup_tables_reply
from trackway.edge.upload import body_pieces, checked_at_end, unpacked
from trackway.errors import ConfigError, RequestError, StorageError
from trackway.ingest.lookup_table import InvalidTable
from trackway.limits import (
    LOOKUP_TABLE_BYTES_MAX,
    LOOKUP_TABLES_MAX,
    LOOKUP_UPLOADS_AT_ONCE_MAX,
    RETRY_AFTER_BUSY_S,
    RETRY_AFTER_STORAGE_S,
)
from trackway.projects.project import Project, check_name
from trackway.projects.roles import Right
from trackway.settings import Settings
from trackway.store.client import Store
from trackway.store.lookup_tables import LookupTables, TooManyTables

PATH = "/lookup-tables"
_CALL = "lookup tables"
_CREATE_BODY_BYTES_MAX = 1024

_log = logs.get("edge")
Result = TypeVar("Result")


class LookupTablesEndpoint:
    """An ASGI application for PATH, with GET and POST, and for all below it."""

    def __init__(self, access: Access, settings: Settings, store: Store, in_flight: InFlight):
        self._access = access
        self._settings = settings
        self._tables = LookupTables(store)
        self._in_flight = in_flight
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            reply = await self._answer(scope, receive)
        except ClientGone:
            metrics.request(PATH, CLIENT_GONE)
            return
        except InvalidTable as invalid:
            reply = invalid_lookup_reply(invalid.failures)
        except RequestError as error:
            reply = error_reply(error)
        metrics.request(PATH, reply.status)
        await send_reply(scope, send, reply)

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        _, _, named = scope["path"].partition(f"{PATH}/")
        named = named.removesuffix("/")
        if named and scope["method"] == "OPTIONS":
            return PREFLIGHT
        if named and scope["method"] not in ("PUT", "DELETE"):
            raise RequestError(405, f"method {scope['method'][:20]} is not allowed here", allow="PUT, DELETE, OPTIONS")
        right = Right.READ_TABLES if scope["method"] == "GET" else Right.REPLACE_TABLES
        project, parameters = await self._access.asked(scope, right)
        if named:
            change = self._replace if scope["method"] == "PUT" else self._delete
            return await self._change(project, named, scope, receive, change)
        if scope["method"] == "POST":
            return await self._create(project, parameters, receive)
        tables = await self._stored(self._tables.all, project.project_id)
        return lookup_tables_reply((str(table.table_id), table.name) for table in tables)

    async def _create(self, project: Project, parameters: Parameters, receive: Receive) -> Reply:
        body = await read_body(receive, _CREATE_BODY_BYTES_MAX, self._in_flight)
        self._in_flight.give(len(body))
        if body:
            raise RequestError(400, "body must be empty: a table is filled by a PUT to /lookup-tables/{id}")
        try:
            name = check_name(parameters.get("name", ""))
            table = await self._stored(self._tables.create, project.project_id, name)
        except ConfigError as error:
            raise RequestError(400, str(error).replace("project name", "name")) from error
        except TooManyTables as error:
            raise RequestError(400, f"a project must not have more than {LOOKUP_TABLES_MAX} lookup tables") from error
        return lookup_tables_reply([(str(table.table_id), table.name)])

    async def _change(
        self,
        project: Project,
        named: str,
        scope: Scope,
        receive: Receive,
        change: Callable[[Project, uuid.UUID, Scope, Receive], Awaitable[None]],
    ) -> Reply:
        table_id = _table_id(named)
        if table_id is None or await self._stored(self._tables.find, project.project_id, table_id) is None:
            raise RequestError(404, f"Lookup table with id '{named[:40]}' was not found.")
        await change(project, table_id, scope, receive)
        return LOOKUP_DONE

    async def _delete(self, project: Project, table_id: uuid.UUID, scope: Scope, receive: Receive) -> None:
        await self._stored(self._tables.delete, project.project_id, table_id)

    async def _replace(self, project: Project, table_id: uuid.UUID, scope: Scope, receive: Receive) -> None:
        await self._check_rate(project)
        with self._upload():
            pieces = body_pieces(receive, LOOKUP_TABLE_BYTES_MAX)
            csv = unpacked(pieces, header(scope, b"content-encoding"), LOOKUP_TABLE_BYTES_MAX)
            allowed = checked_at_end(csv, lambda: self._access.asked(scope, Right.REPLACE_TABLES))
            await self._stored(self._tables.replace, project.project_id, table_id, allowed)

    async def _check_rate(self, project: Project) -> None:
        """Raise RequestError 429 when the project has replaced tables too often."""
        if not self._settings.rate_limits:
            return
        limit = project.setting("lookup_replacements_per_day", self._settings.lookup_replacements_per_day)
        if wait_s := await self._stored(self._tables.wait_s, project.project_id, limit):
            raise RequestError(429, EXCEEDED, retry_after_s=wait_s)

    @contextmanager
    def _upload(self) -> Iterator[None]:
        if self._uploads == LOOKUP_UPLOADS_AT_ONCE_MAX:
            raise RequestError(503, "too many lookup tables are being replaced", retry_after_s=RETRY_AFTER_BUSY_S)
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

    async def _stored(self, call: Callable[..., Result], *arguments: object) -> Result:
        """What a call to the store gives. Raises RequestError 503 when the store fails."""
        try:
            return await asyncio.to_thread(call, *arguments)
        except StorageError as error:
            metrics.store_error(_CALL)
            _log.error(f"{_CALL} failed", error=str(error))
            message = "the store cannot be reached now"
            raise RequestError(503, message, retry_after_s=RETRY_AFTER_STORAGE_S) from error


def _table_id(text: str) -> uuid.UUID | None:
    """The id that a path names; only its usual form is one."""
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return None
    return parsed if str(parsed) == text.lower() else None
