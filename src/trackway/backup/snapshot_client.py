"""How a backup asks the loader's process for a snapshot."""

import socket
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import msgspec

from trackway.backup.limits import (
    SNAPSHOT_AGAIN_S,
    SNAPSHOT_LINE_BYTES_MAX,
    SNAPSHOT_SILENCE_S_MAX,
    SNAPSHOT_TRIES_MAX,
    SNAPSHOT_WAIT_S_MAX,
)
from trackway.backup.snapshot_words import SOCKET, Frozen, Line, short_path
from trackway.domain.errors import StateError

Value = TypeVar("Value")
_decode = msgspec.json.Decoder(Line).decode


class _Failed(Exception):
    """The loader's process ended, has not begun, or could not take the snapshot now."""


def with_snapshot(
    run_dir: Path, name: str, waits: Callable[[int], object], work: Callable[[], Value]
) -> tuple[Frozen, Value]:
    """A snapshot whose name begins so, and the result of work during which no erasure goes on.

    `waits` gets the bytes that are left to load. What a process that is killed breaks off is done again. Raises
    StateError when no server runs, or when it cannot take a snapshot.
    """
    for number in range(SNAPSHOT_TRIES_MAX):
        try:
            with closing(_connected(run_dir, f"{name}x{number}")) as connection:
                frozen = _answer(connection, waits)
                done = work()
                if _is_held(connection):
                    return frozen, done
        except (_Failed, OSError) as error:
            if number == SNAPSHOT_TRIES_MAX - 1:
                raise StateError(str(error) if isinstance(error, _Failed) else _no_server(run_dir)) from error
        time.sleep(SNAPSHOT_AGAIN_S)
    raise StateError("the loader ended again and again: its log has the reason")


def _no_server(run_dir: Path) -> str:
    return f"no server runs on {run_dir.parent}: start it first, or copy the directory as it is"


def _connected(run_dir: Path, name: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(SNAPSHOT_SILENCE_S_MAX)
        with short_path(run_dir) as directory:
            connection.connect(f"{directory}/{SOCKET}")
        connection.sendall(f"{name}\n".encode())
    except OSError:
        connection.close()
        raise
    return connection


def _answer(connection: socket.socket, waits: Callable[[int], object]) -> Frozen:
    until_s = time.monotonic() + SNAPSHOT_WAIT_S_MAX
    with connection.makefile("rb") as lines:
        while time.monotonic() < until_s:
            text = lines.readline(SNAPSHOT_LINE_BYTES_MAX)
            if not text.endswith(b"\n"):
                raise _Failed("the loader ended during the snapshot: its log has the reason")
            line = _decode(text)
            if line.failure:
                raise _Failed(f"the server takes no snapshot: {line.failure}")
            if line.frozen is not None:
                return line.frozen
            waits(line.left_bytes)
    raise StateError(
        f"the server did not load within {SNAPSHOT_WAIT_S_MAX:.0f} s what it had acknowledged: look at /readyz, "
        "then try again"
    )


def _is_held(connection: socket.socket) -> bool:
    """Whether the loader's process still keeps the erasure at rest."""
    connection.setblocking(False)
    try:
        connection.recv(1)
    except BlockingIOError:
        return True
    return False
