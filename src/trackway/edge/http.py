"""The bit of ASGI that every handler needs: reading a bounded body, sending a reply, CORS, the client's address.

Plain ASGI rather than a framework's request and response objects: on the hot path these cost as much as all the rules
of an event together.
"""

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import lru_cache
from typing import Any

from trackway.edge.decode import body_too_large
from trackway.edge.replies import Headers, Reply
from trackway.errors import RequestError
from trackway.limits import ADDRESS_CHARACTERS_MAX, ADDRESSES_REMEMBERED, RETRY_AFTER_BUSY_S

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


KEYED = "trackway.keyed"
"""In the scope of a request for what only credentials open."""
CLIENT_GONE = 499
"""Counted as the status of a request whose client went away before it was over."""


class ClientGone(Exception):
    """The connection closed before the request was whole; there is nobody to answer."""


class InFlight:
    """Bytes of request bodies that one process holds at once, with a bound; over it a request gets a 503."""

    def __init__(self, bytes_max: int):
        self.bytes_max = bytes_max
        self.bytes = 0

    def take(self, size: int) -> None:
        if self.bytes + size > self.bytes_max:
            raise RequestError(503, "too many requests in flight", retry_after_s=RETRY_AFTER_BUSY_S)
        self.bytes += size

    def give(self, size: int) -> None:
        self.bytes -= size


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


async def read_body(receive: Receive, bytes_max: int, in_flight: InFlight) -> bytes:
    """The whole body; what it takes from `in_flight` the caller gives back when the request is answered.

    Raises RequestError 413 as soon as more than `bytes_max` came in, 503 over the bound of all requests together,
    ClientGone when the client went away.
    """
    message = await receive()
    if not message.get("more_body", False) and message["type"] == "http.request":
        body = message.get("body", b"")
        if len(body) > bytes_max:
            raise body_too_large(bytes_max)
        in_flight.take(len(body))
        return body  # type: ignore[no-any-return]  # ASGI: bytes
    return await _read_parts(message, receive, bytes_max, in_flight)


async def _read_parts(
    message: MutableMapping[str, Any], receive: Receive, bytes_max: int, in_flight: InFlight
) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        while True:
            if message["type"] == "http.disconnect":
                raise ClientGone
            part = message.get("body", b"")
            if size + len(part) > bytes_max:
                raise body_too_large(bytes_max)
            in_flight.take(len(part))
            size += len(part)
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)
            message = await receive()
    except BaseException:
        in_flight.give(size)
        raise


async def send_reply(scope: Scope, send: Send, reply: Reply) -> None:
    """Send a whole reply; a HEAD request gets its headers only."""
    headers = [*content_headers(reply.content_type, len(reply.body)), *reply.headers, *cors_headers(scope)]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body})


def content_headers(content_type: bytes, size: int) -> Headers:
    """Those that every reply has; `size` is its body's, in bytes."""
    return ((b"content-type", content_type), (b"content-length", b"%d" % size))


def cors_headers(scope: Scope) -> Headers:
    """SDKs have the browser send credentials along, so the exact origin is echoed (protocol §8).

    Where KEYED, a page may ask with credentials that it holds itself, and not with those the browser remembers:
    whoever once looked at an export in it would show that to every page.
    """
    origin = header(scope, b"origin")
    if not origin:
        return ()
    if KEYED in scope:
        return ((b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"Retry-After"))
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", b"Retry-After"),
        (b"vary", b"Origin"),
    )


PREFLIGHT = Reply(
    204,
    b"text/plain",
    b"",
    (
        (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
        (b"access-control-allow-headers", b"authorization, content-type, traceparent"),
        (b"access-control-max-age", b"86400"),
    ),
)


def networks(names: Sequence[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(name, strict=False) for name in names)


def client_address(scope: Scope, trusted: Sequence[Network]) -> str:
    """The client's address; a trusted proxy's `X-Forwarded-For` is read from the right up to the first stranger."""
    client = scope.get("client")
    address = client[0] if client else ""
    if not trusted or not _is_within(_parse_address(address), trusted):
        return address
    # A proxy may add a header of its own instead of appending to the client's: all of them are one list.
    hops = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
    for hop in map(_parse_address, reversed(hops.split(","))):
        if hop is None:
            break
        address = str(hop)
        if not _is_within(hop, trusted):
            break
    return address


def client_is_trusted(scope: Scope, trusted: Sequence[Network]) -> bool:
    """Whether the connection comes from a trusted proxy, whose headers are believed."""
    client = scope.get("client")
    return client is not None and _is_within(_parse_address(client[0]), trusted)


def _is_within(address: Address | None, trusted: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in trusted)


def _parse_address(text: str) -> Address | None:
    """An address, None when it is none. One of IPv4 that came over a socket of IPv6 is one of IPv4."""
    text = text.strip()
    return _parsed(text) if len(text) <= ADDRESS_CHARACTERS_MAX else None


@lru_cache(ADDRESSES_REMEMBERED)
def _parsed(text: str) -> Address | None:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
