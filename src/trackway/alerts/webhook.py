"""Sends a message to a webhook: one POST over a connection of its own, to an address that was checked.

There is no redirect, no proxy, no cookie and no second look-up of the name. Of the answer only the status is read. All
of it has SEND_S_MAX seconds. Everything here waits on the event loop but the look-up, which has threads of its own.
"""

import asyncio
import socket
import ssl
from concurrent.futures import Executor
from typing import NamedTuple
from urllib.parse import urlsplit

import httptools

from trackway import __version__
from trackway.alerts.limits import ADDRESSES_TRIED_MAX, ANSWER_HEAD_BYTES_MAX, ANSWER_PIECE_BYTES, SEND_S_MAX
from trackway.alerts.public_address import Allowed, may_connect
from trackway.alerts.signature import signed_headers
from trackway.domain.sent import Sent


class Request(NamedTuple):
    """A message for a webhook. `body` is JSON. `now_s`: seconds since the epoch."""

    url: str
    secret: str
    message_id: str
    body: bytes
    now_s: int


class _Refused(Exception):
    """The message was not sent, for a reason in words."""


class _Target(NamedTuple):
    host: str
    port: int
    path: str
    named: str
    """The `Host` header."""
    context: ssl.SSLContext | None


class Webhooks:
    """Sends to webhooks. `threads` look names up. For one event loop."""

    def __init__(self, allowed: Allowed, threads: Executor):
        self._allowed = allowed
        self._threads = threads
        self._context: ssl.SSLContext | None = None

    async def send(self, request: Request) -> Sent:
        """One try. It never raises for what a receiver or a network does."""
        try:
            async with asyncio.timeout(SEND_S_MAX):
                status = await self._status(request)
        except TimeoutError:
            return Sent(False, f"no answer within {SEND_S_MAX:.0f} s")
        except _Refused as refused:
            return Sent(False, str(refused))
        except ssl.SSLError as error:
            return Sent(False, f"TLS failed: {error.reason or 'no reason given'}")
        except OSError as error:
            return Sent(False, f"the connection failed: {error.strerror or type(error).__name__}")
        except ValueError:  # such as a host name that TLS cannot have
            return Sent(False, "the URL cannot be used")
        if 200 <= status < 300:
            return Sent(True, f"answered {status}")
        return Sent(False, f"answered {status}" + (", and redirects are not followed" if 300 <= status < 400 else ""))

    async def _status(self, request: Request) -> int:
        target = self._target(request.url)
        reader, writer = await self._connected(target)
        try:
            writer.write(_head(target, request) + request.body)
            await writer.drain()
            return await _status_of(reader)
        finally:
            writer.transport.abort()  # nothing is owed to a receiver that sends on

    def _target(self, url: str) -> _Target:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        if secure and self._context is None:
            self._context = ssl.create_default_context()
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        assert parts.hostname, "checked when the alert was saved"
        port = parts.port or (443 if secure else 80)
        return _Target(parts.hostname, port, path, parts.netloc, self._context if secure else None)

    async def _connected(self, target: _Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        failure: OSError | None = None
        for address in await self._addresses(target):
            try:
                return await asyncio.open_connection(
                    address,
                    target.port,
                    ssl=target.context,
                    server_hostname=target.host if target.context else None,
                    limit=ANSWER_HEAD_BYTES_MAX,
                )
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
        assert failure is not None, "there is an address"
        raise failure

    async def _addresses(self, target: _Target) -> list[str]:
        """The addresses of the host, each of them allowed. Raises _Refused if one of them is not: which of several
        is connected to must not depend on luck."""

        def look_up() -> list[str]:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            return list(dict.fromkeys(str(each[4][0]) for each in found))

        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        except (OSError, UnicodeError) as error:
            raise _Refused("the host name is not known") from error
        if not found or not all(may_connect(target.host, each, self._allowed) for each in found):
            raise _Refused("the host has an address that is not public, which alert_hosts does not list")
        return found[:ADDRESSES_TRIED_MAX]


def _head(target: _Target, request: Request) -> bytes:
    headers = {
        "host": target.named,
        "user-agent": f"trackway/{__version__}",
        "content-type": "application/json",
        "content-length": str(len(request.body)),
        "accept": "*/*",
        "connection": "close",
        **signed_headers(request.secret, request.message_id, request.body, request.now_s),
    }
    lines = [f"POST {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("ascii")


class _Answer:
    """Receives what the parser finds."""

    def __init__(self) -> None:
        self.has_head = False

    def on_headers_complete(self) -> None:
        self.has_head = True


async def _status_of(reader: asyncio.StreamReader) -> int:
    """The status of the final answer. Raises _Refused for what is no HTTP, or has too long a head."""
    answer, left = _Answer(), ANSWER_HEAD_BYTES_MAX
    parser = httptools.HttpResponseParser(answer)
    try:
        while True:
            piece = await reader.read(ANSWER_PIECE_BYTES)
            if not piece:
                raise _Refused("the connection was closed without an answer")
            try:
                parser.feed_data(piece)
            except httptools.HttpParserUpgrade as error:
                raise _Refused(f"answered {parser.get_status_code()}, which is no answer to a message") from error
            if answer.has_head:
                status = int(parser.get_status_code())
                if status >= 200:
                    return status
                answer.has_head = False  # an interim answer
            left -= len(piece)
            if left <= 0:
                raise _Refused(f"the head of the answer is longer than {ANSWER_HEAD_BYTES_MAX} bytes")
    except httptools.HttpParserError as error:
        raise _Refused("the answer is not HTTP") from error
