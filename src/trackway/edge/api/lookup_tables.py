"""`/lookup-tables` and `/lookup-tables/{id}`: a project's lookup tables (protocol §13, openapi/ingestion).

The CSV of a request replaces a table while it arrives: a thread parses it, and the rows flow on to the store. Creating
and deleting a table are additions to Mixpanel's API, which has a page for both.
"""

import uuid
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from trackway.domain.errors import InvalidInput, RequestError, StorageError
from trackway.domain.limits import LOOKUP_TABLE_BYTES_MAX, LOOKUP_TABLES_MAX, RETRY_AFTER_BUSY_S, RETRY_AFTER_STORAGE_S
from trackway.edge.access.cors import preflight
from trackway.edge.api.endpoint_shell import Asked, Shell
from trackway.edge.limits import LOOKUP_CREATE_BODY_BYTES_MAX, LOOKUP_UPLOADS_AT_ONCE_MAX
from trackway.edge.quotas.rate_limits import EXCEEDED
from trackway.edge.wire.asgi import Receive, Scope, Send
from trackway.edge.wire.asgi_request import Request
from trackway.edge.wire.parameter_tables import LOOKUP_TABLES, LOOKUP_TABLES_CREATE
from trackway.edge.wire.replies import LOOKUP_DONE, Reply, invalid_lookup_reply, lookup_tables_reply
from trackway.edge.wire.upload import body_pieces, checked_at_end, unpacked
from trackway.lookup.csv_table import InvalidTable
from trackway.lookup.versions import LookupTables, TooManyTables
from trackway.projects.audit import Action
from trackway.projects.project import Project, check_name
from trackway.projects.roles import Right
from trackway.runtime.disk_room import DiskRoom
from trackway.settings.table import Settings
from trackway.store.reader import Reader
from trackway.telemetry import logs, metrics

PATH = "/lookup-tables"
_CALL = "lookup tables"

_log = logs.get("edge")
Result = TypeVar("Result")


class LookupTablesEndpoint:
    """An ASGI application for PATH, with GET and POST, and for all below it."""

    def __init__(self, shell: Shell, settings: Settings, reader: Reader, room: DiskRoom):
        self._shell = shell
        self._settings = settings
        self._tables = LookupTables(reader)
        self._room = room
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._shell.serve(PATH, Request(scope, receive, send), self._answer)

    async def _answer(self, request: Request) -> Reply:
        _, _, named = request.scope["path"].partition(f"{PATH}/")
        named = named.removesuffix("/")
        if "/" in named:
            raise RequestError(404, f"no such path: {PATH}/{named[:200]}")
        if not named:
            return await (self._create(request) if request.method == "POST" else self._list(request))
        if request.method == "OPTIONS":
            return preflight(request.scope)
        if request.method not in ("PUT", "DELETE"):
            raise RequestError(405, f"method {request.method[:20]} is not allowed here", allow="PUT, DELETE, OPTIONS")
        return await self._change(request, named)

    async def _list(self, request: Request) -> Reply:
        asked = await self._shell.asked(request, Right.READ_TABLES, LOOKUP_TABLES)
        tables = await self._stored(self._tables.all(asked.project.project_id))
        return lookup_tables_reply((str(table.table_id), table.name) for table in tables)

    async def _create(self, request: Request) -> Reply:
        asked = await self._shell.asked(request, Right.REPLACE_TABLES, LOOKUP_TABLES_CREATE)
        self._room.check()  # tables do not pass through the journal, which checks the room for everything else
        if await self._shell.body(request, LOOKUP_CREATE_BODY_BYTES_MAX):
            raise RequestError(400, "body must be empty: a table is filled by a PUT to /lookup-tables/{id}")
        try:
            name = check_name(asked.parameters.get("name", ""))
            table = await self._stored(self._tables.create(asked.project.project_id, name))
        except InvalidInput as error:
            raise RequestError(400, str(error).replace("project name", "name")) from error
        except TooManyTables as error:
            raise RequestError(400, f"a project must not have more than {LOOKUP_TABLES_MAX} lookup tables") from error
        self._note("lookup table created", asked, f"{table.table_id} {table.name}")
        return lookup_tables_reply([(str(table.table_id), table.name)])

    async def _change(self, request: Request, named: str) -> Reply:
        asked = await self._shell.asked(request, Right.REPLACE_TABLES, LOOKUP_TABLES)
        table_id = _table_id(named)
        if table_id is None or await self._stored(self._tables.find(asked.project.project_id, table_id)) is None:
            raise RequestError(404, f"Lookup table with id '{named[:40]}' was not found.")
        if request.method == "DELETE":
            await self._stored(self._tables.delete(asked.project.project_id, table_id))
            self._note("lookup table deleted", asked, str(table_id))
            return LOOKUP_DONE
        return await self._replace(asked, table_id)

    async def _replace(self, asked: Asked, table_id: uuid.UUID) -> Reply:
        self._room.check()
        await self._check_rate(asked.project)
        request, access = asked.request, self._shell.access
        try:
            with self._upload():
                pieces = body_pieces(request.receive, LOOKUP_TABLE_BYTES_MAX)
                csv = unpacked(pieces, request.header(b"content-encoding"), LOOKUP_TABLE_BYTES_MAX)
                allowed = checked_at_end(csv, lambda: access.allowed(request, Right.REPLACE_TABLES))
                await self._stored(self._tables.replace(asked.project.project_id, table_id, allowed))
        except InvalidTable as invalid:
            return invalid_lookup_reply(invalid.failures)
        self._note("lookup table replaced", asked, str(table_id))
        return LOOKUP_DONE

    def _note(self, action: Action, asked: Asked, subject: str) -> None:
        self._shell.access.note(asked.request.scope, action, asked.project, subject)

    async def _check_rate(self, project: Project) -> None:
        """Raise RequestError 429 when the project has replaced tables too often."""
        if not self._settings.rate_limits:
            return
        limit = project.setting("lookup_replacements_per_day", self._settings.lookup_replacements_per_day)
        if wait_s := await self._stored(self._tables.wait_s(project.project_id, limit)):
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

    async def _stored(self, call: Awaitable[Result]) -> Result:
        """What a call to the store gives. Raises RequestError 503 when the store fails."""
        try:
            return await call
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
