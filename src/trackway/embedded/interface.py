"""ClickHouse's HTTP interface as an ASGI application.

A request arrives, and is authenticated, read and parsed. `execution` runs its statement. The response has the headers
that ClickHouse clients read. An error after the first byte of a stream is written into the stream as ClickHouse does
it. The connection is then cut, so that no client takes the stream for complete.
"""

import asyncio
import contextlib
import json
import logging
import secrets
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from trackway.embedded.content_encoding import BadEncoding
from trackway.embedded.engine import EngineError
from trackway.embedded.execution import STREAMED_FORMATS, Execution, Rows
from trackway.embedded.failures import Refusal, rendered
from trackway.embedded.limits import SENT_PIECE_BYTES
from trackway.embedded.query_request import Request, authenticate, form_fields, read_request
from trackway.embedded.request_body import Body, ClientGone, Receive
from trackway.embedded.statement import Kind, RefusedStatement, Statement, parse
from trackway.store.spool import ROWS_FILE

Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


_NOT_STREAMED = frozenset({"CHECK"})
"""Verbs whose results the embedded engine cannot stream."""

_log = logging.getLogger("trackway.store")


class StoreApp:
    """The application. A process has one. Call `close` after the last request."""

    def __init__(self, execution: Execution, password: str) -> None:
        self._execution = execution
        self._password = password

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", "uvicorn is told to serve HTTP alone"
        answer = _Answer(send)
        try:
            await self._serve(scope, receive, answer)
        except (Refusal, EngineError, RefusedStatement, BadEncoding, OSError) as error:
            await answer.fail(*rendered(error))
        except ClientGone:
            return
        except UnicodeEncodeError:
            await answer.fail(*rendered(Refusal(36, "query and parameters must be valid utf-8")))
        except Exception:  # outermost: a bug in one request must not end the process of the others
            _log.exception("request failed")
            await answer.fail(*rendered(Refusal(1001, "internal error, see the store's log", 500)))

    async def _serve(self, scope: dict[str, Any], receive: Receive, answer: "_Answer") -> None:
        bare = scope["path"] == "/" and scope["method"] == "GET" and not scope["query_string"]
        if scope["path"] == "/ping" or bare:
            return await answer.whole(b"Ok.\n", [(b"content-type", b"text/html; charset=UTF-8")])
        if scope["path"] != "/":
            raise Refusal(48, "there is no such handler, queries go to /", 404)
        if scope["method"] not in {"GET", "HEAD", "POST"}:
            raise Refusal(48, f"method {scope['method']} is not supported")
        request = read_request(scope)
        authenticate(request, self._password)
        answer.describe(request)
        body = Body(receive, request.headers.get("content-encoding", ""))
        statement, rows_at = await _read_statement(request, body)
        _require_utf8(statement.text, *request.parameters.values(), *request.settings.values(), request.database)
        if request.method != "POST" and statement.kind is not Kind.RESULT:
            raise Refusal(164, "cannot execute query in readonly mode: use POST to change anything")
        if statement.kind is Kind.INSERT:
            if name := request.headers.get(ROWS_FILE):
                rows = await self._execution.insert_spooled(request, statement, name)
            else:
                rows = await self._execution.insert(request, statement, body.after(rows_at))
            return await answer.whole(b"", [_summary(rows)])
        if statement.kind is Kind.COMMAND:
            rows = await self._execution.command(request, statement)
            return await answer.whole(rows.data, [_summary(rows)])
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await self._give_result(request, statement, answer, gone)
        finally:
            gone.cancel()

    async def _give_result(
        self, request: Request, statement: Statement, answer: "_Answer", gone: "asyncio.Future[None]"
    ) -> None:
        format_ = statement.format or request.default_format
        if request.wait_end or statement.verb in _NOT_STREAMED or format_.lower() not in STREAMED_FORMATS:
            rows = await self._execution.whole(request, statement, gone)
            return await answer.whole(rows.data, [(b"x-clickhouse-format", format_.encode()), _summary(rows)])
        async with self._execution.stream(request, statement, gone) as blocks:
            async for block in blocks:
                await answer.begin(format_)
                await answer.piece(block)
        await answer.begin(format_)
        await answer.end()


async def _read_statement(request: Request, body: Body) -> tuple[Statement, int]:
    """The statement, and the offset of an insert's rows in the body."""
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        for name, value in form_fields(content_type, await body.whole()):
            request.take(name, value)
        return parse(request.query), len(await body.peek())
    if request.query:
        statement = parse(request.query)
        if statement.kind is Kind.INSERT:
            await body.peek()
            return statement, 0
        request.query += "\n"
    head = (await body.peek()).decode("utf-8", "surrogateescape")
    statement = parse(request.query + head)
    if statement.kind is Kind.INSERT:
        before = (request.query + head)[: statement.rows_at].encode("utf-8", "surrogateescape")
        return statement, len(before) - len(request.query.encode("utf-8", "surrogateescape"))
    text = (await body.whole()).decode("utf-8", "surrogateescape")
    return (parse(request.query + text) if len(text) != len(head) else statement), 0


def _require_utf8(*texts: str) -> None:
    for text in texts:
        text.encode()  # raises UnicodeEncodeError for bytes that were not UTF-8


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _summary(rows: Rows) -> tuple[bytes, bytes]:
    counts = {name: str(count) for name, count in rows.counts.items()}
    return b"x-clickhouse-summary", json.dumps(counts, separators=(",", ":")).encode()


class _Answer:
    """The response: begun once, sent whole or in pieces. It may fail at any point."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False
        self._tag = secrets.token_hex(8)
        self._headers: Headers = [(b"x-clickhouse-timezone", b"UTC")]

    def describe(self, request: Request) -> None:
        query_id = request.query_id if request.query_id.isascii() and request.query_id.isprintable() else ""
        self._headers.append((b"x-clickhouse-query-id", (query_id or str(uuid.uuid4())).encode()))

    async def whole(self, data: bytes, headers: Headers) -> None:
        await self._start(200, [*headers, (b"content-length", str(len(data)).encode())])
        await self._pieces(data)
        await self.end()

    async def begin(self, format_: str) -> None:
        if not self._begun:
            names = [(b"x-clickhouse-format", format_.encode()), (b"x-clickhouse-exception-tag", self._tag.encode())]
            await self._start(200, [*names, (b"content-type", b"application/octet-stream")])

    async def piece(self, data: bytes) -> None:
        await self._pieces(data)

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def fail(self, status: int, code: int, text: bytes) -> None:
        if not self._begun:
            headers: Headers = [(b"x-clickhouse-exception-code", str(code).encode())]
            if status == 401:
                headers.append((b"www-authenticate", b'Basic realm="trackway store"'))
            await self._start(status, [*headers, (b"content-length", str(len(text)).encode())])
            await self._pieces(text)
            return await self.end()
        tag = self._tag.encode()
        block = b"\r\n__exception__\r\n%b\r\n%b\r\n%d %b\r\n__exception__\r\n" % (tag, text, len(text), tag)
        # Returning without an end makes the server cut the connection.
        with contextlib.suppress(OSError):
            await self._pieces(block)

    async def _start(self, status: int, headers: Headers) -> None:
        self._begun = True
        await self._send({"type": "http.response.start", "status": status, "headers": self._headers + headers})

    async def _pieces(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(data), SENT_PIECE_BYTES):
            piece = bytes(view[start : start + SENT_PIECE_BYTES])
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
