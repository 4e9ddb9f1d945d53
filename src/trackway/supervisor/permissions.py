"""Keeping the data directory private to the account that runs the server.

New files get their mode from the umask, which the command line sets first. Files that an older version left readable by
others are closed once, at start, before anything else is written.
"""

import os
import stat
from pathlib import Path
from typing import Final

from trackway.telemetry import logs

_OTHERS: Final = 0o077
_OURS: Final = ("journal", "run", "store", "projects.db", "session", "erasure.key", "format.json", "first-start.txt")
"""Prefixes of the names that the server creates. It changes nothing else in the directory."""

_log = logs.get("supervisor")


def close_to_others(data_dir: Path) -> None:
    """Remove all rights of group and others from the data directory and the server's files in it.

    Symbolic links are not followed. A closed directory hides what is below it, so a large store is walked only once.
    What cannot be changed, such as files of another account, is logged.
    """
    refused = [path for name in _OURS for found in data_dir.glob(f"{name}*") for path in _close_tree(found)]
    if not data_dir.stat().st_mode & stat.S_ISVTX:  # a directory such as /tmp is shared
        refused += _close(data_dir.resolve())
    if refused:
        _log.warning("others may read parts of the data directory", first=str(refused[0]), count=len(refused))


def _close_tree(path: Path) -> list[Path]:
    """The paths that could not be changed. A directory comes after its contents, so an interrupted start repeats the
    work."""
    refused: list[Path] = []
    if _is_open(path):
        for above, directories, files in os.walk(path, topdown=False):
            refused += [each for name in (*files, *directories) for each in _close(Path(above, name))]
    return refused + _close(path)


def _is_open(path: Path) -> bool:
    mode = path.lstat().st_mode
    return bool(mode & _OTHERS) and not stat.S_ISLNK(mode)


def _close(path: Path) -> list[Path]:
    """The path, if it cannot be changed."""
    try:
        if _is_open(path):
            path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~_OTHERS)
    except FileNotFoundError:
        pass  # SQLite's log files come and go with other commands
    except OSError:
        return [path]
    return []
