"""What systemd, or another service manager, learns of a server: that it is ready, lives, or stops (sd_notify(3)).

The manager gives the address of a datagram socket in `NOTIFY_SOCKET`, and in `WATCHDOG_USEC` how long it waits for a
sign of life before it kills the server. Without a manager all calls do nothing. A message that cannot be sent delays
nobody: it is sent again with the next sign of life, and one line of the log says why.
"""

import os
import socket
from collections.abc import Mapping, MutableMapping
from typing import Final

from trackway.telemetry import logs

_ADDRESS: Final = "NOTIFY_SOCKET"
_WATCHDOG: Final = ("WATCHDOG_USEC", "WATCHDOG_PID")
_log = logs.get("supervisor")


class ServiceManager:
    """Made by the supervisor alone; `environ` loses the variables, so that no child takes them for its own."""

    def __init__(self, environ: MutableMapping[str, str] | None = None):
        environ = os.environ if environ is None else environ
        self._address = _address(environ.pop(_ADDRESS, ""))
        self._watched = _is_watched({name: environ.pop(name, "") for name in _WATCHDOG})
        self._failed = False
        self._is_ready = False
        self._told_status = ""

    def alive(self, status: str, *, is_ready: bool) -> None:
        """A sign of life, as often as the supervisor looks at its children.

        `status`: one line for people. `is_ready`: all that accepts requests runs; sent once, as the manager keeps it.
        """
        if not self._address:
            return
        lines = ["WATCHDOG=1"] if self._watched else []
        if is_ready and not self._is_ready:
            lines.append("READY=1")
        if status != self._told_status:
            lines.append(f"STATUS={status}")
        if lines and self._send(lines):
            self._is_ready = self._is_ready or is_ready
            self._told_status = status

    def stopping(self) -> None:
        """The server stops, by a signal or by itself."""
        if self._address:
            self._send(["STOPPING=1", "STATUS=stopping"])
            self._told_status = "stopping"

    def _send(self, lines: list[str]) -> bool:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sock:
                sock.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            if not self._failed:
                _log.warning("the service manager cannot be notified, will try again", error=error.strerror)
            self._failed = True
            return False
        self._failed = False
        return True


def _address(text: str) -> str:
    """The address for `sendto`; a name that begins with @ is in the abstract namespace."""
    if text and text[0] not in "/@":
        _log.warning(
            f"{_ADDRESS} must be a path or begin with @, not {text[:100]!r}: the service manager hears nothing"
        )
        return ""
    return "\0" + text[1:] if text.startswith("@") else text


def _is_watched(given: Mapping[str, str]) -> bool:
    """Whether the manager wants signs of life of this process."""
    interval, pid = (given[name] for name in _WATCHDOG)
    return interval.isdecimal() and int(interval) > 0 and pid in ("", str(os.getpid()))
