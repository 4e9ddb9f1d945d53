"""The lock on a data directory: one server at a time."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trackway.domain.errors import ConfigError, StateError, StorageError
from trackway.runtime.limits import LOCK_LOOK_S, LOCK_WAIT_S_MAX


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock at `path`, in a folder of the data directory, until the last child that inherited it has ended.

    Waits for the children of a server that was killed: they end with it, but the store takes a moment for that.
    Raises StateError where another server holds it, ConfigError and StorageError where there can be none.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (FileExistsError, NotADirectoryError) as error:
        raise ConfigError(f"data_dir {path.parent.parent} cannot be used: there is a file in its place") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be used: {error.strerror or error}") from error
    try:
        _lock(file)
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError as error:
        holder = _holder(file)
        os.close(file)
        message = f"another trackway server (pid {holder or 'unknown'}) uses {path.parent.parent}"
        raise StateError(f"{message}: stop it first, or give another --data-dir") from error
    except OSError as error:
        os.close(file)
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        os.close(file)


def _lock(file: int) -> None:
    """Raises BlockingIOError where a server that lives holds the lock, or where the last one's children stay."""
    deadline_s = time.monotonic() + LOCK_WAIT_S_MAX
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline_s or _lives(_holder(file)):
                raise
        time.sleep(LOCK_LOOK_S)


def _holder(file: int) -> str:
    """The process id of the server that took the lock last."""
    return os.pread(file, 32, 0).decode(errors="replace").strip()


def _lives(pid: str) -> bool:
    """False too for a server in another container, whose processes cannot be seen."""
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True  # somebody else's
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    return True
