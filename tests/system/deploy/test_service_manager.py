"""A real server and a service manager's socket: ready when it answers, alive while its supervisor is, and its stop."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.crash.process_tree import Tree
from tests.support.http.exchange import Request

HEARD_S_MAX = 60.0
SILENT_S = 2.5


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(HEARD_S_MAX)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "60000000")
        yield sock


def until(heard: socket.socket, line: str) -> list[str]:
    """All lines up to the message with this one."""
    lines: list[str] = []
    while line not in lines:
        lines += heard.recv(4096).decode().split("\n")
    return lines


def test_a_service_manager_follows_the_life_of_a_server(tmp_path: Path, heard: socket.socket) -> None:
    with Tree(tmp_path / "data", "--workers", "2") as tree:
        tree.begin()
        lines = until(heard, "READY=1")
        assert "STOPPING=1" not in lines
        tree.port = int(tree.state()["port"])
        assert tree.ask(Request("GET", "/healthz")).status == 200
        until(heard, "WATCHDOG=1")
        os.kill(tree.pid, signal.SIGSTOP)
        heard.settimeout(0.01)
        _drain(heard)
        time.sleep(SILENT_S)
        with pytest.raises(TimeoutError):
            heard.recv(4096)
        heard.settimeout(HEARD_S_MAX)
        os.kill(tree.pid, signal.SIGCONT)
        until(heard, "WATCHDOG=1")
        tree.stop()
        stopped = until(heard, "STOPPING=1")
        assert "READY=1" not in stopped, "it is sent once"


def _drain(heard: socket.socket) -> None:
    while True:
        try:
            heard.recv(4096)
        except TimeoutError:
            return
