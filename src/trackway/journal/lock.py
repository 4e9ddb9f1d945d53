"""Mutual exclusion between processes, which the kernel ends when its holder dies.

One open file description per `Lock`, so that two of them exclude each other even within one process. A process that
forks after making one would share it with its child: make it after the fork.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType


class Lock:
    """A context manager around `flock`. Not reentrant."""

    def __init__(self, path: Path):
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def try_take(self) -> bool:
        """Take the lock unless somebody holds it; `close` gives it back."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        os.close(self._file)
