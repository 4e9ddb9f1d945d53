"""A random key in a private file of the data directory. The process that needs it first makes it."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from trackway.domain.errors import StorageError


def private_key(path: Path, size: int, if_wrong: str) -> bytes:
    """The key of `size` bytes in the file, which is made where it is missing. `if_wrong` says what to do about a file
    of another size. Raises StorageError."""
    try:
        if not path.exists():
            _make(path, size)
        key = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} cannot be used: {(error.strerror or str(error)).lower()}") from error
    if len(key) != size:
        raise StorageError(f"{path} must hold {size} bytes: {if_wrong}")
    return key


def _make(path: Path, size: int) -> None:
    """The first process wins: the whole file appears at once, or another process's file exists."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    file = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, secrets.token_bytes(size))
        os.fsync(file)
    finally:
        os.close(file)
    with suppress(FileExistsError):
        os.link(new, path)
    new.unlink()
