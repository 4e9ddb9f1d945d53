"""A real `trackway serve` on a free port, for the tests that speak HTTP to it.

Out comes a `Server`: its address, a project, ways to ask, to wait until everything acknowledged can be queried, and to
export. On leaving, the server is told to stop and must do so: with exit code 0,
in time, and without leaving a process behind.
"""

import contextlib
import functools
import json
import os
import ssl
import subprocess
import time
import uuid
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import psutil

from tests.support.forked_process import SERVER, Forked, forked
from tests.support.http.exchange import Reply, Request, ask
from tests.support.store.process import ON_CLUSTER, lay_tables, running_store
from tests.support.waiting import POLL_S, wait_until
from trackway.domain.identity_mode import SIMPLIFIED
from trackway.domain.time_zone import MONDAY, UTC_NAME
from trackway.journal.segments.head import Head
from trackway.journal.stream.progress import StreamProgress
from trackway.projects.database import ProjectsDatabase
from trackway.projects.limits import MISS_INTERVAL_S_MIN

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
VISIBLE_TIMEOUT_S = 30.0
LOOK_S = 0.005
"""Between two looks that cost nobody anything."""
IN_EVERY_PROCESS = 8
"""Requests in a row, each on a connection of its own, after which each of two edge processes had its turn."""
Process = subprocess.Popen[bytes] | Forked


@dataclass(frozen=True)
class Project:
    """A project and its keys."""

    project_id: int
    name: str
    token: str
    secret: str
    region: str
    identity_mode: str = SIMPLIFIED


class ProjectDays(NamedTuple):
    """The time zone and the week start of a project."""

    time_zone: str = UTC_NAME
    week_start: str = MONDAY


UTC_DAYS = ProjectDays()
_NO_PROJECT = Project(0, "", "", "", "")


def basic(user: str, password: str = "") -> tuple[str, str]:
    """An `Authorization` header for HTTP Basic."""
    return "Authorization", "Basic " + b64encode(f"{user}:{password}".encode()).decode()


@dataclass
class Server:
    """A running server. `port` is that of the edge; `project` is one project, made when it came up."""

    url: str
    port: int
    data_dir: Path
    process: Process
    project: Project = _NO_PROJECT
    prefix: str = ""
    tls: ssl.SSLContext | None = None
    projects_at: tuple[str, ...] = ()
    """The arguments that tell a command where the projects are, besides the data directory."""

    def ask(self, request: Request) -> Reply:
        return ask(self.port, request, tls=self.tls)

    @property
    def projects(self) -> ProjectsDatabase:
        """Where its projects and accounts are."""
        return _database(self._projects_at)

    @property
    def _projects_at(self) -> Path | str:
        return self.projects_at[1] if self.projects_at else self.data_dir / "projects.db"

    def create_project(
        self, name: str = "", *, region: str = "us", identity_mode: str = SIMPLIFIED, days: ProjectDays = UTC_DAYS
    ) -> Project:
        """A new project that every edge process knows."""
        project = create_project(self._projects_at, name, region, identity_mode, days)
        if self.projects_at:  # those that ask a machine for projects are some time behind
            self._wait_known(project)
        return project

    def _wait_known(self, project: Project) -> None:
        target = f"{self.prefix}/api/2.0/export?from_date=2000-01-01&to_date=2000-01-01"
        request = Request("GET", target, (basic(project.secret),))
        wait_until(
            lambda: all(self.ask(request).status != 401 for _ in range(IN_EVERY_PROCESS)),
            VISIBLE_TIMEOUT_S,
            lambda: "the project is not known",
        )

    def processes(self) -> dict[str, int]:
        """Process ids by role, as the supervisor wrote them last."""
        found: dict[str, int] = _read_state(self.data_dir)["processes"]
        return found

    def edge_bytes(self) -> int:
        """Memory that the edge processes hold now, in bytes (RSS)."""
        return sum(psutil.Process(pid).memory_info().rss for role, pid in self.processes().items() if "edge" in role)

    def export_reply(self, project: Project, headers: tuple[tuple[str, str], ...] = (), **parameters: str) -> Reply:
        """One export of the whole time range, unless `from_date` and `to_date` say otherwise."""
        query = {"from_date": "1971-01-01", "to_date": "2100-01-01"} | parameters
        target = f"{self.prefix}/api/2.0/export?{urlencode(query)}"
        return self.ask(Request("GET", target, (basic(project.secret), *headers)))

    def export(self, project: Project, **parameters: str) -> list[dict[str, Any]]:
        """The exported events, in the order they came."""
        reply = self.export_reply(project, (), **parameters)
        assert reply.status == 200, f"export answered {reply.status}: {reply.body[:500]!r}"
        return [json.loads(line) for line in reply.body.splitlines()]

    def export_when(self, project: Project, count: int, **parameters: str) -> list[dict[str, Any]]:
        """The exported events as soon as there are `count` of them."""
        self.wait_loaded()
        deadline = time.monotonic() + VISIBLE_TIMEOUT_S
        while True:
            events = self.export(project, **parameters)
            if len(events) >= count or time.monotonic() > deadline:
                assert len(events) == count, f"{len(events)} events exported, {count} expected"
                return events
            time.sleep(POLL_S)

    def wait_loaded(self) -> None:
        """Return once all that was acknowledged before can be queried; asks no process, only the journal's progress."""
        deadline = time.monotonic() + VISIBLE_TIMEOUT_S
        with contextlib.closing(_progress(self.data_dir / "journal")) as head:
            acknowledged = head.synced
            while head.loaded < acknowledged:
                assert time.monotonic() < deadline, f"not loaded: {_log_end(self.data_dir)}"
                time.sleep(LOOK_S)


def _progress(journal: Path) -> Head | StreamProgress:
    return StreamProgress(journal) if (journal / "progress").exists() else Head(journal)


def create_project(
    at: Path | str,
    name: str = "",
    region: str = "us",
    identity_mode: str = SIMPLIFIED,
    days: ProjectDays = UTC_DAYS,
) -> Project:
    """A new project in the database at that path or URL, as `trackway project create` makes it, without a process."""
    made = _database(at).create(name or f"test {uuid.uuid4().hex}", region, identity_mode, *days)
    # An edge process that has just met an unknown token looks again only after this pause.
    time.sleep(2 * MISS_INTERVAL_S_MIN)
    return Project(made.project_id, made.name, made.token, made.secret, made.region, made.identity_mode)


@functools.cache
def _database(at: Path | str) -> ProjectsDatabase:
    return ProjectsDatabase(at)


@contextlib.contextmanager
def running_server(
    data_dir: Path, *arguments: str, tls: ssl.SSLContext | None = None, program: str = ""
) -> Iterator[Server]:
    """`trackway serve` on `data_dir` with a free port, no rate limits and little rest between loads, unless the
    arguments say otherwise; `tls`: how to reach one that speaks HTTPS; `program`: the one to start from nothing, where
    a test is about what a server imports. Else it is forked from a process that has done most imports."""
    data_dir.mkdir(parents=True, exist_ok=True)
    prefix = arguments[arguments.index("--path-prefix") + 1] if "--path-prefix" in arguments else ""
    projects_at = arguments.index("--projects-url") if "--projects-url" in arguments else len(arguments)
    projects = arguments[projects_at : projects_at + 2]
    limits = () if any("rate-limits" in each for each in arguments) else ("--no-rate-limits",)
    soon = () if "--load-interval-ms" in arguments else ("--load-interval-ms", "100")
    with contextlib.ExitStack() as stack:
        if ON_CLUSTER and "--store-url" not in arguments:
            store = stack.enter_context(running_store(data_dir / "store"))
            arguments = (*arguments, "--store-url", store.url)
        if "--store-url" not in arguments:
            lay_tables(data_dir / "store")
        yield from _running_server(data_dir, projects, prefix, tls, [*limits, *soon, *arguments], program)


def _running_server(
    data_dir: Path,
    projects: Sequence[str],
    prefix: str,
    tls: ssl.SSLContext | None,
    arguments: Sequence[str],
    program: str,
) -> Iterator[Server]:
    command = ["serve", "--port", "0", "--data-dir", str(data_dir), *arguments]
    if not projects:
        # A server that finds its tables need not import what makes them, nor pass it on to its children.
        _database(data_dir / "projects.db").migrate()
    with (data_dir / "serve.log").open("ab") as log:
        process: Process
        if program:
            process = subprocess.Popen([program, *command], stdout=log, stderr=log, env=environment())
        else:
            process = forked(command, environment(), log, log, SERVER)
        try:
            port = wait_ready(process, data_dir, prefix, tls)
            url = f"{'https' if tls else 'http'}://127.0.0.1:{port}{prefix}"
            server = Server(url, port, data_dir, process, _NO_PROJECT, prefix, tls, tuple(projects))
            server.project = server.create_project()
            yield server
        finally:
            _stop(process, data_dir)


ROOM_ENOUGH = {"TRACKWAY_DISK_FREE_BYTES_MIN": str(1 << 20)}
"""So that the tests run on a machine whose disk is nearly full."""


def environment() -> dict[str, str]:
    """The environment without settings of the product or proxies, which would change what is tested."""
    return ROOM_ENOUGH | {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TRACKWAY_") and not name.lower().endswith("_proxy")
    }


def _read_state(data_dir: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((data_dir / "run" / "server.json").read_text())
    return state


def wait_ready(process: Process, data_dir: Path, prefix: str = "", tls: ssl.SSLContext | None = None) -> int:
    """The port, once `/readyz` answers 200."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, f"server ended with {process.returncode}: {_log_end(data_dir)}"
        with contextlib.suppress(OSError, ValueError, KeyError, HTTPException):
            state = _read_state(data_dir)
            ready = Request("GET", f"{prefix}/readyz")
            if state["pid"] == process.pid and ask(state["port"], ready, tls=tls).status == 200:
                return int(state["port"])
        time.sleep(POLL_S)
    raise AssertionError(f"server not ready within {START_TIMEOUT_S} s: {_log_end(data_dir)}")


def _stop(process: Process, data_dir: Path) -> None:
    """SIGTERM, then the checks that it stopped well; whatever is left is killed before the test fails."""
    if process.poll() is not None:
        raise AssertionError(f"server had ended by itself with {process.returncode}: {_log_end(data_dir)}")
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT_S)
    stopped = process.poll()
    left = [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    for each in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    if stopped is None:
        process.kill()
        process.wait()
        raise AssertionError(f"server did not stop within {STOP_TIMEOUT_S} s: {_log_end(data_dir)}")
    assert not left, f"processes left behind: {left}; {_log_end(data_dir)}"
    assert stopped == 0, f"server ended with {stopped}: {_log_end(data_dir)}"


def _log_end(data_dir: Path) -> str:
    return (data_dir / "serve.log").read_text(errors="replace")[-4000:]
