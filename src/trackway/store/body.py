"""The body of a request, read as it arrives and decompressed on the way.

A statement at the beginning of a body is small, the rows after it are not. So the first bytes can be looked at, and
then either everything is taken (bounded) or the rest is handed on piece by piece.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from trackway.store.encoding import decoder
from trackway.store.failures import Refusal

Receive = Callable[[], Awaitable[dict[str, Any]]]

HEAD_BYTES = 64 << 10
STATEMENT_BYTES_MAX = 16 << 20


class ClientGone(Exception):
    """The client closed its connection."""


class Body:
    """One request's body in plain bytes. Raises BadEncoding and ClientGone while being read."""

    def __init__(self, receive: Receive, encoding: str) -> None:
        self._receive = receive
        self._decoder = decoder(encoding)
        self._pieces = self._read()
        self._peeked = b""

    async def peek(self) -> bytes:
        """The first 64 KiB or more; all of it when the body is shorter."""
        while len(self._peeked) < HEAD_BYTES:
            piece = await anext(self._pieces, None)
            if piece is None:
                break
            self._peeked += piece
        return self._peeked

    async def whole(self) -> bytes:
        """All of the body. Raises Refusal when it is longer than a statement may be."""
        parts, size = [self._peeked], len(self._peeked)
        async for piece in self._pieces:
            parts.append(piece)
            size += len(piece)
            if size > STATEMENT_BYTES_MAX:
                raise Refusal(593, f"a statement may have {STATEMENT_BYTES_MAX} bytes")
        self._peeked = b"".join(parts)
        return self._peeked

    async def after(self, offset: int) -> AsyncIterator[bytes]:
        """What follows the first `offset` bytes, which must have been peeked at."""
        assert offset <= len(self._peeked), "offset lies in the peeked bytes"
        yield self._peeked[offset:]
        async for piece in self._pieces:
            yield piece

    async def _read(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            more = message.get("more_body", False)
            for piece in self._decoder.feed(message.get("body", b"")):
                yield piece
        self._decoder.finish()
