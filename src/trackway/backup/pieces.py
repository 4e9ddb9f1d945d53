"""The content of a snapshot, wherever the store is: pieces that never change, and definitions of tables."""

from collections.abc import Callable, Sequence
from typing import IO, NamedTuple, Protocol

from trackway.backup.packs import Digest, Entry

Write = Callable[[IO[bytes]], Digest]
"""Writes a file."""


class Piece(NamedTuple):
    """A part of a table, or some of its rows.

    `name`: of its file at the place of backups. `key` names its content: equal pieces of two snapshots have one key.
    `bytes`: about how long its file becomes. `write` writes the file.
    """

    name: str
    table: str
    part: str
    key: str
    bytes: int
    rows: int
    write: Write


class Snapshot(Protocol):
    """The pieces of a snapshot. Methods raise StateError and StorageError."""

    @property
    def kind(self) -> str:
        """parts or rows."""

    @property
    def columns(self) -> dict[str, list[str]]:
        """By table, the columns of rows. Parts say themselves which they have."""

    def pieces(self) -> Sequence[Piece]: ...

    def definitions(self) -> list[Entry]:
        """What makes an empty store with the tables of this one."""

    def remove(self) -> None:
        """Remove the snapshot from the store."""
