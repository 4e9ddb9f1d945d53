"""What a backup has in the data directory while it is made. Of a killed one it is removed before anything else."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from trackway.domain.errors import StateError
from trackway.runtime.file_lock import FileLock

PREFIX: Final = "trackway_"
"""How names of snapshots begin."""
WORK: Final = "backup-"
"""How names of directories begin in which a backup gathers files."""
_LOCK: Final = "backup.lock"


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Make one backup at a time, and leave nothing in the data directory. Raises StateError and OSError."""
    lock = FileLock(data_dir / "run" / _LOCK)
    try:
        if not lock.try_take():
            raise StateError("another backup of this server is being made: wait for its end")
        _clean(data_dir)
        try:
            yield
        finally:
            _clean(data_dir)
    finally:
        lock.close()


def forget_killed(data_dir: Path) -> None:
    """Remove what a killed backup has left, unless one is being made. A disk without room for the lock has it later."""
    try:
        lock = FileLock(data_dir / "run" / _LOCK)
    except OSError:
        return
    try:
        if lock.try_take():
            _clean(data_dir)
    finally:
        lock.close()


def engine_of(data_dir: Path) -> Path:
    """The directory of the embedded engine."""
    return data_dir / "store" / "clickhouse"


def _clean(data_dir: Path) -> None:
    for frozen in (engine_of(data_dir) / "shadow").glob(f"{PREFIX}*"):
        shutil.rmtree(frozen, ignore_errors=True)
    for left in (data_dir / "run").glob(f"{WORK}*"):
        shutil.rmtree(left, ignore_errors=True)
