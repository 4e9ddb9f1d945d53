"""A reply of any size, sent as the store makes it.

The blocks are sent one by one, each after the one before it has left. So memory stays flat whatever the size, and a
client that leaves, or does not read, ends the query.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

from isal import isal_zlib

from trackway.domain.errors import RequestError, StorageError
from trackway.domain.limits import RETRY_AFTER_STORAGE_S
from trackway.edge.limits import EXPORT_SEND_S_MAX, GZIP_REPLY_BYTES_MIN
from trackway.edge.wire.asgi import CLIENT_GONE, ClientGone, Receive, Scope, Send, cors_headers, header
from trackway.edge.wire.replies import Headers
from trackway.store.errors import MEMORY_LIMIT_EXCEEDED, TIME_EXCEEDED_CODES, StoreError
from trackway.telemetry import logs, metrics

Value = TypeVar("Value")

_log = logs.get("edge")
_GZIP_LEVEL = 1
WHERE = "where:"
"""What needs too much where an expression chooses what is sent."""


async def send_stream(
    scope: Scope,
    receive: Receive,
    send: Send,
    opening: AbstractAsyncContextManager[AsyncIterator[bytes]],
    content_type: bytes,
    call: str,
    *,
    chosen: bool,
    more: Headers = (),
) -> int:
    """Send a 200 of the blocks that `opening` gives, packed if that is wanted and worth it; the status to count.

    `call` names it in logs and metrics; `chosen` says that a `where` chooses what is sent; `more` are further headers.
    As long as nothing was sent RequestError is raised when the store fails (`refusal`), ClientGone when the client
    leaves, and whatever else the first block raises. The request's body must have been read.
    """
    gone = asyncio.ensure_future(until_gone(receive))
    try:
        async with AsyncExitStack() as stack:
            first, blocks = await unless_gone(gone, _begun(stack, opening))
            return await _send_all(scope, send, first, _pieces(blocks, call, chosen), gone, content_type, call, more)
    except StorageError as error:
        raise refusal(error, call, needy=WHERE if chosen else "") from error
    finally:
        gone.cancel()


async def _begun(
    stack: AsyncExitStack, opening: AbstractAsyncContextManager[AsyncIterator[bytes]]
) -> tuple[bytes, AsyncIterator[bytes]]:
    """The first block, and the blocks behind it."""
    blocks = await stack.enter_async_context(opening)
    return await anext(blocks, b""), blocks


async def unless_gone(gone: "asyncio.Future[None]", work: Awaitable[Value]) -> Value:
    """What the work gives. Raises ClientGone, and the work is broken off, if the client goes first."""
    working = asyncio.ensure_future(work)
    try:
        both: set[asyncio.Future[Any]] = {working, gone}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        if not working.done():
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def _send_all(
    scope: Scope,
    send: Send,
    first: bytes,
    rest: AsyncIterator[bytes],
    gone: "asyncio.Future[None]",
    content_type: bytes,
    call: str,
    more: Headers,
) -> int:
    packed = len(first) > GZIP_REPLY_BYTES_MIN and accepts_gzip(header(scope, b"accept-encoding"))
    headers = [(b"content-type", content_type), (b"vary", b"Accept-Encoding"), *more, *cors_headers(scope)]
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
        async with asyncio.timeout(EXPORT_SEND_S_MAX):
            await send({"type": "http.response.body", "body": b""})
    except TimeoutError:
        _log.warning(f"{call} cut off, its client does not read", seconds=EXPORT_SEND_S_MAX)
        return CLIENT_GONE
    except RequestError as error:
        # Half of it is out. A reply that is not ended makes the server cut the connection, which no client can
        # take for a whole one: the last chunk is missing, or without chunks it is reset (`http_closing`).
        _log.error(f"{call} broke off", error=error.message)
        return error.status
    return 200


async def _pieces(blocks: AsyncIterator[bytes], call: str, chosen: bool) -> AsyncIterator[bytes]:
    """The store's blocks, each read when it is asked for. Raises RequestError."""
    try:
        async for block in blocks:
            yield block
    except StorageError as error:
        raise refusal(error, call, needy=WHERE if chosen else "") from error


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece


def refusal(error: StorageError, call: str, *, needy: str) -> RequestError:
    """The refusal of a request when the store fails. Only the log has the cause.

    `needy` names what of the request may need more than a query may have. That is a 400, since it would fail again.
    Without it, and after any other failure, a 503.
    """
    code = error.code if isinstance(error, StoreError) else None
    if needy and code == MEMORY_LIMIT_EXCEEDED:
        return RequestError(400, f"{needy} needs too much memory, choose fewer days or a simpler expression")
    if needy and code in TIME_EXCEEDED_CODES:
        return RequestError(400, f"{needy} needs too much time, choose fewer days or a simpler expression")
    metrics.store_error(call)
    _log.error(f"{call} failed", error=str(error))
    return RequestError(503, "the store cannot be read now", retry_after_s=RETRY_AFTER_STORAGE_S)


async def until_gone(receive: Receive) -> None:
    """Return once the client has gone; its request's body must have been read."""
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
