"""A reply of any size, passed on as the store makes it.

The blocks are made in a thread and sent one by one, each after the one before has left: memory stays flat whatever the
size, and a client that goes away, or does not read, ends the query.
"""

import asyncio
from collections.abc import AsyncIterator, Generator

from isal import isal_zlib

from trackway import logs, metrics
from trackway.edge.http import CLIENT_GONE, Receive, Scope, Send, cors_headers, header
from trackway.errors import RequestError, StorageError
from trackway.limits import EXPORT_SEND_S_MAX, GZIP_REPLY_BYTES_MIN, RETRY_AFTER_STORAGE_S
from trackway.store.client import MEMORY_LIMIT_EXCEEDED, TIME_EXCEEDED_CODES, StoreError

_log = logs.get("edge")
_GZIP_LEVEL = 1


async def send_stream(
    scope: Scope,
    receive: Receive,
    send: Send,
    blocks: Generator[bytes],
    content_type: bytes,
    call: str,
    *,
    chosen: bool,
) -> int:
    """Send a 200 of these blocks, packed if that is wanted and worth it; the status to count. `blocks` is closed.

    `call` names it in logs and metrics; `chosen` says that a `where` chooses what is sent. As long as nothing was sent
    RequestError is raised when the store fails (`refusal`), and whatever else the first block raises. The request's
    body must have been read.
    """
    gone = asyncio.ensure_future(until_gone(receive))
    try:
        pieces = _pieces(blocks, call, chosen)
        first = await anext(pieces, b"")
        return await _send_all(scope, send, first, pieces, gone, content_type, call)
    finally:
        gone.cancel()
        await asyncio.to_thread(blocks.close)


async def _send_all(
    scope: Scope,
    send: Send,
    first: bytes,
    rest: AsyncIterator[bytes],
    gone: "asyncio.Future[None]",
    content_type: bytes,
    call: str,
) -> int:
    packed = len(first) > GZIP_REPLY_BYTES_MIN and accepts_gzip(header(scope, b"accept-encoding"))
    headers = [(b"content-type", content_type), (b"vary", b"Accept-Encoding"), *cors_headers(scope)]
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
        _log.warning(f"{call} cut off, its client does not read", seconds=EXPORT_SEND_S_MAX)
        return CLIENT_GONE
    except RequestError as error:
        # Half of it is out. A reply that is not ended makes the server cut the connection, which no client can
        # take for a whole one.
        _log.error(f"{call} broke off", error=error.message)
        return error.status
    await send({"type": "http.response.body", "body": b""})
    return 200


async def _pieces(blocks: Generator[bytes], call: str, chosen: bool) -> AsyncIterator[bytes]:
    """The store's pieces, each read when it is asked for. Raises RequestError."""
    try:
        while piece := await asyncio.to_thread(next, blocks, b""):
            yield piece
    except StorageError as error:
        raise refusal(error, call, chosen=chosen) from error


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece


def refusal(error: StorageError, call: str, *, chosen: bool) -> RequestError:
    """What a client is told of a failure of the store; what exactly it was is for the log alone.

    400 for a `where` (`chosen`) that needs more than a query may have, which would fail again, else 503.
    """
    code = error.code if isinstance(error, StoreError) else None
    if chosen and code == MEMORY_LIMIT_EXCEEDED:
        return RequestError(400, "where: needs too much memory, choose fewer days or a simpler expression")
    if chosen and code in TIME_EXCEEDED_CODES:
        return RequestError(400, "where: needs too much time, choose fewer days or a simpler expression")
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
