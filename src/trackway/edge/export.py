"""`GET /api/2.0/export`: check what is asked for, then pass the store's bytes on (protocol §7, openapi/export).

The store's blocks are read in a thread and sent one by one, each after the one before has left: memory stays flat
whatever the size, and a client that goes away, or does not read, ends the query.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Generator, Mapping
from datetime import date

import msgspec
from isal import isal_zlib

from trackway import logs, metrics
from trackway.edge.credentials import authenticate, check_project_id, check_region
from trackway.edge.decode import bounded_query, parse_query
from trackway.edge.http import CLIENT_GONE, Receive, Scope, Send, cors_headers, header, send_reply
from trackway.edge.ratelimit import RateLimits
from trackway.edge.replies import TEXT, error_reply
from trackway.errors import RequestError, StorageError
from trackway.ingest.records import MalformedBody
from trackway.limits import EXPORT_LIMIT_MAX, EXPORT_SEND_S_MAX, GZIP_REPLY_BYTES_MIN, RETRY_AFTER_STORAGE_S
from trackway.projects.directory import ProjectDirectory
from trackway.projects.project import Project
from trackway.query.events import ExportQuery, export_lines, find_fault
from trackway.query.expressions import Expression, ExpressionError, no_boolean, parse
from trackway.store.client import MEMORY_EXCEEDED_CODE, TIME_EXCEEDED_CODES, Store, StoreError

PATH = "/api/2.0/export"
_log = logs.get("export")
_GZIP_LEVEL = 1
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATES = (date(1970, 1, 1), date(2199, 12, 31))


class ExportEndpoint:
    """An ASGI application that streams a project's events."""

    def __init__(self, directory: ProjectDirectory, rates: RateLimits, store: Store, region: str):
        self._directory = directory
        self._region = region
        self._rates = rates
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            project = authenticate(header(scope, b"authorization"), self._directory)
            check_region(project, self._region)
            query = read_query(scope["query_string"], project)
            self._rates.begin_export(project)
            try:
                status = await self._stream(scope, receive, send, query)
            finally:
                self._rates.end_export(project)
        except RequestError as error:
            status = error.status
            await send_reply(scope, send, error_reply(error))
        metrics.request(PATH, status)

    async def _stream(self, scope: Scope, receive: Receive, send: Send, query: ExportQuery) -> int:
        """Send the export; the status to count. Raises RequestError as long as nothing was sent."""
        lines = await self._lines(query)
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            pieces = self._pieces(query, lines)
            first = await anext(pieces, b"")
            return await self._send_all(scope, send, first, pieces, gone)
        finally:
            gone.cancel()
            await asyncio.to_thread(lines.close)

    async def _lines(self, query: ExportQuery) -> Generator[bytes]:
        """The lines to send. Raises RequestError for a `where` that cannot be asked, or is at fault in some event."""
        try:
            lines = export_lines(self._store, query)
            position = await asyncio.to_thread(find_fault, self._store, query)
        except ExpressionError as error:
            raise bad_where(error.message) from error
        except StorageError as error:
            raise refusal(error, query) from error
        if position:
            raise bad_where(no_boolean(position))
        return lines

    async def _send_all(
        self, scope: Scope, send: Send, first: bytes, rest: AsyncIterator[bytes], gone: "asyncio.Future[None]"
    ) -> int:
        packed = len(first) > GZIP_REPLY_BYTES_MIN and accepts_gzip(header(scope, b"accept-encoding"))
        headers = [(b"content-type", TEXT), (b"vary", b"Accept-Encoding"), *cors_headers(scope)]
        if packed:
            headers.append((b"content-encoding", b"gzip"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        pieces = _with_first(first, rest)
        if packed:
            pieces = _gzipped(pieces)
        try:
            async for piece in pieces:
                if gone.done():
                    return CLIENT_GONE
                async with asyncio.timeout(EXPORT_SEND_S_MAX):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            _log.warning("export cut off, its client does not read", seconds=EXPORT_SEND_S_MAX)
            return CLIENT_GONE
        except RequestError as error:
            # Half of it is out. A reply that is not ended makes the server cut the connection, which no client can
            # take for a whole export.
            _log.error("export broke off", error=error.message)
            return error.status
        await send({"type": "http.response.body", "body": b""})
        return 200

    async def _pieces(self, query: ExportQuery, lines: Generator[bytes]) -> AsyncIterator[bytes]:
        """The store's pieces, each read when it is asked for. Raises RequestError."""
        try:
            while piece := await asyncio.to_thread(next, lines, b""):
                yield piece
        except StorageError as error:
            raise refusal(error, query) from error


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece


def refusal(error: StorageError, query: ExportQuery) -> RequestError:
    """What a client is told of a failure of the store; what exactly it was is for the log alone.

    400 for a `where` that needs more than a query may have, which would fail again, else 503.
    """
    code = error.code if isinstance(error, StoreError) else None
    if query.where is not None and code == MEMORY_EXCEEDED_CODE:
        return bad_where("needs too much memory, choose fewer days or a simpler expression")
    if query.where is not None and code in TIME_EXCEEDED_CODES:
        return bad_where("needs too much time, choose fewer days or a simpler expression")
    metrics.store_error("export")
    _log.error("export failed", error=str(error))
    return RequestError(503, "the store cannot be read now", retry_after_s=RETRY_AFTER_STORAGE_S)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _gzipped(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packer = isal_zlib.compressobj(level=_GZIP_LEVEL, wbits=31)
    async for piece in pieces:
        packed = packer.compress(piece)
        if packed:
            yield packed
    yield packer.flush()


def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether an `Accept-Encoding` header names gzip and does not forbid it."""
    wanted: dict[bytes, bool] = {}
    for coding in accept_encoding.lower().split(b","):
        name, _, weight = coding.partition(b";")
        wanted[name.strip()] = weight.replace(b" ", b"").rstrip(b"0.") != b"q="
    return wanted.get(b"gzip", wanted.get(b"x-gzip", wanted.get(b"*", False)))


def read_query(query_string: bytes, project: Project) -> ExportQuery:
    """The export that a query string asks for. Raises RequestError 400, naming the parameter, or 401."""
    query_string = bounded_query(query_string)
    try:
        raw = parse_query(query_string)
        parameters = {name: value.encode("latin-1").decode() for name, value in raw.items()}
    except MalformedBody as fault:
        raise RequestError(400, str(fault)) from fault
    except UnicodeDecodeError as error:
        raise RequestError(400, "query string must be valid utf8") from error
    check_project_id(project, parameters)
    from_date, to_date = _date(parameters, "from_date"), _date(parameters, "to_date")
    if from_date > to_date:
        raise RequestError(400, "from_date must not be after to_date")
    return ExportQuery(
        project.project_id,
        from_date,
        to_date,
        _events(parameters),
        _limit(parameters),
        _switch(parameters, "time_in_ms", default=False),
        _switch(parameters, "deduplicate", default=True),
        _where(parameters),
    )


def _date(parameters: Mapping[str, str], name: str) -> date:
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


def _events(parameters: Mapping[str, str]) -> list[str] | None:
    """The names of `event`: a JSON array of strings."""
    text = parameters.get("event", "")
    if not text:
        return None
    try:
        names = msgspec.json.decode(text, type=list[str])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RequestError(400, f"event must be a JSON array of strings: {error}") from error
    return names or None


def _where(parameters: Mapping[str, str]) -> Expression | None:
    text = parameters.get("where", "")
    if not text.strip():
        return None
    try:
        return parse(text)
    except ExpressionError as error:
        raise bad_where(error.message) from error


def bad_where(message: str) -> RequestError:
    return RequestError(400, f"where: {message}")


def _limit(parameters: Mapping[str, str]) -> int | None:
    text = parameters.get("limit", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= EXPORT_LIMIT_MAX:
        raise RequestError(400, f"limit must be a whole number from 1 to {EXPORT_LIMIT_MAX}")
    return int(text)


def _switch(parameters: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = parameters.get(name, "").lower()
    if text in ("", "true", "1", "false", "0"):
        return default if text == "" else text in ("true", "1")
    raise RequestError(400, f"{name} must be true or false")
