"""Mutual exclusion between processes by `flock`. The kernel releases the lock when its holder dies.

Each `FileLock` opens the file itself, so two of them exclude each other within one process too. A child of a fork would
share its parent's lock: create the lock after the fork.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType


class FileLock:
    """A context manager around `flock`. Not reentrant."""

    def __init__(self, path: Path):
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def try_take(self) -> bool:
        """Take the lock unless it is held; whether it was taken. `close` releases it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        os.close(self._file)
