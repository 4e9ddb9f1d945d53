"""The lock on a data directory: one server at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trackway.domain.errors import ConfigError, StateError, StorageError


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock at `path`, in a folder of the data directory, until the last child that inherited it has ended.

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
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError as error:
        holder = os.pread(file, 32, 0).decode(errors="replace").strip()
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
