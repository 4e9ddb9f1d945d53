"""The journal's head: how far it is written, synced and loaded, in words that all processes share.

A position is one word. The writers' words change only under the journal's lock. A process may be killed between any two
stores; the order of the stores in `begin` and `Writer` keeps each state in between valid. Recovery sets every word from
the segments.
"""

import os
from enum import IntEnum
from pathlib import Path

from trackway.journal.segments.format import HEADER_BYTES, offset_of, position_of, segment_of
from trackway.journal.shared_words import FILE_BYTES, SharedWords

NAME = "head"
MAGIC = 0x0001_4A59_574B_5254

_WRITTEN, _SYNCED, _STATE, _KEPT = 1, 2, 3, 6


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


class Head(SharedWords):
    """The words of the journal in segment files, which `recovery.recover` makes."""

    def __init__(self, directory: Path):
        super().__init__(directory / NAME, MAGIC)

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
    def kept(self) -> int:
        """Number of the first segment that still exists."""
        return self._words[_KEPT]

    @kept.setter
    def kept(self, segment: int) -> None:
        self._words[_KEPT] = segment

    def begin(self, segment: int) -> None:
        """Make a new segment the current one. Its header must be durable, and the end of the one before it final."""
        start = position_of(segment, HEADER_BYTES)
        self._words[_WRITTEN] = start
        self._words[_SYNCED] = start
        self._words[_STATE] = State.OPEN
