"""Requests to a server's HTTP API, patiently: what is refused for now is sent again, when the server says.

Sending again is safe, because every record that a transfer sends may be stored twice without effect.
"""

import http.client
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from trackway.domain.errors import StateError
from trackway.transfer.limits import (
    AGAIN_S_MAX,
    AGAIN_S_MIN,
    AWAY_S_MAX,
    REPLY_BYTES_MAX,
    RETRY_AFTER_S_MAX,
    TRANSFER_ANSWER_S_MAX,
)

NO_PARAMETERS: Final[Mapping[str, str]] = {}
_TOO_MANY: Final = HTTPStatus.TOO_MANY_REQUESTS


class Address(NamedTuple):
    """A server's API as one project may ask it. `headers` are sent with every request.

    `verified`: whether an HTTPS certificate must be valid; that of a server on this machine has any name.
    """

    url: str
    user: str
    password: str = ""
    headers: Mapping[str, str] = {}
    verified: bool = True

    @property
    def is_near(self) -> bool:
        """It is on this machine, so that compressing costs more than sending."""
        return urlsplit(self.url).hostname in ("127.0.0.1", "::1", "localhost")


class Answer(NamedTuple):
    """A reply: its status, its body, and its `Retry-After` in seconds, None without one."""

    status: int
    body: bytes
    retry_after_s: float | None


class Stopped(Exception):
    """The transfer was stopped while a request waited to be sent again."""


class Broken(Exception):
    """A long reply that was refused for now, or broke off. `retry_after_s`: when to ask again, None where unsaid."""

    def __init__(self, reason: str, retry_after_s: float | None):
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Connection:
    """One connection, kept open between requests; each thread has its own. `stop` ends every wait."""

    def __init__(self, address: Address, stop: threading.Event):
        self._address = address
        self._stop = stop
        parts = urlsplit(address.url)
        self._prefix = parts.path.rstrip("/")
        self._connection = _connection(parts.scheme, parts.netloc.rpartition("@")[2], address.verified)
        credentials = b64encode(f"{address.user}:{address.password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {credentials}", **address.headers}

    def close(self) -> None:
        self._connection.close()

    def ask(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] = NO_PARAMETERS,
        body: bytes | None = None,
        headers: Mapping[str, str] = NO_PARAMETERS,
        *,
        bytes_max: int = REPLY_BYTES_MAX,
    ) -> Answer:
        """The reply that is no refusal for now. Raises StateError once the server was away too long, Stopped."""
        began_s, pause_s = time.monotonic(), AGAIN_S_MIN
        while True:
            answer, failure = self._try(method, path, parameters, body, headers, bytes_max)
            if answer is not None and answer.status < 500 and answer.status != _TOO_MANY:
                return answer
            asked_s = answer.retry_after_s if answer is not None else None
            if asked_s is not None and asked_s > RETRY_AFTER_S_MAX:
                raise StateError(f"server asks to wait {asked_s:.0f} s: {failure}")
            if asked_s is not None and answer is not None and answer.status == _TOO_MANY:
                began_s = time.monotonic()  # a limit is kept to, however often it is met
            elif time.monotonic() - began_s > AWAY_S_MAX:
                raise StateError(f"server did not take the data for {AWAY_S_MAX:.0f} s: {failure}")
            if self._stop.wait(asked_s if asked_s is not None else pause_s):
                raise Stopped
            pause_s = min(2 * pause_s, AGAIN_S_MAX)

    @contextmanager
    def stream(self, path: str, parameters: Mapping[str, str]) -> Iterator[http.client.HTTPResponse]:
        """A long reply, whose body is read as it comes. Raises Broken for a refusal for now, and StateError for any
        other."""
        target = f"{self._prefix}{path}?{urlencode(parameters)}"
        try:
            try:
                self._connection.request("GET", target, None, self._headers)
                response = self._connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise Broken(f"no answer at {self._address.url}: {error or type(error).__name__}", None) from error
            if response.status != HTTPStatus.OK:
                reason = f"{response.status} {response.read(500).decode(errors='replace')}"
                if response.status >= 500 or response.status == _TOO_MANY:
                    raise Broken(reason, _seconds(response.getheader("Retry-After")))
                raise StateError(f"server refused: {reason}")
            yield response
        finally:
            self._connection.close()

    def _try(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        body: bytes | None,
        headers: Mapping[str, str],
        bytes_max: int,
    ) -> tuple[Answer | None, str]:
        """The reply, or None and why there is none."""
        if self._stop.is_set():
            raise Stopped
        target = self._prefix + path + (f"?{urlencode(parameters)}" if parameters else "")
        try:
            self._connection.request(method, target, body, {**self._headers, **headers})
            response = self._connection.getresponse()
            reply = response.read(bytes_max + 1)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return None, f"no answer at {self._address.url}: {error or type(error).__name__}"
        if len(reply) > bytes_max:
            self._connection.close()
            raise StateError(f"a reply of more than {bytes_max} bytes from {self._address.url}")
        answer = Answer(response.status, reply, _seconds(response.getheader("Retry-After")))
        return answer, f"{response.status} {reply[:200].decode(errors='replace')}"


def _connection(scheme: str, host: str, verified: bool) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, timeout=TRANSFER_ANSWER_S_MAX)
    context = ssl.create_default_context()
    if not verified:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, timeout=TRANSFER_ANSWER_S_MAX, context=context)


def _seconds(header: str | None) -> float | None:
    """`Retry-After` in seconds; a date is none."""
    return float(header) if header and header.isascii() and header.isdigit() else None
