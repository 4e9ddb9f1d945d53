"""The command line in a process of its own for each command, forked from one that has imported it."""

import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, NamedTuple

from tests.support.waiting import wait_until

TRACKWAY = str(Path(sys.executable).with_name("trackway"))
START_S_MAX = 60.0


class _Forking(NamedTuple):
    """The process that forks. It ends when its standard input does, at the latest with this process."""

    process: subprocess.Popen[bytes]
    directory: "tempfile.TemporaryDirectory[str]"

    @property
    def path(self) -> str:
        return f"{self.directory.name}/socket"


def trackway(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRACKWAY_")}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = _run(arguments, environment | variables, out, err)
        return subprocess.CompletedProcess([TRACKWAY, *arguments], code, _text(out), _text(err))


def printed(*arguments: str, **variables: str) -> str:
    done = trackway(*arguments, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def _run(arguments: tuple[str, ...], environment: dict[str, str], out: IO[bytes], err: IO[bytes]) -> int:
    """The exit code of a command, negative for a signal."""
    told = json.dumps({"arguments": arguments, "environment": environment}).encode()
    here = os.open(".", os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as asking, Path(os.devnull).open("rb") as nothing:
            asking.connect(_forking().path)
            sent = socket.send_fds(asking, [told], [here, nothing.fileno(), out.fileno(), err.fileno()])
            asking.sendall(told[sent:])
            asking.shutdown(socket.SHUT_WR)
            return int(asking.recv(16))
    finally:
        os.close(here)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


@functools.cache
def _forking() -> _Forking:
    directory = tempfile.TemporaryDirectory(prefix="trackway-commands-")
    command = [sys.executable, "-m", "tests.support.command_process", f"{directory.name}/socket"]
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}
    forking = _Forking(subprocess.Popen(command, stdin=subprocess.PIPE, env=environment), directory)
    wait_until(lambda: _listens(forking), START_S_MAX, lambda: "the process of commands does not listen")
    return forking


def _listens(forking: _Forking) -> bool:
    assert forking.process.poll() is None, f"the process of commands ended with {forking.process.returncode}"
    return Path(forking.path).exists()
