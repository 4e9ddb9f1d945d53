"""The body of a request, decompressed as it arrives.

A statement at the beginning of a body is small, but the rows after it are not. So a caller peeks at the first bytes.
Then it reads either the whole body, which is bounded, or the rest piece by piece.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from trackway.embedded.content_encoding import decoder
from trackway.embedded.failures import Refusal
from trackway.embedded.limits import STATEMENT_BYTES_MAX, STATEMENT_PEEK_BYTES

Receive = Callable[[], Awaitable[dict[str, Any]]]


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
        """The first 64 KiB or more of the body. All of it when it is shorter."""
        while len(self._peeked) < STATEMENT_PEEK_BYTES:
            piece = await anext(self._pieces, None)
            if piece is None:
                break
            self._peeked += piece
        return self._peeked

    async def whole(self) -> bytes:
        """The whole body. Raises Refusal when it is longer than STATEMENT_BYTES_MAX."""
        parts, size = [self._peeked], len(self._peeked)
        async for piece in self._pieces:
            parts.append(piece)
            size += len(piece)
            if size > STATEMENT_BYTES_MAX:
                raise Refusal(593, f"a statement may have {STATEMENT_BYTES_MAX} bytes")
        self._peeked = b"".join(parts)
        return self._peeked

    async def after(self, offset: int) -> AsyncIterator[bytes]:
        """The body after the first `offset` bytes. These must have been peeked at."""
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
