"""Background work that fails ends its process, and clocks that are set disturb nobody."""

import re
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

import trackway
from tests.support.waiting import wait_until
from trackway.edge.worker import _refresh_for_ever
from trackway.runtime.background import EXIT_CODE
from trackway.runtime.heartbeat import AwakeClock, Heartbeat
from trackway.runtime.limits import AWAKE_STEP_S_MAX

TIMEOUT_S = 30
THREAD = """
from trackway.runtime import background
from trackway.telemetry import logs
logs.configure("json", "info", "test")
def work():
    raise OSError("the work fails")
background.start_thread(work, "a thread").join()
"""
TASK = """
import asyncio
from trackway.runtime import background
from trackway.telemetry import logs
logs.configure("json", "info", "test")
async def work():
    raise OSError("the work fails")
async def main():
    background.start_task(work(), "a task")
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize("program", [THREAD, TASK])
def test_background_work_that_fails_ends_its_process_with_a_critical_line(program: str) -> None:
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert ended.returncode == EXIT_CODE
    assert '"level": "critical"' in ended.stderr and "the work fails" in ended.stderr


def test_threads_and_lasting_tasks_are_started_in_one_place() -> None:
    source = Path(trackway.__file__).parent
    starters = re.compile(r"threading\.Thread\(|[^_]\bcreate_task\(")
    found = {
        (path.relative_to(source).as_posix(), line.strip())
        for path in source.rglob("*.py")
        if path.name != "background.py"
        for line in path.read_text().splitlines()
        if starters.search(line)
    }
    # What these make is awaited by a request, or is one connection.
    requests = {
        "edge/access/project_refresh.py",
        "edge/api/health.py",
        "edge/access/secret_verification.py",
        "store/reader.py",
        "web/mount.py",
        "web/provider.py",
        "web/shared_views.py",
    }
    awaited = {"http/accept.py", *requests}
    assert {path for path, _ in found} <= awaited, found


class _Directory:
    """Counts how often it was refreshed."""

    def __init__(self) -> None:
        self.refreshed = 0

    def refresh(self) -> bool:
        self.refreshed += 1
        return True


def test_projects_are_refreshed_also_while_clocks_are_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = time.sleep

    def sleep_in_main_thread_only(seconds: float) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise OSError(22, "Invalid argument")  # what sleeping until a time before the clock's beginning is
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", sleep_in_main_thread_only)
    monkeypatch.setattr("trackway.edge.worker.PROJECTS_REFRESH_S", 0.01)
    directory = _Directory()
    threading.Thread(target=partial(_refresh_for_ever, directory), daemon=True).start()  # type: ignore[arg-type]
    wait_until(lambda: directory.refreshed > 2, TIMEOUT_S, lambda: f"refreshed {directory.refreshed} times")


def test_a_clock_counts_awake_seconds_alone() -> None:
    now_s = [1000.0]
    clock = AwakeClock(lambda: now_s[0])
    for at_s in (1001.0, 1001.5, 90_000.0, 89_000.0, -5.0, -4.0):
        now_s[0] = at_s
        clock.now_s()
    assert clock.now_s() == 1.5 + AWAKE_STEP_S_MAX + 1.0


def test_a_heartbeat_is_counted_until_it_is_reset() -> None:
    heartbeat = Heartbeat()
    heartbeat.beat()
    heartbeat.beat()
    assert heartbeat.count == 2
    heartbeat.reset()
    assert heartbeat.count == 0
