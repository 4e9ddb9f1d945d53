"""A request's body for a thread, piece by piece as it arrives, and unpacked on the way.

The thread asks for each piece and waits for it. So a client sends no faster than its bytes are used, and only one piece
is in memory however large the body is.
"""

import asyncio
import re
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, MutableMapping
from itertools import chain
from typing import Any

from isal import isal_zlib

from trackway.domain.errors import RequestError
from trackway.edge.limits import GZIP_MEMBERS_MAX, UPLOAD_PART_BYTES, UPLOAD_PAUSE_S, UPLOAD_PIECE_BYTES_MAX
from trackway.edge.wire.asgi import ClientGone, Receive
from trackway.edge.wire.decode import BYTE_ORDER_MARK, GZIP_MAGIC, GZIP_NAMES, body_too_large

_SNIFFED_BYTES = 4
_is_text = re.compile(rb"[\t\r\n\x20-\x7e\x80-\xff]+").fullmatch
_IsalError: type[Exception] = isal_zlib.IsalError  # type: ignore[assignment]  # the stub calls it an instance


def body_pieces(receive: Receive, bytes_max: int) -> Iterator[bytes]:
    """The pieces of a body, for a thread other than the event loop's, in which this is called.

    Raises RequestError 413 beyond `bytes_max`, ClientGone when the client has left.
    """
    return _pieces(receive, bytes_max, asyncio.get_running_loop())


def _pieces(receive: Receive, bytes_max: int, loop: asyncio.AbstractEventLoop) -> Iterator[bytes]:
    async def next_message() -> MutableMapping[str, Any]:
        return await receive()

    more, size = True, 0
    while more:
        message = asyncio.run_coroutine_threadsafe(next_message(), loop).result()
        if message["type"] == "http.disconnect":
            raise ClientGone
        more = message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > bytes_max:
            raise body_too_large(bytes_max)
        yield piece


def checked_at_end(pieces: Iterable[bytes], check: Callable[[], Coroutine[Any, Any, object]]) -> Iterator[bytes]:
    """The pieces, and `check` in the event loop, in which this is called, when the last was taken: they may have taken
    minutes to come. Raises what `check` raises."""
    loop = asyncio.get_running_loop()

    def checked() -> Iterator[bytes]:
        yield from pieces
        asyncio.run_coroutine_threadsafe(check(), loop).result()

    return checked()


def unpacked(pieces: Iterable[bytes], content_encoding: bytes, bytes_max: int) -> Iterator[bytes]:
    """The body's own bytes: unpacked if they look like gzip, or the header says so and they do not begin like text.

    Raises RequestError 413 beyond `bytes_max`, 400 for what is not gzip or is packed otherwise.
    """
    encoding = content_encoding.strip().lower()
    if encoding not in (*GZIP_NAMES, b"", b"identity"):
        raise RequestError(400, f"content-encoding must be gzip, not '{encoding.decode('latin-1')[:40]}'")
    rest = iter(pieces)
    head = b""
    while len(head) < _SNIFFED_BYTES and (piece := next(rest, None)) is not None:
        head += piece
    plain = chain((head,), rest)
    if head.startswith(GZIP_MAGIC) or (encoding in GZIP_NAMES and not _begins_like_text(head)):
        plain = chain(_gunzipped(plain))
    size = 0
    for piece in plain:
        size += len(piece)
        if size > bytes_max:
            raise body_too_large(bytes_max)
        yield from _breathing(piece)


def _begins_like_text(head: bytes) -> bool:
    """Then a proxy has unpacked the body, and left the header that says gzip."""
    return _is_text(head.removeprefix(BYTE_ORDER_MARK)[:_SNIFFED_BYTES]) is not None


def _breathing(piece: bytes) -> Iterator[bytes]:
    """The piece in small parts, with a pause behind each, in which the event loop takes the interpreter.

    Otherwise it would have to wait for it, 5 ms each time, again and again within each of its requests.
    """
    for at in range(0, len(piece), UPLOAD_PART_BYTES):
        yield piece[at : at + UPLOAD_PART_BYTES]
        time.sleep(UPLOAD_PAUSE_S)


def _gunzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The content of all members; padding behind the last is passed over, as gzip does."""
    member = isal_zlib.decompressobj(wbits=31)
    members = 1
    for piece in pieces:
        rest = piece
        while rest:
            if member.eof:
                if not GZIP_MAGIC.startswith(rest[:2]):
                    return
                members += 1
                if members > GZIP_MEMBERS_MAX:
                    raise RequestError(400, f"body must not have more than {GZIP_MEMBERS_MAX} gzip members")
                member = isal_zlib.decompressobj(wbits=31)
            yield from _decompressed(member, rest)
            rest = member.unused_data
    if not member.eof:
        raise RequestError(400, "body is not valid gzip: it ends too early")


def _decompressed(member: Any, piece: bytes) -> Iterator[bytes]:
    """What a piece of a member holds, a bounded part at a time."""
    while True:
        try:
            part = member.decompress(piece, UPLOAD_PIECE_BYTES_MAX)
        except _IsalError as error:
            raise RequestError(400, f"body is not valid gzip: {str(error).lower()}") from error
        if part:
            yield part
        piece = member.unconsumed_tail
        if member.eof or (not piece and len(part) < UPLOAD_PIECE_BYTES_MAX):
            return
