"""Background work: threads and tasks that run as long as their process.

If one of them died, its process would be half alive: an edge process that no longer reads the projects would continue
with revoked keys, silently. So an exception that leaves such work ends the process, and the supervisor restarts it.
"""

import asyncio
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from trackway.telemetry import logs

EXIT_CODE: Final = 70
"""Exit code of a process whose background work failed; EX_SOFTWARE of sysexits.h."""

_log = logs.get("background")
_tasks: set[asyncio.Task[None]] = set()
"""asyncio keeps no strong reference to a task."""


def start_thread(work: Callable[[], None], name: str) -> threading.Thread:
    """Run the work in a daemon thread. The process does not wait for it when it ends."""
    thread = threading.Thread(target=_run, args=(work, name), name=name, daemon=True)
    thread.start()
    return thread


def start_task(work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
    """Run the coroutine in the running loop. It may be cancelled, and it may return."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    _tasks.add(task)
    task.add_done_callback(partial(_ended, name))
    return task


def pause(seconds: float) -> None:
    """Pause the thread. The kernel measures the time. `time.sleep` and locks read a clock, and fail, or wait for days,
    when that clock is set back meanwhile."""
    select.select((), (), (), seconds)


def pause_unless(stop: threading.Event, seconds: float, piece_s: float) -> None:
    """Pause the thread in short pieces, until `stop` is set."""
    end_s = time.monotonic() + seconds
    while not stop.is_set() and (left_s := end_s - time.monotonic()) > 0:
        pause(min(left_s, piece_s))


def _run(work: Callable[[], None], name: str) -> None:
    try:
        work()
    except BaseException as error:  # a thread has no caller that could handle it
        _end_process(name, error)


def _ended(name: str, task: "asyncio.Task[None]") -> None:
    _tasks.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        _end_process(name, error)


def _end_process(name: str, error: BaseException) -> None:
    try:
        _log.critical("background work fails, ending the process", work=name, exc_info=error)
        sys.stderr.flush()
    finally:
        os._exit(EXIT_CODE)
