"""The process tree: start everything, start again what dies, stop in the right order.

Signals are waited for, not handled: the loop below is the only place where anything happens, so there is nothing to
race with. The order of a stop is the path of an event: edges first, then the loader, then the store.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from trackway import logs, metrics
from trackway.supervisor.child import Child

_WATCHED = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}
_TELL_AGAIN_S = 1.0
_log = logs.get("supervisor")


class Tree:
    """Children in groups, in the order in which they are stopped."""

    def __init__(self, groups: Sequence[Sequence[Child]], tell: Callable[[dict[str, int]], None], grace_s: int):
        self._groups = groups
        self._children = [child for group in groups for child in group]
        self._tell = tell
        self._grace_s = grace_s
        self._told = True

    def run(self) -> None:
        """Until SIGTERM or SIGINT; at return all children are gone."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        for child in reversed(self._children):
            child.start()
        self._say()
        while True:
            arrived = signal.sigtimedwait(_WATCHED, self._wait_s())
            if arrived is not None and arrived.si_signo != signal.SIGCHLD:
                break
            changes = self._reap() + self._start_due()
            if changes or not self._told:
                self._say()
        _log.info("stopping", signal=signal.Signals(arrived.si_signo).name)
        for group in self._groups:
            self._stop(group)

    def _say(self) -> None:
        """Tell who runs. A full disk must not end the tree, so what cannot be told now is told later."""
        told, self._told = self._told, True
        try:
            self._tell({child.role: child.pid for child in self._children if child.alive})
        except OSError as error:
            self._told = False
            if told:
                _log.warning("cannot write which processes run, will try again", error=error.strerror)

    def _wait_s(self) -> float:
        """Until a child is to be started or something is to be told again."""
        due = [child.due_s for child in self._children if not child.alive]
        if not self._told:
            due.append(time.monotonic() + _TELL_AGAIN_S)
        return max(min(due, default=time.monotonic() + 3600) - time.monotonic(), 0.0)

    def _start_due(self) -> int:
        """Start what has waited long enough; how many."""
        due = [child for child in self._children if not child.alive and child.due_s <= time.monotonic()]
        for child in due:
            metrics.process_restart(child.role)
            child.start()
            _log.info("process started again", child=child.role, pid=child.pid)
        return len(due)

    def _reap(self) -> int:
        """Take note of every child that died; how many."""
        count = 0
        while (ended := _wait_any()) is not None:
            pid, status = ended
            for child in self._children:
                if child.pid == pid:
                    child.died(status)
                    count += 1
        return count

    def _stop(self, group: Sequence[Child]) -> None:
        """SIGTERM, and SIGKILL for what is still there after the grace."""
        for child in group:
            child.signal(signal.SIGTERM)
        deadline_s = time.monotonic() + self._grace_s + 5
        while any(child.alive for child in group) and time.monotonic() < deadline_s:
            signal.sigtimedwait({signal.SIGCHLD}, 0.2)
            self._bury(group)
        for child in group:
            if child.alive:
                _log.error("process does not stop, killing it", child=child.role, pid=child.pid)
                child.signal(signal.SIGKILL)
                os.waitpid(child.pid, 0)
                child.pid = 0

    def _bury(self, group: Sequence[Child]) -> None:
        while (ended := _wait_any()) is not None:
            for child in self._children:
                if child.pid == ended[0]:
                    child.pid = 0


def _wait_any() -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def write_status(path: Path, url: str, port: int, processes: dict[str, int]) -> None:
    """`run/server.json`: where the server is and which process plays which role, replaced as a whole."""
    status = {"url": url, "port": port, "pid": os.getpid(), "processes": processes}
    new = path.with_suffix(".new")
    new.write_text(json.dumps(status, indent=1) + "\n")
    new.replace(path)
