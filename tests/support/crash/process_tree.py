"""A process tree of `trackway serve` that lives several times on one data directory.

A data directory goes in; the test kills single processes of the tree or all of it, starts it again, and at last stops
it, which must leave nothing behind. Only processes of this tree are ever signalled: each is checked to be the child of
its supervisor first.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from tests.support.command_line import TRACKWAY
from tests.support.forked_process import SERVER, forked
from tests.support.http.exchange import Reply, Request, ask
from tests.support.server import ROOM_ENOUGH, Process, Project, basic, create_project
from tests.support.waiting import POLL_S, wait_until
from trackway.domain.identity_mode import SIMPLIFIED

START_TIMEOUT_S = 60.0
END_TIMEOUT_S = 45.0
CAUGHT_UP_TIMEOUT_S = 90.0


class Tree:
    """At most one living tree at a time. As a context it kills what is left of it at the end."""

    def __init__(self, data_dir: Path, *arguments: str):
        self.data_dir = data_dir
        self.arguments = arguments
        self.port = 0
        self.starts = 0
        self._process: Process | None = None
        data_dir.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            self.kill_all()

    @property
    def command(self) -> list[str]:
        # `checks` wants the bytes of every rejected record, of which a quick machine sends more than the default keeps.
        unbounded = ["--no-rate-limits", "--rejected-bytes-per-minute", str(1 << 32)]
        return [TRACKWAY, "serve", "--port", "0", "--data-dir", str(self.data_dir), *unbounded, *self.arguments]

    @property
    def seen_dir(self) -> Path:
        """Where the test finds the data directory."""
        return self.data_dir

    @property
    def log(self) -> Path:
        """What the server printed."""
        return self.data_dir / "serve.log"

    @property
    def pid(self) -> int:
        """The supervisor."""
        assert self._process is not None, "the tree is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def begin(self) -> None:
        """Start the process, without waiting for anything. It is forked from one that has done most imports, where the
        command is `trackway` itself."""
        program, *arguments = self.command
        with self.log.open("ab") as log:
            if program == TRACKWAY:
                self._process = forked(arguments, environment(), log, log, SERVER)
            else:
                self._process = subprocess.Popen(self.command, stdout=log, stderr=log, env=environment())
        self.starts += 1

    def start(self) -> None:
        """Return once it listens."""
        self.begin()
        self.wait_listening()

    def wait_listening(self) -> None:
        """Return once this life of the tree has said where it listens."""
        wait_until(self._listening, START_TIMEOUT_S, lambda: f"server does not start: {self.log_end()}")
        self.port = int(self.state()["port"])

    def _listening(self) -> bool:
        assert self._process is not None and self._process.poll() is None, f"server ended: {self.log_end()}"
        with contextlib.suppress(OSError, ValueError, KeyError):
            return bool(self.state()["pid"] == self.pid)
        return False

    def state(self) -> dict[str, Any]:
        """run/server.json. OSError or ValueError while there is none."""
        state: dict[str, Any] = json.loads((self.seen_dir / "run" / "server.json").read_text())
        return state

    def roles(self) -> dict[str, int]:
        """The children that live now, by role."""
        named = self.state()["processes"]
        return {role: pid for role, pid in named.items() if _is_child(pid, self.pid)}

    def signal(self, role: str, number: int) -> int:
        """Send a signal to one child; its pid, 0 when it is not there at the moment."""
        pid = self.roles().get(role, 0)
        try:
            if pid:
                os.kill(pid, number)
        except ProcessLookupError:  # it went by itself after it was seen
            return 0
        return pid

    def signal_when_there(self, role: str, number: int) -> int:
        """Send a signal to one child as soon as there is one; its pid."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not (pid := self.signal(role, number)):
            assert time.monotonic() < deadline_s, f"no {role} process: {self.log_end()}"
            time.sleep(POLL_S)
        return pid

    def kill_all(self) -> None:
        """SIGKILL to every process of the tree at once; returns when all of them are gone."""
        assert self._process is not None
        family = self._family()
        for each in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self._process.wait()
        wait_until(lambda: not any(map(_lives, family)), END_TIMEOUT_S, lambda: f"not killed: {family}")
        self._process = None

    def kill_supervisor(self) -> None:
        """SIGKILL to the supervisor alone, which must take its children with it; returns when it is gone itself."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """SIGTERM; exit code 0, and no process left."""
        family = self._family()
        os.kill(self.pid, signal.SIGTERM)
        self.wait_stopped(family)

    def wait_stopped(self, family: Sequence[psutil.Process]) -> None:
        """The end of a stop: exit code 0, and no process of the family left."""
        assert self._process is not None
        code = self._process.wait(END_TIMEOUT_S)
        left = [each for each in family if _lives(each)]
        self._process = None
        for each in left:
            each.kill()
        assert not left, f"processes left behind: {left}; {self.log_end()}"
        assert code == 0, f"server ended with {code}: {self.log_end()}"

    def family(self) -> list[psutil.Process]:
        """Every process of the tree, the supervisor first."""
        return self._family()

    def _family(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            supervisor = psutil.Process(self.pid)
            return [supervisor, *supervisor.children(recursive=True)]
        return []

    def create_project(self, identity_mode: str = SIMPLIFIED) -> Project:
        return create_project(self.data_dir / "projects.db", identity_mode=identity_mode)

    def ask(self, request: Request) -> Reply:
        return ask(self.port, request)

    def wait_caught_up(self) -> None:
        """Return once loader and store are up and all that is durable is loaded.

        The question about health puts an empty record behind everything else.
        """
        wait_until(lambda: self.ask(Request("GET", "/healthz")).status == 200, CAUGHT_UP_TIMEOUT_S, self.log_end)
        wait_until(self._caught_up, CAUGHT_UP_TIMEOUT_S, lambda: f"loader does not catch up: {self.log_end()}")

    def _caught_up(self) -> bool:
        reply = self.ask(Request("GET", "/readyz"))
        return reply.status == 200 and json.loads(reply.body)["loader"]["lag_bytes"] == 0

    def export(self, project: Project, **parameters: str) -> list[dict[str, Any]]:
        """Every event of a project, as exported."""
        extra = "".join(f"&{name}={value}" for name, value in parameters.items())
        target = f"/api/2.0/export?from_date=1971-01-01&to_date=2100-01-01{extra}"
        reply = self.ask(Request("GET", target, (basic(project.secret),)))
        assert reply.status == 200, f"export answered {reply.status}: {reply.body[:500]!r}"
        return [json.loads(line) for line in reply.body.splitlines()]

    def log_end(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


def environment() -> dict[str, str]:
    """The environment without settings of the product, which would change what is tested."""
    return ROOM_ENOUGH | {name: value for name, value in os.environ.items() if not name.startswith("TRACKWAY_")}


def _is_child(pid: int, parent: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).ppid() == parent
    return False


def _lives(process: psutil.Process) -> bool:
    """A zombie still holds its locks and sockets while others of its threads end."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and (process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1)
    return False
