"""Append batches of payloads, for one process of several.

A write is made under the journal's lock, so the file has one order for all processes. The sync is made outside of the
lock, so processes wait for the disk at the same time. The end of the journal moves only after a whole write, so a dying
process leaves nothing behind that counts. A failed sync is never repeated, because the kernel drops what it could not
write: the segment is abandoned at its last durable offset, and a new one begins.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from trackway.domain.errors import StorageError
from trackway.journal.limits import JOURNAL_SEGMENT_BYTES
from trackway.journal.log import HasRoom
from trackway.journal.segments import format, segment
from trackway.journal.segments.file_calls import Disk, OsDisk
from trackway.journal.segments.head import Head, State
from trackway.runtime.background import start_thread
from trackway.runtime.file_lock import FileLock

LOCK = "lock"
SPARE_LOCK = "spare.lock"

_log = logging.getLogger(__name__)


Background = Callable[[Callable[[], None]], None]
"""Runs work beside the caller."""


def in_thread(work: Callable[[], None]) -> None:
    start_thread(work, "journal-spare")


class _Written(NamedTuple):
    """An unsynced write: its segment, the offset after it, the position of each record."""

    segment: int
    end: int
    positions: list[int]


class Writer:
    """Create one in each process, after the fork. Calls from several threads take turns.

    `has_room`: whether the disk has so many bytes free for a spare. The journal works without a spare.
    """

    def __init__(
        self,
        directory: Path,
        disk: Disk | None = None,
        segment_bytes: int = JOURNAL_SEGMENT_BYTES,
        background: Background = in_thread,
        has_room: HasRoom = lambda _bytes: True,
    ):
        self._directory = directory
        self._disk: Disk = disk or OsDisk()
        self._segment_bytes = segment_bytes
        self._background = background
        self._has_room = has_room
        self._head = Head(directory)
        self._lock = FileLock(directory / LOCK)
        self._turn = threading.Lock()
        self._segment = 0
        self._file = -1
        self._size = 0

    def append(self, payloads: Sequence[bytes]) -> list[int]:
        """Append all payloads with one write and one sync; the position of each.

        They are durable at return. StorageError: none of them will be read, unless the machine dies right now.
        """
        if not payloads:
            return []
        with self._turn:
            try:
                with self._lock:
                    written = self._write(payloads)
                self._sync(written)
            except OSError as error:
                raise StorageError(f"journal cannot be written: {error.strerror or error}") from error
        return written.positions

    def seal(self) -> None:
        """Seal the current segment at a clean stop: a record that is missing later is known to be corruption."""
        with self._turn:
            try:
                with self._lock:
                    self._follow()
                    self._seal()
            except OSError as error:
                raise StorageError(f"journal cannot be sealed: {error.strerror or error}") from error

    def prepare(self) -> None:
        """Prepare a spare segment in the background."""
        self._background(self._prepare_spare)

    def close(self) -> None:
        with self._turn:
            self._leave()
            self._lock.close()
            self._head.close()

    def _write(self, payloads: Sequence[bytes]) -> _Written:
        need = format.framed_bytes(payloads)
        self._follow()
        offset = format.offset_of(self._head.written)
        if self._head.state is not State.OPEN or offset + need + format.FRAME_BYTES > self._size:
            self._roll(need)
            offset = format.HEADER_BYTES
        content, positions = format.encode(self._segment, offset, self._head.synced_offset, payloads)
        self._disk.write(self._file, content, offset)
        self._head.written = format.position_of(self._segment, offset + need)
        return _Written(self._segment, offset + need, positions)

    def _sync(self, written: _Written) -> None:
        failure: OSError | None = None
        try:
            self._disk.sync(self._file)
        except OSError as error:
            failure = error
        with self._lock:
            if failure and self._head.segment == written.segment and self._head.state is State.OPEN:
                self._abandon(failure)
            if not self._settle(written):
                raise StorageError(f"journal segment {written.segment} is abandoned: a sync of it failed") from failure

    def _settle(self, written: _Written) -> bool:
        """Whether a write counts: this process synced it, or another process made it durable."""
        if self._head.segment != written.segment:
            successor = segment.read_header(self._disk, self._directory, written.segment + 1)
            return successor is not None and successor.previous_end >= written.end
        if self._head.state is State.ABANDONED:
            return self._head.synced_offset >= written.end
        self._head.synced = max(self._head.synced, format.position_of(written.segment, written.end))
        return True

    def _follow(self) -> None:
        """Open the current segment, unless it is open already."""
        current = self._head.segment
        if current == self._segment:
            return
        self._leave()
        file = self._disk.open(segment.path_of(self._directory, current))
        self._size = self._disk.size(file)
        self._file, self._segment = file, current

    def _leave(self) -> None:
        if self._file >= 0:
            self._disk.close(self._file)
        self._file, self._segment = -1, 0

    def _roll(self, need: int) -> None:
        """Begin a new segment. Any process may repeat it from the beginning, wherever it was interrupted."""
        if self._head.state is State.OPEN:
            self._seal()
        sealed = self._head.state is State.SEALED
        previous_end = format.offset_of(self._head.written) if sealed else self._head.synced_offset
        number = self._head.segment + 1
        file = segment.start(self._disk, self._directory, number, previous_end, need=need, size=self._segment_bytes)
        self._leave()
        self._head.begin(number)
        self._file, self._segment, self._size = file, number, self._disk.size(file)
        self.prepare()

    def _seal(self) -> None:
        """Sync and seal the current segment; if that fails, abandon it."""
        if self._head.state is not State.OPEN:
            return
        offset = format.offset_of(self._head.written)
        try:
            self._disk.sync(self._file)
            self._disk.write(self._file, format.encode_seal(self._segment, offset, offset), offset)
            self._disk.sync(self._file)
        except OSError as error:
            self._abandon(error)
            return
        self._head.state = State.SEALED
        self._head.written = format.position_of(self._segment, offset + format.FRAME_BYTES)
        self._head.synced = self._head.written

    def _abandon(self, failure: OSError) -> None:
        """End the segment at the synced offset.

        The file is cut there too: the kernel still shows bytes that it could not write, and a restart would trust them.
        """
        self._head.state = State.ABANDONED
        _log.error("journal segment %d is abandoned: %s", self._segment, failure.strerror or failure)
        try:
            self._disk.truncate(self._file, self._head.synced_offset)
        except OSError as error:
            _log.error("abandoned journal segment %d cannot be cut: %s", self._segment, error.strerror or error)

    def _prepare_spare(self) -> None:
        """Runs in the background. Without a spare the next segment is only slower, so a failure is logged."""
        lock = FileLock(self._directory / SPARE_LOCK)
        try:
            wanted = lock.try_take() and not segment.has_spare(self._disk, self._directory)
            if wanted and self._has_room(self._segment_bytes):
                segment.prepare_spare(self._disk, self._directory, self._segment_bytes)
        except OSError as error:
            _log.warning("no spare journal segment could be prepared: %s", error.strerror)
        finally:
            lock.close()
