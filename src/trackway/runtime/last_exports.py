"""The last exports of the schedule, in a file of the running server: for health page and status."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

_FILE: Final = "exports.json"


class LastExport(msgspec.Struct, frozen=True):
    """The last export of a project that succeeded: when it ended, in milliseconds since the epoch, 0 for none; and
    whether a later try failed."""

    ended_ms: int = 0
    has_failed: bool = False


def note_exports(run_dir: Path, exports: Mapping[int, LastExport]) -> None:
    """Replace the file, which has projects by their id. No export depends on it, so it may fail."""
    new = run_dir / f"{_FILE}.{os.getpid()}"
    with suppress(OSError):
        new.write_bytes(msgspec.json.encode(exports))
        new.replace(run_dir / _FILE)


def last_exports(run_dir: Path) -> dict[int, LastExport]:
    """By project; empty where none is known."""
    try:
        return msgspec.json.decode((run_dir / _FILE).read_bytes(), type=dict[int, LastExport])
    except (OSError, msgspec.MsgspecError):
        return {}
