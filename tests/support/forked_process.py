"""Processes of `trackway`, forked from one that has imported what they need (`tests.support.command_process`).

`forked` starts one and returns at once. What comes out is used as a `subprocess.Popen` is.
"""

import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import trackway.commands
from tests.support.waiting import wait_until

START_S_MAX = 60.0
COMMANDS = (
    "trackway.cli",
    "trackway.projects.database",
    *(f"trackway.commands.{path.stem}" for path in Path(trackway.commands.__path__[0]).glob("*.py")),
)
"""What the commands need that most tests run."""
SERVER = (
    "trackway.cli",
    "trackway.supervisor",
    "trackway.alerts.process",
    "trackway.backup.snapshot",
    "trackway.compaction.compactor",
    "trackway.erasure.worker",
    "trackway.ageing.worker",
    "trackway.loader.loop",
    "trackway.loader.disk_report",
)
"""What the supervisor, the loader and the alerts import. The engine and the pages are imported by who needs them."""


class Forked:
    """A process that runs; `returncode` is negative for a signal."""

    def __init__(self, asked: socket.socket):
        self._asked = asked
        self.pid = _pid(asked)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        if self.returncode is None and select.select([self._asked], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises subprocess.TimeoutExpired after so many seconds."""
        if self.returncode is None:
            if not select.select([self._asked], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("trackway", timeout or 0)
            with self._asked:
                self.returncode = int(self._asked.recv(16))
        return self.returncode

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def forked(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    out: IO[bytes],
    err: IO[bytes],
    modules: tuple[str, ...] = COMMANDS,
) -> Forked:
    """A new process of `trackway` with these arguments, in the present directory, with the present umask, and without
    an input. `modules`: what is imported already."""
    told = json.dumps({"arguments": list(arguments), "environment": dict(environment), "umask": _umask()}).encode()
    asking = socket.socket(socket.AF_UNIX)
    here = os.open(".", os.O_RDONLY)
    try:
        with Path(os.devnull).open("rb") as nothing:
            asking.connect(_forking(modules).path)
            sent = socket.send_fds(asking, [told], [here, nothing.fileno(), out.fileno(), err.fileno()])
            asking.sendall(told[sent:])
            asking.shutdown(socket.SHUT_WR)
        return Forked(asking)
    except BaseException:
        asking.close()
        raise
    finally:
        os.close(here)


def _umask() -> int:
    """That of this process, which `os.umask` gives only to who sets another."""
    [line] = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Umask:"))
    return int(line.split()[1], 8)


def _pid(asked: socket.socket) -> int:
    """Read the line of the process id, and no more."""
    line = b""
    while not line.endswith(b"\n"):
        read = asked.recv(1)
        assert read, "no process was forked"
        line += read
    return int(line)


class _Forking(NamedTuple):
    """The process that forks. It ends when its standard input does, at the latest with this process."""

    process: subprocess.Popen[bytes]
    directory: "tempfile.TemporaryDirectory[str]"

    @property
    def path(self) -> str:
        return f"{self.directory.name}/socket"


@functools.cache
def _forking(modules: tuple[str, ...]) -> _Forking:
    directory = tempfile.TemporaryDirectory(prefix="trackway-commands-")
    command = [sys.executable, "-m", "tests.support.command_process", f"{directory.name}/socket", *modules]
    root = str(Path(__file__).parents[2])
    # numpy's threads must not be forked; the server, too, imports it without them.
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])]),
        "OPENBLAS_NUM_THREADS": "1",
    }
    forking = _Forking(subprocess.Popen(command, stdin=subprocess.PIPE, env=environment), directory)
    wait_until(lambda: _listens(forking), START_S_MAX, lambda: "the process that forks does not listen")
    return forking


def _listens(forking: _Forking) -> bool:
    assert forking.process.poll() is None, f"the process that forks ended with {forking.process.returncode}"
    return Path(forking.path).exists()
