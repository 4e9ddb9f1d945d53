"""One server at a time: a start waits for what a killed server leaves behind, and for nobody else."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from trackway.domain.errors import StateError
from trackway.runtime import directory_lock
from trackway.runtime.directory_lock import locked

KILLED = """
import os, pathlib, signal, sys, time
from trackway.runtime.directory_lock import locked
with locked(pathlib.Path(sys.argv[1])):
    if os.fork() == 0:
        os.close(1)
        time.sleep(float(sys.argv[2]))
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)
"""
"""A server that is killed, and its child, which ends some seconds later."""
CHILD_S = 1.0


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "run" / "lock"


def killed(lock: Path, child_s: float) -> int:
    """The process id of a server that was killed and reaped."""
    with subprocess.Popen([sys.executable, "-c", KILLED, str(lock), str(child_s)]) as server:
        assert server.wait() < 0
        return server.pid


def test_a_start_waits_for_the_children_of_a_killed_server(lock: Path) -> None:
    killed(lock, CHILD_S)
    began_s = time.monotonic()
    with locked(lock):
        assert time.monotonic() - began_s > CHILD_S / 5, "the child was gone before"


def test_a_start_does_not_wait_for_ever(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_lock, "LOCK_WAIT_S_MAX", 0.1)
    pid = killed(lock, CHILD_S)
    with pytest.raises(StateError, match=rf"another trackway server \(pid {pid}\) uses"), locked(lock):
        pass


def test_a_server_that_lives_is_told_at_once(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("waits for a server that lives"))
    with locked(lock), pytest.raises(StateError, match="stop it first"), locked(lock):
        pass


@pytest.mark.parametrize("content", ["", "no number\n", "1\n"])
def test_a_lock_is_taken_whatever_its_file_holds(lock: Path, content: str) -> None:
    lock.parent.mkdir()
    lock.write_text(content)
    with locked(lock):
        assert lock.read_text() != content
