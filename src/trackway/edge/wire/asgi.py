"""The part of ASGI that every handler needs: the bounds of a body, sending a reply, CORS.

This is plain ASGI, without a framework's request and response objects: on the hot path these cost as much as all the
rules of an event together.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from trackway.domain.errors import RequestError
from trackway.edge.wire.decode import body_too_large
from trackway.edge.wire.replies import Headers, Reply
from trackway.telemetry import request_id

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Handler = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI application."""


KEYED = "trackway.keyed"
"""In the scope of a request to a path that needs credentials."""
SAME_ORIGIN = "trackway.same_origin"
"""In the scope of a request that pages of other origins may not read the answer to."""
IDS = "trackway.ids"
"""In the scope of a request whose path names ids: the numbers, by the names that the path's pattern gives them."""
FAILED = 500
"""From this status on the server failed, and the reply has the id by which its log names the request."""
CLIENT_GONE = 499
"""The metered status of a request whose client closed the connection early."""


class ClientGone(Exception):
    """The connection closed before the request was complete, so there is no reply."""


def header(scope: Scope, name: bytes) -> bytes:
    """The first header of that (lower-case) name, or nothing."""
    for key, value in scope["headers"]:
        if key == name:
            return value  # type: ignore[no-any-return]  # ASGI: bytes
    return b""


def check_length(scope: Scope, bytes_max: int) -> None:
    """Raise RequestError 413 when the request announces a body of more than `bytes_max`, before any of it is read."""
    length = header(scope, b"content-length")
    if len(length) >= len(str(bytes_max)) and length.isdigit() and int(length[:20]) > bytes_max:
        raise body_too_large(bytes_max)


def check_json(scope: Scope) -> None:
    """Raise RequestError 400 when a body does not call itself JSON.

    A page of another origin can have a browser send forms with the credentials it remembers, but not say that unasked.
    """
    if header(scope, b"content-type").partition(b";")[0].strip().lower() != b"application/json":
        raise RequestError(400, "content-type must be application/json")


async def send_reply(scope: Scope, send: Send, reply: Reply) -> None:
    """Send a whole reply; a HEAD request gets its headers only."""
    headers = [*content_headers(reply.content_type, len(reply.body)), *reply.headers, *cors_headers(scope)]
    if reply.status >= FAILED and (request := request_id.current()):
        headers.append((request_id.HEADER, request.encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body})


def content_headers(content_type: bytes, size: int) -> Headers:
    """Those that every reply has; `size` is its body's, in bytes."""
    return ((b"content-type", content_type), (b"content-length", b"%d" % size))


def cors_headers(scope: Scope) -> Headers:
    """SDKs have the browser send credentials along, so the exact origin is echoed (protocol §8).

    Where KEYED, a page may send credentials that it has itself, and not those that the browser remembers. Otherwise a
    person who once opened an export in the browser would show it to every page.
    """
    origin = header(scope, b"origin")
    if not origin or SAME_ORIGIN in scope:
        return ()
    if KEYED in scope:
        return ((b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"Retry-After"))
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", b"Retry-After"),
        (b"vary", b"Origin"),
    )
