"""The last backup that succeeded, in a file of the running server: for health page, metrics and schedule."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

_FILE: Final = "backup.json"


class LastBackup(msgspec.Struct, frozen=True):
    """Its id, its place, and when it ended, in milliseconds since the epoch. `new_bytes`: what it added there."""

    id: str
    place: str
    ended_ms: int
    bytes: int
    new_bytes: int


def note_backup(run_dir: Path, backup: LastBackup) -> None:
    """Replace the file. It is no part of the backup, so it may fail."""
    new = run_dir / f"{_FILE}.{os.getpid()}"
    with suppress(OSError):
        new.write_bytes(msgspec.json.encode(backup))
        new.replace(run_dir / _FILE)


def last_backup(run_dir: Path) -> LastBackup | None:
    """None where no backup is known."""
    try:
        return msgspec.json.decode((run_dir / _FILE).read_bytes(), type=LastBackup)
    except (OSError, msgspec.MsgspecError):
        return None
