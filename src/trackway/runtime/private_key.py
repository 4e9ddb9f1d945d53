"""A random key in a private file of the data directory. The process that needs it first makes it."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from trackway.domain.errors import StorageError

ERASURE_KEY_FILE: Final = "erasure.key"
SESSION_KEY_FILE: Final = "session.key"


def private_key(path: Path, size: int, if_wrong: str) -> bytes:
    """The key of `size` bytes in the file, which is made where it is missing. `if_wrong` says what to do about a file
    of another size. Raises StorageError."""
    try:
        if not path.exists():
            _make(path, secrets.token_bytes(size))
        key = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} cannot be used: {(error.strerror or str(error)).lower()}") from error
    if len(key) != size:
        raise StorageError(f"{path} must hold {size} bytes: {if_wrong}")
    return key


def keep_key(path: Path, key: bytes) -> None:
    """Write the key into the file unless there is one. Raises StorageError."""
    try:
        if not path.exists():
            _make(path, key)
    except OSError as error:
        raise StorageError(f"{path} cannot be used: {(error.strerror or str(error)).lower()}") from error


def _make(path: Path, key: bytes) -> None:
    """The first process wins: the whole file appears at once, or another process's file exists."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    file = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, key)
        os.fsync(file)
    finally:
        os.close(file)
    with suppress(FileExistsError):
        os.link(new, path)
    new.unlink()
