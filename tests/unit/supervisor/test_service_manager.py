"""What a service manager receives: readiness once, signs of life where it asked for them, and the stop."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from trackway.supervisor.service_manager import ServiceManager

WATCHED = {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.setblocking(False)
        yield sock


def messages(heard: socket.socket) -> list[list[str]]:
    found = []
    while True:
        try:
            found.append(heard.recv(4096).decode().split("\n"))
        except BlockingIOError:
            return found


def at(heard: socket.socket) -> dict[str, str]:
    return {"NOTIFY_SOCKET": heard.getsockname()}


def test_readiness_is_sent_once_and_a_status_when_it_changes(heard: socket.socket) -> None:
    manager = ServiceManager(at(heard))
    for is_ready in (False, False, True, True):
        manager.alive("waiting" if not is_ready else "running", is_ready=is_ready)
    assert messages(heard) == [["STATUS=waiting"], ["READY=1", "STATUS=running"]]


def test_each_sign_of_life_is_sent_where_the_manager_watches(heard: socket.socket) -> None:
    manager = ServiceManager(at(heard) | WATCHED)
    for _ in range(3):
        manager.alive("running", is_ready=True)
    manager.stopping()
    manager.alive("stopping", is_ready=False)
    first, *others = messages(heard)
    assert first == ["WATCHDOG=1", "READY=1", "STATUS=running"]
    assert others == [["WATCHDOG=1"], ["WATCHDOG=1"], ["STOPPING=1", "STATUS=stopping"], ["WATCHDOG=1"]]


@pytest.mark.parametrize(
    "watchdog",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "x"}, {**WATCHED, "WATCHDOG_PID": str(os.getpid() + 1)}],
)
def test_no_sign_of_life_is_sent_where_nobody_watches_this_process(
    heard: socket.socket, watchdog: dict[str, str]
) -> None:
    manager = ServiceManager(at(heard) | watchdog)
    for _ in range(2):
        manager.alive("running", is_ready=True)
    assert messages(heard) == [["READY=1", "STATUS=running"]]


def test_children_do_not_find_the_socket_and_the_rest_stays() -> None:
    environ = {"NOTIFY_SOCKET": "/run/x", "PATH": "/bin", **WATCHED}
    ServiceManager(environ)
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "vsock:1:2"}, WATCHED])
def test_without_a_manager_that_is_understood_nothing_is_sent(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    monkeypatch.setattr("socket.socket", lambda *arguments: made.append(arguments))
    manager = ServiceManager(dict(environ))
    manager.alive("running", is_ready=True)
    manager.stopping()
    assert made == []


def test_an_abstract_socket_is_found() -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
        sock.bind(f"\0trackway-test-{os.getpid()}")
        sock.setblocking(False)
        ServiceManager({"NOTIFY_SOCKET": f"@trackway-test-{os.getpid()}"}).alive("running", is_ready=True)
        assert messages(sock) == [["READY=1", "STATUS=running"]]


def test_readiness_that_could_not_be_sent_is_sent_again(tmp_path: Path) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    manager.alive("running", is_ready=True)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.setblocking(False)
        manager.alive("running", is_ready=True)
        assert messages(sock) == [["READY=1", "STATUS=running"]]


def test_a_full_socket_delays_nobody(heard: socket.socket) -> None:
    manager = ServiceManager(at(heard) | WATCHED)
    for _ in range(10_000):
        manager.alive("running", is_ready=True)
    assert messages(heard)[0][1] == "READY=1"
    manager.alive("running", is_ready=True)
    assert messages(heard) == [["WATCHDOG=1"]]
