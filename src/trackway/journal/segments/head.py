"""The journal's head: how far it is written, synced and loaded, in memory that all processes share.

Each field is one aligned 64-bit word, and a position is one word. So a reader without the lock never sees half of a
change. The writers' fields change only under the journal's lock. A process may be killed between any two stores; the
order of the stores in `begin` and `Writer` keeps each state in between valid.

The words are in a mapped file, which unrelated processes find by name. The file is not a durable cursor: recovery sets
every word from the segments. Its blocks are allocated before it is mapped, since a store would otherwise raise SIGBUS
on a full disk.
"""

import mmap
import os
from enum import IntEnum
from pathlib import Path

from trackway.domain.errors import StorageError
from trackway.journal.segments.format import HEADER_BYTES, offset_of, position_of, segment_of

NAME = "head"
FILE_BYTES = 4096
MAGIC = 0x0001_4A59_574B_5254

_MAGIC, _WRITTEN, _SYNCED, _STATE, _LOADED, _HEARTBEAT, _KEPT, _FAILING = range(8)


class State(IntEnum):
    """The state of the current segment.

    OPEN: records may be appended. SEALED: everything written is durable, and nothing more may be appended. ABANDONED: a
    sync failed; the segment ends at the synced offset, and records beyond it were never acknowledged. After SEALED and
    ABANDONED a new segment begins.
    """

    OPEN = 0
    SEALED = 1
    ABANDONED = 2


def make(directory: Path) -> None:
    """Create the file, or replace an invalid one, so that `Head` can open it."""
    file = os.open(directory / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(file).st_size != FILE_BYTES or os.pread(file, 8, 0) != MAGIC.to_bytes(8, "little"):
            os.ftruncate(file, 0)
            os.posix_fallocate(file, 0, FILE_BYTES)
            os.pwrite(file, MAGIC.to_bytes(8, "little"), 0)
    finally:
        os.close(file)


class Head:
    """The shared words. Raises StorageError if the file is missing or invalid: `recovery.recover` makes it."""

    def __init__(self, directory: Path):
        path = directory / NAME
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise StorageError(f"journal head {path} cannot be opened: {error.strerror}") from error
        try:
            if os.fstat(file).st_size != FILE_BYTES:
                raise StorageError(f"journal head {path} is not {FILE_BYTES} bytes long")
            self._map = mmap.mmap(file, FILE_BYTES)
        finally:
            os.close(file)
        self._words = memoryview(self._map).cast("Q")
        if self._words[_MAGIC] != MAGIC:
            self.close()
            raise StorageError(f"journal head {path} is of another version")

    def close(self) -> None:
        self._words.release()
        self._map.close()

    @property
    def written(self) -> int:
        """Position after the last whole record."""
        return self._words[_WRITTEN]

    @written.setter
    def written(self, position: int) -> None:
        self._words[_WRITTEN] = position

    @property
    def segment(self) -> int:
        return segment_of(self._words[_WRITTEN])

    @property
    def synced(self) -> int:
        """Position before which every record is durable. Readers stop there."""
        return self._words[_SYNCED]

    @synced.setter
    def synced(self, position: int) -> None:
        self._words[_SYNCED] = position

    @property
    def synced_offset(self) -> int:
        """The synced offset of the current segment."""
        synced = self._words[_SYNCED]
        return offset_of(synced) if segment_of(synced) == self.segment else HEADER_BYTES

    @property
    def state(self) -> State:
        return State(self._words[_STATE])

    @state.setter
    def state(self, state: State) -> None:
        self._words[_STATE] = state

    @property
    def loaded(self) -> int:
        """Position before which every record is in the store. The loader sets it; 0 before that."""
        return self._words[_LOADED]

    @loaded.setter
    def loaded(self, position: int) -> None:
        self._words[_LOADED] = position

    @property
    def heartbeat_ms(self) -> int:
        """The loader's last heartbeat, in milliseconds since the epoch; 0 before the first."""
        return self._words[_HEARTBEAT]

    @heartbeat_ms.setter
    def heartbeat_ms(self, now_ms: int) -> None:
        self._words[_HEARTBEAT] = now_ms

    @property
    def kept(self) -> int:
        """Number of the first segment that still exists."""
        return self._words[_KEPT]

    @kept.setter
    def kept(self, segment: int) -> None:
        self._words[_KEPT] = segment

    @property
    def failing(self) -> bool:
        """Whether the loader's last try failed, or it has not tried yet."""
        return bool(self._words[_FAILING])

    @failing.setter
    def failing(self, failing: bool) -> None:
        self._words[_FAILING] = failing

    def begin(self, segment: int) -> None:
        """Make a new segment the current one. Its header must be durable, and the end of the one before it final."""
        start = position_of(segment, HEADER_BYTES)
        self._words[_WRITTEN] = start
        self._words[_SYNCED] = start
        self._words[_STATE] = State.OPEN
