"""Files with the rows of inserts, for a store process that reads the same disk.

The embedded store reads the rows of an insert from a file. A client on the same machine writes that file itself: no
rows go through a connection, and nothing copies them a second time. The writer of a file removes it. A client that was
killed leaves its files, which the next one removes, as does the store at its start. Files are not synced: the table
makes the rows durable, and no file outlives its request.
"""

import errno
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from trackway.store.limits import SPOOL_BUFFER_BYTES, SPOOL_LOOK_BYTES

ROWS_FILE: Final = "x-trackway-rows"
"""The header of an insert whose rows are in a file of the spool: the file's name."""
_PREFIX: Final = "client-"
_is_name = re.compile(r"client-[0-9a-f]{32}").fullmatch


class Spool:
    """The spool directory of a store on this machine. Its disk keeps `keep_free_bytes` free for the store's merges."""

    def __init__(self, directory: Path, keep_free_bytes: int = 0) -> None:
        self._directory = directory
        self._keep_free_bytes = keep_free_bytes

    @contextmanager
    def rows(self, pieces: Iterable[bytes]) -> Iterator[str]:
        """The name of a file with these rows, while the block runs. Raises OSError."""
        name = f"{_PREFIX}{uuid.uuid4().hex}"
        path = self._directory / name
        try:
            unseen = SPOOL_LOOK_BYTES
            with path.open("xb", buffering=SPOOL_BUFFER_BYTES) as file:
                for piece in pieces:
                    unseen += len(piece)
                    if unseen >= SPOOL_LOOK_BYTES:
                        check_room(self._directory, self._keep_free_bytes + unseen)
                        unseen = 0
                    file.write(piece)
            yield name
        finally:
            path.unlink(missing_ok=True)

    def remove_left(self) -> None:
        """Remove the files that a killed client left. An insert that still reads one may fail; nobody waits for it."""
        for path in self._directory.glob(f"{_PREFIX}*"):
            path.unlink(missing_ok=True)


def file_of(directory: Path, name: str) -> Path | None:
    """The file of rows that a client names; None for a name that no client gives."""
    return directory / name if _is_name(name) else None


def check_room(directory: Path, need_bytes: int) -> None:
    """Raise OSError when less is free. Spool files must not use the room that the engine's merges need."""
    found = os.statvfs(directory)
    if found.f_bavail * found.f_frsize < need_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
