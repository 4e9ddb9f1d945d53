"""Requests to the provider of OpenID Connect, and its answers as JSON: bounded in time, size and number.

No redirect is followed. The operator chose the provider, so its address may be any. An answer is read whole, since each
is small. The certificates that are trusted are read once: that takes some 20 ms.
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httptools
import orjson

from trackway import __version__
from trackway.domain.errors import RequestError
from trackway.domain.limits import RETRY_AFTER_BUSY_S
from trackway.web.limits import PROVIDER_ANSWER_BYTES_MAX, PROVIDER_REQUESTS_MAX, PROVIDER_S_MAX


class ProviderFailed(Exception):
    """The provider did not answer as it must, for a reason in words."""


class _Answer:
    """What httptools reports."""

    def __init__(self) -> None:
        self.body = b""
        self.is_whole = False

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.is_whole = True


class ProviderRequests:
    """For one event loop; made outside of it, since it reads certificates. Methods raise ProviderFailed, and
    RequestError 503 while PROVIDER_REQUESTS_MAX wait for answers."""

    def __init__(self) -> None:
        self._context = ssl.create_default_context()
        self._running = 0

    async def get_json(self, url: str) -> dict[str, Any]:
        return await self._bounded(url, "GET", {}, b"")

    async def post_form(self, url: str, fields: Mapping[str, str]) -> dict[str, Any]:
        """A failure repeats none of the fields."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self._bounded(url, "POST", kind, urlencode(fields).encode())

    async def _bounded(self, url: str, method: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        if self._running >= PROVIDER_REQUESTS_MAX:
            raise RequestError(503, "too many sign-ins wait for the provider", retry_after_s=RETRY_AFTER_BUSY_S)
        self._running += 1
        try:
            return await _asked(self._context, url, method, headers, body)
        finally:
            self._running -= 1


async def _asked(
    context: ssl.SSLContext, url: str, method: str, headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    named = urlsplit(url)
    where = f"{named.scheme}://{named.netloc}{named.path}"
    try:
        async with asyncio.timeout(PROVIDER_S_MAX):
            status, answer = await _exchange(context, url, method, headers, body)
    except TimeoutError:
        raise ProviderFailed(f"{where} did not answer within {PROVIDER_S_MAX:.0f} s") from None
    except ssl.SSLError as error:
        raise ProviderFailed(f"TLS with {where} failed: {error.reason or 'no reason given'}") from error
    except OSError as error:
        raise ProviderFailed(f"{where} cannot be reached: {error.strerror or type(error).__name__}") from error
    except (ValueError, httptools.HttpParserError) as error:
        raise ProviderFailed(f"{where} did not answer with HTTP") from error
    if status != 200:
        raise ProviderFailed(f"{where} answered {status}")
    try:
        found = orjson.loads(answer)
    except orjson.JSONDecodeError as error:
        raise ProviderFailed(f"{where} did not answer with JSON") from error
    if not isinstance(found, dict):
        raise ProviderFailed(f"{where} did not answer with a JSON object")
    return found


async def _exchange(
    trusted: ssl.SSLContext, url: str, method: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, bytes]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("no URL of http or https")
    context = trusted if parts.scheme == "https" else None
    port = parts.port or (443 if context else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fields = {
            "Host": parts.netloc.rpartition("@")[2],
            "User-Agent": f"trackway/{__version__}",
            "Accept": "application/json",
            "Connection": "close",
            "Content-Length": str(len(body)),
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        await writer.drain()
        answer = _Answer()
        parser: Final = httptools.HttpResponseParser(answer)
        size = 0
        while not answer.is_whole and (piece := await reader.read(65_536)):
            size += len(piece)
            if size > PROVIDER_ANSWER_BYTES_MAX:
                raise ProviderFailed(f"{parts.netloc} answered with more than {PROVIDER_ANSWER_BYTES_MAX} bytes")
            parser.feed_data(piece)
        if not answer.is_whole:
            raise ProviderFailed(f"the answer of {parts.netloc} ended before its end")
        return parser.get_status_code(), answer.body
    finally:
        writer.transport.abort()
