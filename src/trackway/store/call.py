"""A read of the store that another thread can end.

The driver blocks its thread until the store answers, which for a report may take minutes. So each connection knows the
call that it serves, and `end` shuts that connection down: the thread gets an error at once, and the store sees that its
client has left and stops the query.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

Value = TypeVar("Value")

_lock = threading.Lock()
"""For which call each connection serves. It is held for an instant, never during I/O."""
_current = threading.local()


class Call:
    """One read: a request to the store and the reading of its answer, in one thread after the other."""

    def __init__(self) -> None:
        self._ended = False
        self._connection: _Served | None = None

    def run(self, work: Callable[[], Value]) -> Value:
        """Do a part of the call in this thread."""
        _current.call = self
        try:
            return work()
        finally:
            _current.call = None

    def end(self) -> None:
        """Let the call fail now, wherever it is. A call that is finished, or has failed, stays as it is."""
        with _lock:
            self._ended = True
            if (connection := self._connection) is not None and connection.call is self:
                connection.shut_down()

    def check(self) -> None:
        """Raises ConnectionAbortedError when the call was ended: the driver repeats other errors of connections."""
        if self._ended:
            raise ConnectionAbortedError("nobody waits for the answer any more")

    def serve_by(self, connection: "_Served") -> None:
        self._connection = connection


class _Served:
    """A connection that knows the call it serves, the latest one."""

    sock: Any
    call: Call | None = None

    def serve(self, send: Callable[[], None]) -> None:
        call: Call | None = getattr(_current, "call", None)
        with _lock:
            self.call = call
            if call is not None:
                call.serve_by(self)
        if call is None:
            return send()
        call.check()
        send()
        call.check()  # ended before there was a connection to shut down

    def shut_down(self) -> None:
        if (sock := self.sock) is not None:
            with suppress(OSError):  # the other side has closed it
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # of TLS, too, without its closing messages


class _Connection(_Served, HTTPConnection):
    def request(self, *args: Any, **named: Any) -> None:
        self.serve(lambda: super(_Connection, self).request(*args, **named))


class _SecureConnection(_Served, HTTPSConnection):
    def request(self, *args: Any, **named: Any) -> None:
        self.serve(lambda: super(_SecureConnection, self).request(*args, **named))


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def make_endable(manager: PoolManager) -> None:
    """Let the requests of a manager belong to the call that makes them."""
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    manager.clear()  # connections that were made before
