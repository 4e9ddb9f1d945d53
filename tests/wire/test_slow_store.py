"""Clients that do not read their exports, and a store that stands still: events, health checks and other projects are
answered all the same, by the one edge process that has everything to do."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.support.http.encodings import JSON
from tests.support.http.events import import_all, record
from tests.support.http.exchange import Reply, Request
from tests.support.profile_server import ProfileServer
from tests.support.running_exports import running_exports
from tests.support.server import Project, basic, running_server
from tests.support.store.process import RunningStore, migrated_store
from trackway.store.client import Store
from trackway.store.workload import EXPORT, HEALTH, REPORTS

SOON_S = 5.0
"""What waits for nothing is answered in milliseconds."""
STORE_AWAY_S = 5.0 * HEALTH.answer_s_max
"""Who asks whether the store is up waits a while for it."""
ROUNDS = 10
EVENTS = 800
"""Too large together for what lies between the store and a client that does not read."""


class Slow:
    """The server, its store, and two projects: one with much, one with a single event."""

    def __init__(self, running: RunningStore, server: ProfileServer) -> None:
        self.running = running
        self.profile_server = server
        self.server = server.server
        self.large, self.small = self.server.create_project(), self.server.create_project()
        wide = {f"p{number}": "x" * 255 for number in range(240)}
        for part in range(2):
            rows = [record(self.large, insert_id=f"id-{part}-{row}", **wide) for row in range(EVENTS // 2)]
            import_all(self.server, self.large, rows)
        import_all(self.server, self.small, [record(self.small, insert_id="id")])
        self.server.wait_loaded()

    def answered_s(self, method: str, target: str, body: bytes = b"", *, project: Project | None = None) -> float:
        """How long the answer takes, which is no error; for /readyz it may be one."""
        headers = (JSON, *([basic(project.secret)] if project else []))
        began_s = time.monotonic()
        reply: Reply = self.server.ask(Request(method, target, headers, body))
        assert reply.status == 200 or target == "/readyz", reply
        return time.monotonic() - began_s

    def assert_others_are_answered(self, ready_s_max: float = SOON_S) -> None:
        for number in range(ROUNDS):
            event = json.dumps([record(self.small, insert_id=f"beside-{number}", name="beside")]).encode()
            assert self.answered_s("POST", "/track", event) < SOON_S
            assert self.answered_s("GET", "/healthz") < SOON_S
        assert self.answered_s("GET", "/readyz") < ready_s_max

    @contextmanager
    def unread_exports(self, count: int) -> Iterator[None]:
        """So many exports of the large project that are asked for; nothing is read of what comes."""
        name, value = basic(self.large.secret)
        head = f"GET {TARGET} HTTP/1.1\r\nHost: x\r\n{name}: {value}\r\n\r\n".encode()
        with ExitStack() as stack:
            for _ in range(count):
                connection = stack.enter_context(closing(socket.socket()))
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.connect(("127.0.0.1", self.server.port))
                connection.sendall(head)
            yield


@contextmanager
def frozen(store: RunningStore) -> Iterator[None]:
    os.kill(store.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(store.pid, signal.SIGCONT)


TARGET = "/api/2.0/export?from_date=1971-01-01&to_date=2100-01-01"
SMALL = f"{TARGET}&event=%5B%22signed+up%22%5D"


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slow]:
    directory: Path = tmp_path_factory.mktemp("slow")
    with (
        migrated_store(directory / "store") as running,
        closing(Store(running.url)) as store,
        running_server(directory / "data", "--store-url", running.url, "--workers", "1") as server,
    ):
        yield Slow(running, ProfileServer(server, store))


def wait_until(met: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + SOON_S
    while not met():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


@pytest.mark.parametrize("count", [EXPORT.project_max, EXPORT.project_max + 1, 2 * EXPORT.connections])
def test_exports_that_nobody_reads_keep_no_others_waiting(slow: Slow, count: int) -> None:
    with slow.unread_exports(count):
        wait_until(lambda: running_exports(slow.profile_server) == EXPORT.project_max)
        slow.assert_others_are_answered()
        assert slow.answered_s("GET", SMALL, project=slow.small) < SOON_S
        assert running_exports(slow.profile_server) == EXPORT.project_max
    assert slow.answered_s("GET", f"{SMALL}&limit=1", project=slow.large) < SOON_S, "all clients have left"
    wait_until(lambda: running_exports(slow.profile_server) == 0)


def test_a_client_that_leaves_its_report_has_its_place_back(tmp_path: Path) -> None:
    """Also while the store answers nothing: the thread that waits for it is ended, too."""
    limits = ("--rate-limits", "--report-concurrent-max", "1", "--report-requests-per-hour", "0")
    with (
        migrated_store(tmp_path / "store") as running,
        running_server(tmp_path / "data", "--store-url", running.url, "--workers", "1", *limits) as server,
    ):
        project = server.create_project()
        name, value = basic(project.secret)
        question = "/api/query/segmentation?event=x&from_date=2026-01-01&to_date=2026-01-02"
        head = f"GET {question} HTTP/1.1\r\nHost: x\r\n{name}: {value}\r\n\r\n".encode()

        def used() -> list[int]:
            reply = server.ask(Request("GET", "/api/app/rate-limits", ((name, value),)))
            uses = json.loads(reply.body)["results"]
            return [each["used"] for each in uses if each["limit"] == "report_concurrent_max"]

        with frozen(running):
            for _ in range(2 * REPORTS.connections):
                with closing(socket.create_connection(("127.0.0.1", server.port))) as connection:
                    connection.sendall(head)
                    wait_until(lambda: used() == [1])
                wait_until(lambda: used() == [0])
        assert server.ask(Request("GET", question, ((name, value),))).status == 200


def test_a_store_that_stands_still_keeps_no_events_and_no_health_check_waiting(slow: Slow) -> None:
    lines: list[int] = []

    def export() -> None:
        reply = slow.server.ask(Request("GET", SMALL, (basic(slow.large.secret),)))
        lines.append(reply.body.count(b"\n"))

    exports = [threading.Thread(target=export) for _ in range(2 * EXPORT.project_max)]
    with frozen(slow.running):
        for thread in exports:
            thread.start()
        slow.assert_others_are_answered(STORE_AWAY_S)
    for thread in exports:
        thread.join(timeout=60)
    assert lines == [EVENTS] * len(exports)
    slow.assert_others_are_answered()
