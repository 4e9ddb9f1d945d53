"""`trackway store serve` on a free port: a store by its address, for servers that name it."""

import os
import re
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.support.command_line import TRACKWAY
from tests.support.server import ROOM_ENOUGH
from tests.support.waiting import wait_until

PASSWORD = "a/word:with@signs"
START_S_MAX = 60.0
STOP_S_MAX = 30.0
_PORT = re.compile(r"http://trackway:\*\*\*@127\.0\.0\.1:(\d+)/default")


class ServedStore:
    """At most one living process tree at a time, always on the same port. What is left of it is killed at the end."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.log = data_dir.with_suffix(".log")
        self.password_file = data_dir.with_suffix(".password")
        self.password_file.write_text(f"{PASSWORD}\n")
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            self.kill()

    @property
    def command(self) -> list[str]:
        at = ["--address", f"127.0.0.1:{self.port}", "--data-dir", str(self.data_dir)]
        return [TRACKWAY, "store", "serve", *at, "--password-file", str(self.password_file)]

    @property
    def url(self) -> str:
        return f"http://trackway:a%2Fword%3Awith%40signs@127.0.0.1:{self.port}/default"

    def start(self) -> None:
        """Return once it has said where it listens."""
        self.log.write_bytes(b"")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TRACKWAY_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log, env=environment | ROOM_ENOUGH)
        wait_until(self._listens, START_S_MAX, lambda: f"the store does not start: {self.log.read_text()}")

    def _listens(self) -> bool:
        assert self._process is not None and self._process.poll() is None, f"ended: {self.log.read_text()}"
        found = _PORT.search(self.log.read_text())
        self.port = int(found[1]) if found else self.port
        return found is not None

    def kill_child(self) -> None:
        """SIGKILL to the process of the store itself, as soon as there is one. It is started again. Returns when the
        killed one is gone, so that the next call finds another."""
        assert self._process is not None
        supervisor = psutil.Process(self._process.pid)
        found: list[psutil.Process] = []

        def finds() -> bool:
            found[:] = supervisor.children()  # asked once: between two looks it may go by itself
            return bool(found)

        wait_until(finds, START_S_MAX, lambda: "no process of the store")
        found[0].kill()
        _, left = psutil.wait_procs(found, STOP_S_MAX)
        assert not left, "the supervisor does not reap the process of the store"

    def kill(self) -> None:
        """SIGKILL to all of it. Returns when it is gone."""
        assert self._process is not None
        family = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        self._process.wait()
        self._process = None
        psutil.wait_procs(family, STOP_S_MAX)

    def stop(self) -> Path:
        """SIGTERM; exit code 0 in time, and no process left. Returns the directory of the store."""
        assert self._process is not None
        family = psutil.Process(self._process.pid).children(recursive=True)
        self._process.terminate()
        code = self._process.wait(STOP_S_MAX)
        self._process = None
        deadline_s = time.monotonic() + 1
        _, left = psutil.wait_procs(family, max(deadline_s - time.monotonic(), 0))
        assert (code, left) == (0, []), self.log.read_text()
        return self.data_dir / "store"
