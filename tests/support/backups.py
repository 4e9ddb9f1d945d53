"""The commands that make, check and restore backups, as processes, and what is at their place."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.command_line import TRACKWAY, trackway


def back_up(data_dir: Path, place: Path | str, *arguments: str, **variables: str) -> dict[str, Any]:
    """Make a backup, which must succeed; what the command prints."""
    done = trackway("backup", str(place), "--data-dir", str(data_dir), "--json", *arguments, **variables)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def begin_backup(data_dir: Path, place: Path | str) -> subprocess.Popen[bytes]:
    """A backup that runs."""
    command = [TRACKWAY, "backup", str(place), "--data-dir", str(data_dir), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def restore(place: Path | str, data_dir: Path, *arguments: str, **variables: str) -> dict[str, Any]:
    """Restore a backup, which must succeed; what the command prints."""
    done = trackway("restore", str(place), "--data-dir", str(data_dir), "--json", *arguments, **variables)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refusal(*arguments: str, **variables: str) -> str:
    """The one line with which a command is refused."""
    done = trackway(*arguments, **variables)
    assert (done.returncode, done.stdout) == (1, ""), done
    return done.stderr


def files_of(place: Path) -> dict[str, int]:
    """All files of a place with their sizes."""
    return {path.relative_to(place).as_posix(): path.stat().st_size for path in place.rglob("*") if path.is_file()}
