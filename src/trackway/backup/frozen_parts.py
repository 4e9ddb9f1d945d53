"""The files of a frozen store: parts by table, and the definitions of the tables.

The engine has the rows of a table in `store/ID[:3]/ID`, a directory for each part, and freezes them as hard links below
`shadow/NAME`. Parts never change. Definitions are small files, which a restored store reads as after any restart.
"""

from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Final

from trackway.backup.packs import Entry, write_pack
from trackway.backup.pieces import Piece
from trackway.backup.snapshot_words import Frozen
from trackway.domain.errors import StateError

_DATABASE: Final = "database"
"""The entry that names the directory of the tables' definitions."""
_TABLES: Final = "tables"
_LINK: Final = "metadata/default"
_FORMAT_FILE: Final = "format_version.txt"


class FrozenParts:
    """The parts of a snapshot, and the definitions of the tables. `engine` is the engine's directory."""

    kind: ClassVar[str] = "parts"

    def __init__(self, engine: Path, frozen: Frozen):
        self._engine = engine
        self._frozen = frozen
        self.columns: dict[str, list[str]] = {}

    def pieces(self) -> list[Piece]:
        """All parts, by table and name."""
        shadow = self._engine / "shadow" / self._frozen.name
        return [
            _piece(table, directory)
            for table, uuid in sorted(self._frozen.tables.items())
            for directory in sorted((shadow / table_directory(uuid)).glob("*/"))
        ]

    def definitions(self) -> list[Entry]:
        """What makes an empty store with the tables of this one."""
        database = (self._engine / _LINK).resolve()
        found = [Entry(f"{_TABLES}/{path.name}", path.read_bytes()) for path in sorted(database.glob("*.sql"))]
        return [Entry(_DATABASE, database.relative_to(self._engine.resolve()).as_posix().encode()), *found]

    def remove(self) -> None:
        """Nothing to do: the directory of snapshots is cleaned in any case."""


def table_directory(uuid: str) -> str:
    """Where the rows of a table are, below the engine's directory."""
    return f"store/{uuid[:3]}/{uuid}"


def place_definitions(unpacked: Path, engine: Path, tables: Mapping[str, str]) -> None:
    """Make the empty store from what `definitions` gave. `tables`: all of its tables, by the ids that name their
    directories. Raises StateError and OSError."""
    database = (unpacked / _DATABASE).read_text()
    if len(Path(database).parts) != 3 or Path(database).parts[0] != "store" or ".." in database:
        raise StateError(f"the backup names no directory of definitions: {database[:100]!r}")
    directory = engine / database
    directory.mkdir(parents=True)
    for path in sorted((unpacked / _TABLES).iterdir()):
        path.rename(directory / path.name)
    (engine / _LINK).parent.mkdir()
    (engine / _LINK).symlink_to(Path("..") / database)
    for uuid in tables.values():
        held = engine / table_directory(uuid)
        (held / "detached").mkdir(parents=True)
        (held / _FORMAT_FILE).write_text("1")


def _piece(table: str, directory: Path) -> Piece:
    """The key is a digest of the files' names and sizes, and of the small files in which the engine has checksums of
    the large ones."""
    digest, size = sha256(f"{table}/{directory.name}\n".encode()), 0
    paths = sorted(path for path in directory.rglob("*") if path.is_file())  # a projection is a directory within
    for path in paths:
        file_bytes = path.stat().st_size
        size += file_bytes
        digest.update(f"{path.relative_to(directory)} {file_bytes}\n".encode())
        if path.suffix == ".txt":
            digest.update(path.read_bytes())
    rows = int((directory / "count.txt").read_text())
    entries = [Entry(path.relative_to(directory).as_posix(), path) for path in paths]
    key = digest.hexdigest()[:32]
    name = f"parts/{table}/{directory.name}-{key}.tar"
    return Piece(name, table, directory.name, key, size, rows, partial(write_pack, entries))
