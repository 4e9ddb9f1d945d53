"""One child process: forked, with a title, and certain to die with its parent.

The fork comes after the modules are imported, so a start takes milliseconds and processes share memory. The parent must
have only one thread when it forks.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

import setproctitle

from trackway.runtime.heartbeat import AwakeClock, Heartbeat
from trackway.settings.table import Settings
from trackway.supervisor.limits import RESTART_BACKOFF_S_MAX, RESTART_BACKOFF_S_MIN, RESTART_FORGIVEN_S, START_S_MAX
from trackway.telemetry import logs, metrics

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_log = logs.get("supervisor")


class Child:
    """A role ("edge-0") and the function that runs it, which gets the heartbeat to keep up.

    The child is restarted after each death, with growing waits by `clock`.
    """

    def __init__(self, role: str, play: Callable[[Heartbeat], None], settings: Settings, clock: AwakeClock):
        self.role = role
        self.pid = 0
        self._play = play
        self._settings = settings
        self._clock = clock
        self._heartbeat = Heartbeat()
        self._heard_count = 0
        self._heard_s = 0.0
        self._started_s = 0.0
        self._wait_s = RESTART_BACKOFF_S_MIN
        self.due_s = 0.0

    @property
    def alive(self) -> bool:
        return self.pid != 0

    @property
    def has_begun(self) -> bool:
        """Whether it runs its main loop since its start."""
        return self.alive and self._heartbeat.count > 0

    def start(self) -> None:
        """Fork. In the child this never returns."""
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self._heartbeat.reset()
        self._heard_count = 0
        self._started_s = self._heard_s = self._clock.now_s()
        self.pid = os.fork()
        if self.pid == 0:
            self._become(parent)

    def died(self, status: int) -> None:
        """Record the death, and when the next start is due."""
        now_s = self._clock.now_s()
        self._wait_s = RESTART_BACKOFF_S_MIN if now_s - self._started_s > RESTART_FORGIVEN_S else self._wait_s
        self.due_s = now_s + self._wait_s
        _log.error("process died", child=self.role, pid=self.pid, how=_how(status), restart_in_s=self._wait_s)
        self._wait_s = min(self._wait_s * 2, RESTART_BACKOFF_S_MAX)
        self.pid = 0

    def kill_when_hung(self, silence_s_max: float) -> None:
        """SIGKILL if it was silent for `silence_s_max`, or never beat since its start."""
        if not self.alive:
            return
        now_s, count = self._clock.now_s(), self._heartbeat.count
        if count != self._heard_count:
            self._heard_count, self._heard_s = count, now_s
        silence_s = now_s - self._heard_s
        if silence_s > (silence_s_max if count else START_S_MAX):
            _log.critical("process hangs, killing it", child=self.role, pid=self.pid, silent_s=round(silence_s, 1))
            metrics.process_hang(self.role)
            self._heard_s = now_s  # one that cannot be killed, as while a disk hangs, is logged again later
            self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        if self.pid:
            os.kill(self.pid, number)

    def _become(self, parent: int) -> None:
        code = 1
        try:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)  # the parent died before the line above
            # Ctrl-C reaches the whole process group; only the supervisor handles it.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            setproctitle.setproctitle(f"trackway: {self.role}")
            metrics.begin(self.role)
            logs.configure(self._settings.log_format, self._settings.log_level, self.role)
            self._play(self._heartbeat)
            code = 0
        except BaseException:
            logs.get(self.role).exception("process fails")
        finally:
            sys.stderr.flush()
            os._exit(code)


def _how(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit code {os.waitstatus_to_exitcode(status)}"
