"""A reply of any size, passed on as the store makes it.

The blocks are made in a thread and sent one by one, each after the one before has left: memory stays flat whatever the
size, and a client that goes away ends the query.
"""

import asyncio
from collections.abc import AsyncIterator, Generator

from isal import isal_zlib

from trackway import logs, metrics
from trackway.edge.http import CLIENT_GONE, Receive, Scope, Send, cors_headers, header
from trackway.errors import RequestError, StorageError
from trackway.limits import GZIP_REPLY_BYTES_MIN, RETRY_AFTER_STORAGE_S

_log = logs.get("edge")
_GZIP_LEVEL = 1


async def send_stream(
    scope: Scope, receive: Receive, send: Send, blocks: Generator[bytes], content_type: bytes, call: str
) -> int:
    """Send a 200 of these blocks, packed if that is wanted and worth it; the status to count. `blocks` is closed.

    `call` names it in logs and metrics. As long as nothing was sent RequestError 503 is raised when the store fails,
    and whatever else the first block raises. The request's body must have been read.
    """
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        first = await _next(blocks, call)
        return await _send_all(scope, send, first, blocks, gone, content_type, call)
    finally:
        gone.cancel()
        await asyncio.to_thread(blocks.close)


async def _send_all(
    scope: Scope,
    send: Send,
    first: bytes,
    blocks: Generator[bytes],
    gone: "asyncio.Future[None]",
    content_type: bytes,
    call: str,
) -> int:
    packed = len(first) > GZIP_REPLY_BYTES_MIN and accepts_gzip(header(scope, b"accept-encoding"))
    headers = [(b"content-type", content_type), (b"vary", b"Accept-Encoding"), *cors_headers(scope)]
    if packed:
        headers.append((b"content-encoding", b"gzip"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    pieces = _pieces(first, blocks, call)
    if packed:
        pieces = _gzipped(pieces)
    try:
        async for piece in pieces:
            if gone.done():
                return CLIENT_GONE
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except RequestError as error:
        # Half of it is out. A reply that is not ended makes the server cut the connection, which no client can
        # take for a whole one.
        _log.error(f"{call} broke off", error=error.message)
        return error.status
    await send({"type": "http.response.body", "body": b""})
    return 200


async def _pieces(first: bytes, blocks: Generator[bytes], call: str) -> AsyncIterator[bytes]:
    piece = first
    while piece:
        yield piece
        piece = await _next(blocks, call)


async def _next(blocks: Generator[bytes], call: str) -> bytes:
    try:
        return await asyncio.to_thread(next, blocks, b"")
    except StorageError as error:
        raise unavailable(error, call) from error


def unavailable(error: StorageError, call: str) -> RequestError:
    """What a client is told when the store fails."""
    metrics.store_error(call)
    return RequestError(503, str(error), retry_after_s=RETRY_AFTER_STORAGE_S)


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
