"""An id for each request, in the log lines that the request causes, and in a reply that says that the server failed.

A proxy's `X-Request-Id` is kept where it is short and plain. Otherwise an id is made when one is first needed: most
requests cause no line. Requests that are ingested together in the fast path have none.
"""

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Final

HEADER: Final = b"x-request-id"
_GIVEN: Final = re.compile(rb"[A-Za-z0-9._:=+/-]{1,64}")
_BYTES: Final = 8

Headers = Iterable[tuple[bytes, bytes]]


class _Id:
    __slots__ = ("_headers", "_text")

    def __init__(self, headers: Headers):
        self._headers = headers
        self._text = ""

    @property
    def text(self) -> str:
        if not self._text:
            given = next((value for name, value in self._headers if name == HEADER and _GIVEN.fullmatch(value)), b"")
            self._text = given.decode() or secrets.token_hex(_BYTES)
        return self._text


_current: Final[ContextVar[_Id | None]] = ContextVar("request id", default=None)


def begin(headers: Headers) -> None:
    """The current task handles a request with these headers, names in lower case."""
    _current.set(_Id(headers))


def current() -> str:
    """The id of the request that this task, or the task or thread that began this one, handles; "" without one."""
    found = _current.get()
    return found.text if found else ""
