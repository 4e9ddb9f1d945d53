"""The process tree: start all children, restart those that die, kill those that hang, stop in the right order.

Signals are waited for, not handled. Everything happens in the loop below, so there are no races. The order of a stop is
the path of an event: edges first, then the loader, then the store.
"""

import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from trackway.domain.limits import HEARTBEAT_S
from trackway.runtime.heartbeat import AwakeClock
from trackway.supervisor.child import Child
from trackway.supervisor.limits import STOP_SILENCE_S_MAX
from trackway.supervisor.service_manager import ServiceManager
from trackway.telemetry import logs, metrics

_WATCHED = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}
_log = logs.get("supervisor")


class Group(NamedTuple):
    """Children that are stopped together, and the seconds that they have after SIGTERM."""

    children: Sequence[Child]
    stop_s_max: float


class Tree:
    """Children in groups, in the order of their stop. `hang_s_max`: a child that is silent longer is killed.

    `manager`: whom to notify. The tree is ready when all children of the first group have begun.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        tell: Callable[[dict[str, int]], None],
        hang_s_max: float,
        clock: AwakeClock,
        manager: ServiceManager | None = None,
    ):
        self._groups = groups
        self._children = [child for group in groups for child in group.children]
        self._tell = tell
        self._hang_s_max = hang_s_max
        self._clock = clock
        self._manager = manager
        self._told = True

    def run(self, is_done: Callable[[], bool] = lambda: False) -> bool:
        """Run until SIGTERM or SIGINT, or until it is done: whether it is. At return all children have ended."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {*_WATCHED, signal.SIGALRM})
        for child in self._children:
            metrics.process_known(child.role)
        for child in reversed(self._children):
            child.start()
        self._say()
        while not (done := is_done()):
            arrived = _wait_for(_WATCHED, self._wait_s())
            if arrived in (signal.SIGTERM, signal.SIGINT):
                _log.info("stopping", signal=signal.Signals(arrived).name)
                break
            changes = self._reap() + self._start_due()
            if changes or not self._told:
                self._say()
            self._kill_hung(self._hang_s_max)
            self._notify()
        if self._manager:
            self._manager.stopping()
        for group in self._groups:
            self._stop(group)
        return done

    def _notify(self) -> None:
        if self._manager is None:
            return
        away = [child.role for child in self._children if not child.has_begun]
        status = f"waiting for {', '.join(away)}" if away else f"{len(self._children)} processes run"
        self._manager.alive(status, is_ready=all(child.has_begun for child in self._groups[0].children))

    def _say(self) -> None:
        """Publish which processes run. A full disk must not end the tree, so a failed write is repeated later."""
        told, self._told = self._told, True
        try:
            self._tell({child.role: child.pid for child in self._children if child.alive})
        except OSError as error:
            self._told = False
            if told:
                _log.warning("cannot write which processes run, will try again", error=error.strerror)

    def _wait_s(self) -> float:
        """Seconds until a child is due to start, or all are due for a check."""
        now_s = self._clock.now_s()
        waits = [child.due_s - now_s for child in self._children if not child.alive]
        return max(min([*waits, HEARTBEAT_S]), 0.0)

    def _start_due(self) -> int:
        """Start the children that are due; returns their number."""
        now_s = self._clock.now_s()
        due = [child for child in self._children if not child.alive and child.due_s <= now_s]
        for child in due:
            metrics.process_restart(child.role)
            child.start()
            _log.info("process started again", child=child.role, pid=child.pid)
        return len(due)

    def _reap(self) -> int:
        """Record every child that died; returns their number."""
        count = 0
        while (ended := _wait_any()) is not None:
            pid, status = ended
            for child in self._children:
                if child.pid == pid:
                    child.died(status)
                    count += 1
        return count

    def _kill_hung(self, silence_s_max: float) -> None:
        for child in self._children:
            child.kill_when_hung(silence_s_max)

    def _stop(self, group: Group) -> None:
        """SIGTERM, and SIGKILL for a child that still runs after its time.

        Hung processes of the whole tree are killed meanwhile, since requests in flight wait for the store.
        """
        for child in group.children:
            child.signal(signal.SIGTERM)
        deadline_s = self._clock.now_s() + group.stop_s_max
        while any(child.alive for child in group.children) and self._clock.now_s() < deadline_s:
            _wait_for({signal.SIGCHLD}, 0.2)
            self._bury()
            self._kill_hung(STOP_SILENCE_S_MAX)
            if self._manager:
                self._manager.alive("stopping", is_ready=False)
        for child in group.children:
            if child.alive:
                _log.error("process does not stop, killing it", child=child.role, pid=child.pid)
                child.signal(signal.SIGKILL)
                os.waitpid(child.pid, 0)
                child.pid = 0

    def _bury(self) -> None:
        while (ended := _wait_any()) is not None:
            for child in self._children:
                if child.pid == ended[0]:
                    child.pid = 0


def _wait_for(signals: set[signal.Signals], seconds: float) -> int:
    """The signal that arrived, SIGALRM after `seconds`.

    Not `sigtimedwait`: when a suspended process continues after its time, CPython returns uninitialised memory
    (3.8 to 3.13, findings/sigtimedwait-after-a-stop.sh).
    """
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    return signal.sigwait({*signals, signal.SIGALRM})


def _wait_any() -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def write_status(path: Path, server: dict[str, str | int], processes: dict[str, int]) -> None:
    """`run/server.json`: the server's address and the process of each role, replaced as a whole."""
    status = {**server, "pid": os.getpid(), "processes": processes}
    new = path.with_suffix(".new")
    new.write_text(json.dumps(status, indent=1) + "\n")
    new.replace(path)
