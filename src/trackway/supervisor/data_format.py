"""The mark of a data directory: the newest formats that any version has written there.

A version reads all that earlier ones wrote, and changes what it opens. So a version that finds a newer mark refuses the
directory before it changes anything and before it takes an event. Versions before the mark refuse by the projects'
migration, which they check first.
"""

import json
import os
from pathlib import Path
from typing import Final, NamedTuple, Self

from trackway import __version__
from trackway.domain.entry import VERSION
from trackway.domain.errors import StateError, StorageError
from trackway.projects.read_statements import MIGRATION_NEWEST
from trackway.store.migrate import migrations

FILE: Final = "format.json"
_NAMES: Final = {
    "journal": "entries of the journal",
    "store": "tables of the store",
    "projects": "tables of the projects",
}


class Formats(NamedTuple):
    """The version of a journal's entries, and the numbers of the newest migrations of the store and of the projects."""

    journal: int
    store: int
    projects: int

    @classmethod
    def of_this_version(cls) -> Self:
        return cls(VERSION, max(each.number for each in migrations()), int(MIGRATION_NEWEST))


def claim(data_dir: Path, formats: Formats | None = None, version: str = __version__) -> None:
    """Refuse the directory of a newer version, else mark it; the mark is durable at return.

    Raises StateError for a newer version's directory or a mark that cannot be read, StorageError where it cannot be
    written.
    """
    own, path = formats or Formats.of_this_version(), data_dir / FILE
    found = _found(path)
    if found is not None:
        writer, written = found
        for name, title in _NAMES.items():
            there, known = getattr(written, name), getattr(own, name)
            if there > known:
                raise StateError(
                    f"{data_dir} was written by a newer trackway ({writer}): its {title} have format {there}, and this "
                    f"version ({version}) knows up to {known}: start the newer version, or restore a backup"
                )
        if written == own:
            return
    try:
        _write(path, {"version": version, **own._asdict()})
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error


def _found(path: Path) -> tuple[str, Formats] | None:
    """The version that wrote the mark, and the mark; None for a directory without one."""
    try:
        document = json.loads(path.read_text())
        return str(document["version"]), Formats(*(int(document[name]) for name in _NAMES))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StateError(f"{path} cannot be read: restore it from a backup, or remove it if it is empty") from error


def _write(path: Path, document: dict[str, str | int]) -> None:
    new = path.with_suffix(".new")
    with new.open("w") as file:
        file.write(json.dumps(document) + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
