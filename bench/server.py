"""A `trackway serve` to be measured: started on a data directory, asked over HTTP, stopped.

It runs as an operator would run it, but for a free port and no hourly limits. Starting measures itself: from the
moment before the process exists to the first 200 of `/track`.
"""

import contextlib
import functools
import http.client
import json
import os
import re
import subprocess
import sys
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import psutil

START_S_MAX: Final = 60.0
LOADED_S_MAX: Final = 300.0
STOP_S_MAX: Final = 60.0
POLL_S: Final = 0.005
LAG_POLL_S: Final = 0.02
IDLE_S_MAX: Final = 1200.0
IDLE_SHARE: Final = 0.2
"""Of one core: heartbeats and looks at the journal take less."""
_TRACKWAY: Final = str(Path(sys.executable).with_name("trackway"))
_WHOLE_RANGE: Final = {"from_date": "1971-01-01", "to_date": "2100-01-01"}
_JSON: Final = {"Content-Type": "application/json"}


class Keys(NamedTuple):
    """What a client of one project needs."""

    token: str
    secret: str

    @property
    def authorization(self) -> str:
        return "Basic " + b64encode(f"{self.secret}:".encode()).decode()


class Server:
    """A running server. `start_s`: seconds from starting the process to the first 200 of `/track`."""

    def __init__(self, data_dir: Path, process: subprocess.Popen[bytes], first: Keys, start_s: float):
        self._data_dir = data_dir
        self._process = process
        state = _state(data_dir)
        self.first = first
        self.start_s = start_s
        self.port = int(state["port"])
        self.pids: dict[str, int] = {"supervisor": process.pid, **state["processes"]}

    @property
    def workers(self) -> int:
        return sum(role.startswith("edge") for role in self.pids)

    def create_projects(self, *names: str) -> list[Keys]:
        """New projects, by the command line, once the server knows them."""
        with ThreadPoolExecutor() as threads:
            created = list(threads.map(self._create_project, names))
        for keys in created:
            wait_until(functools.partial(self._knows, keys), START_S_MAX, "the new project to be known")
        return created

    def run_command(self, *arguments: str) -> dict[str, Any]:
        """What a command beside the server answers. Raises CalledProcessError where it fails."""
        command = [_TRACKWAY, *arguments, "--json", "--data-dir", str(self._data_dir)]
        done = subprocess.run(command, env=_environment(), stdout=subprocess.PIPE, check=True)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def _create_project(self, name: str) -> Keys:
        made = self.run_command("project", "create", name)
        return Keys(made["token"], made["secret"])

    def _knows(self, keys: Keys) -> bool:
        """Asked often enough that every edge process answers at least once."""
        target = export_target({"limit": "1"})
        replies = [
            ask(self.port, "GET", target, {"Authorization": keys.authorization}) for _ in range(4 * self.workers)
        ]
        return all(status == 200 for status, _ in replies)

    def track(self, event: Mapping[str, Any]) -> None:
        """Send one event. Raises RuntimeError unless it is acknowledged."""
        self.post("/track", json.dumps(event).encode())

    def post(self, target: str, body: bytes) -> None:
        """Send records as JSON, to an endpoint that answers `1`. Raises RuntimeError unless they are acknowledged."""
        reply = ask(self.port, "POST", target, _JSON, body)
        if reply != (200, b"1"):
            raise RuntimeError(f"{target} answered {reply}")

    def wait_loaded(self) -> float:
        """Wait until the loader has loaded all that is in the journal; the time, of the monotonic clock."""
        wait_until(lambda: self._lag_bytes() == 0, LOADED_S_MAX, "the loader to load everything", LAG_POLL_S)
        return time.monotonic()

    def wait_idle(self, seen_s: float) -> None:
        """Wait until the server does nothing by itself any more for `seen_s`: no merges, and nothing else in the
        background."""
        wait_until(lambda: self._idle(seen_s), IDLE_S_MAX, "the server to be idle", poll_s=0)

    def _idle(self, seen_s: float) -> bool:
        """Whether all processes together take little processor time meanwhile, and the facts are complete."""
        before_s = self._processor_s()
        time.sleep(seen_s)
        is_quiet = self._processor_s() - before_s < IDLE_SHARE * seen_s
        return is_quiet and not self._counted("trackway_facts_behind_events")

    def _processor_s(self) -> float:
        return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in self.pids.values())

    def _lag_bytes(self) -> int | None:
        _, body = ask(self.port, "GET", "/readyz")
        lag_bytes: int | None = json.loads(body)["loader"]["lag_bytes"]
        return lag_bytes

    def accepted(self, endpoint: str) -> int:
        """Records of an endpoint that were acknowledged since the start, as the server itself counts."""
        return int(self._counted(f'trackway_records_total{{endpoint="{endpoint}",outcome="accepted",reason=""}}'))

    def stored(self) -> int:
        """Records that the loader has put into the store since the start, as the server itself counts."""
        return int(self._counted('trackway_loaded_records_total{outcome="stored"}'))

    def verified_s(self) -> float:
        """Seconds that the loader has spent on verifying what it has inserted, since the start."""
        return self._counted('trackway_verification_seconds_total{thread="loader"}')

    def _counted(self, series: str) -> float:
        """A counter of the server, 0 where it has not counted yet."""
        _, body = ask(self.port, "GET", "/metrics")
        lines = body.decode().splitlines()
        return sum(float(each.removeprefix(series)) for each in lines if each.startswith(f"{series} "))

    def check_alive(self) -> None:
        """Raises RuntimeError when any process died and was started again: such a run says nothing."""
        now = {"supervisor": self._process.pid, **_state(self._data_dir)["processes"]}
        if now != self.pids:
            raise RuntimeError(f"processes of the server died: {self.pids} became {now}\n{_log_end(self._data_dir)}")

    def stop(self) -> None:
        """SIGTERM, and the whole tree must end well."""
        self._process.terminate()
        try:
            code = self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its children die with it
            code = self._process.wait()
        if code:
            raise RuntimeError(f"the server ended with code {code}: {_log_end(self._data_dir)}")


@contextlib.contextmanager
def running(data_dir: Path, first: Keys | None = None, arguments: tuple[str, ...] = ()) -> Iterator[Server]:
    """A server on `data_dir`. first: a project known to be there; without one, the one that a first start makes."""
    data_dir.mkdir(parents=True, exist_ok=True)
    command = [_TRACKWAY, "serve", "--port", "0", "--no-rate-limits", "--report-cache-bytes", "0"]
    command += ["--data-dir", str(data_dir), *arguments]
    began_s = time.monotonic()
    with (data_dir / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=_environment())
    try:
        wait_until(lambda: _listening(data_dir, process), START_S_MAX, "the server to listen")
        first = first or _first_project(data_dir)
        _first_event(int(_state(data_dir)["port"]), first)
        server = Server(data_dir, process, first, time.monotonic() - began_s)
        yield server
        server.check_alive()
    except BaseException as error:
        process.kill()
        process.wait()
        error.add_note(_log_end(data_dir))
        raise
    server.stop()


def _listening(data_dir: Path, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the server ended with code {process.returncode}: {_log_end(data_dir)}")
    with contextlib.suppress(FileNotFoundError):
        return bool(_state(data_dir)["pid"] == process.pid)
    return False


def _first_project(data_dir: Path) -> Keys:
    """The keys that a first start writes."""
    text = (data_dir / "first-start.txt").read_text()
    token, secret = (re.search(rf"{name}\s+([0-9a-f]{{32}})", text) for name in ("token", "secret"))
    assert token and secret, f"the server writes no keys: {text[-1000:]}"
    return Keys(token[1], secret[1])


def _first_event(port: int, keys: Keys) -> None:
    """Send until it is acknowledged. The socket listens before anybody accepts, so one try is the rule."""
    properties = {"token": keys.token, "distinct_id": "start", "$insert_id": uuid.uuid4().hex}
    body = json.dumps({"event": "Started", "properties": properties}).encode()
    wait_until(lambda: ask(port, "POST", "/track", _JSON, body) == (200, b"1"), START_S_MAX, "the first 200 of /track")


def export_target(parameters: Mapping[str, str] = {}) -> str:
    """The path and query of an export of all dates."""
    return f"/api/2.0/export?{urlencode({**_WHOLE_RANGE, **parameters})}"


def ask(
    port: int, method: str, target: str, headers: Mapping[str, str] = {}, body: bytes | None = None
) -> tuple[int, bytes]:
    """One request on a connection of its own: status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, target, body, dict(headers))
        reply = connection.getresponse()
        return reply.status, reply.read()


def wait_until(is_so: Callable[[], object], seconds_max: float, what: str, poll_s: float = POLL_S) -> None:
    """Raises TimeoutError, naming what was waited for."""
    deadline_s = time.monotonic() + seconds_max
    while not is_so():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"waited {seconds_max} s for {what}")
        time.sleep(poll_s)


def _environment() -> dict[str, str]:
    """The environment without settings of the product, which would change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TRACKWAY_")}


def _state(data_dir: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((data_dir / "run" / "server.json").read_text())
    return state


def _log_end(data_dir: Path) -> str:
    return (data_dir / "serve.log").read_text(errors="replace")[-4000:]
