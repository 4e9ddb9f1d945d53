"""One child process: forked, titled, and sure to die with its parent.

Forking after the modules are imported makes a start take milliseconds and lets the processes share memory. The parent
must have one thread only when it forks.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable

import setproctitle

from trackway import logs, metrics
from trackway.limits import RESTART_BACKOFF_S_MAX, RESTART_BACKOFF_S_MIN, RESTART_FORGIVEN_S
from trackway.settings import Settings

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_log = logs.get("supervisor")


class Child:
    """A role ("edge-0") and the function that plays it; started again after each death, with growing waits."""

    def __init__(self, role: str, play: Callable[[], None], settings: Settings):
        self.role = role
        self.pid = 0
        self._play = play
        self._settings = settings
        self._started_s = 0.0
        self._wait_s = RESTART_BACKOFF_S_MIN
        self.due_s = 0.0

    @property
    def alive(self) -> bool:
        return self.pid != 0

    def start(self) -> None:
        """Fork. In the child this never returns."""
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self._started_s = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            self._become(parent)

    def died(self, status: int) -> None:
        """Note the death and when the next start is due."""
        lived_s = time.monotonic() - self._started_s
        self._wait_s = RESTART_BACKOFF_S_MIN if lived_s > RESTART_FORGIVEN_S else self._wait_s
        self.due_s = time.monotonic() + self._wait_s
        _log.error("process died", child=self.role, pid=self.pid, how=_how(status), restart_in_s=self._wait_s)
        self._wait_s = min(self._wait_s * 2, RESTART_BACKOFF_S_MAX)
        self.pid = 0

    def signal(self, number: int) -> None:
        if self.pid:
            os.kill(self.pid, number)

    def _become(self, parent: int) -> None:
        code = 1
        try:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)  # it died before the line above
            # Ctrl-C reaches the whole group; only the supervisor decides what it means.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            setproctitle.setproctitle(f"trackway: {self.role}")
            metrics.begin(self.role)
            logs.configure(self._settings.log_format, self._settings.log_level, self.role)
            self._play()
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
