"""What a backup and the loader's process say to each other about a snapshot, and where they meet."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

SOCKET: Final = "snapshot.sock"
"""The name of the socket in the directory of the running server."""


class Frozen(msgspec.Struct, frozen=True):
    """A snapshot: its name, the tables that it has by the ids that name their directories, and the other tables.

    `cursor`: the position before which all records are in it. `end`: no row in it has a position from here on. `store`
    and `projects`: which the server uses, as `place_digest` names them.
    """

    name: str
    tables: dict[str, str]
    empty_tables: dict[str, str]
    cursor: int
    end: int
    migration: int
    store: str
    projects: str


def place_digest(url: str) -> str:
    """A name for a database at a URL, or for the one in the data directory. A URL has a password."""
    return sha256(url.encode()).hexdigest()[:32]


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of an answer: how many bytes are left to load, the snapshot, or why there is none."""

    left_bytes: int = 0
    frozen: Frozen | None = None
    failure: str = ""


@contextmanager
def short_path(directory: Path) -> Iterator[str]:
    """Another path of a directory, which is short enough for the address of a socket."""
    opened = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{opened}"
    finally:
        os.close(opened)
