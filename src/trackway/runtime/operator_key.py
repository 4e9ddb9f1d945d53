"""A key by which a command on the server's own machine shows that it may read the data directory.

Such a command is the operator's, who may lift every limit anyway. So its requests do not count towards the hourly
limits that keep clients to what Mixpanel allows. The key opens nothing else: credentials are checked as ever. Each
start of the server makes a new one.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from trackway.domain.errors import StorageError

OPERATOR_HEADER: Final = "x-trackway-operator"
_FILE: Final = "operator.key"
_KEY_BYTES: Final = 32


def make_operator_key(run_dir: Path) -> str:
    """Write a new key, which only the server's account may read. Raises StorageError."""
    key, path = secrets.token_hex(_KEY_BYTES), run_dir / _FILE
    new = path.with_suffix(".new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(key)
        new.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
    return key


def operator_key(run_dir: Path) -> str:
    """The key of the server that runs, "" where it cannot be read."""
    try:
        return (run_dir / _FILE).read_text()
    except OSError:
        return ""
