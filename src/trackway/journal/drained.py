"""The mark of a drained journal: everything in its files is in the store, and nothing was appended since.

`trackway journal drain` sets it. A server whose journal is in files removes it before it appends. A server whose
journal is in streams starts beside files only with the mark, since it never reads them.
"""

import os
from pathlib import Path
from typing import Final

from trackway.domain.errors import StateError, StorageError

_NAME: Final = "drained"


def set_mark(directory: Path) -> None:
    """The mark is durable at return. Raises StorageError."""
    try:
        file = os.open(directory / _NAME, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fsync(file)
        finally:
            os.close(file)
        _sync(directory)
    except OSError as error:
        raise StorageError(f"{directory / _NAME} cannot be written: {error.strerror or error}") from error


def remove_mark(directory: Path) -> None:
    """The mark is gone at return, whatever happens to the machine. Raises StorageError."""
    try:
        (directory / _NAME).unlink()
        _sync(directory)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"{directory / _NAME} cannot be removed: {error.strerror or error}") from error


def check_drained(directory: Path) -> None:
    """Raises StateError when the directory has segment files without the mark."""
    if any(directory.glob("*.seg")) and not (directory / _NAME).exists():
        raise StateError(
            f"{directory} may hold records that are not loaded: stop the server, run `trackway journal drain` without "
            "journal_url, then start it with journal_url"
        )


def _sync(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
