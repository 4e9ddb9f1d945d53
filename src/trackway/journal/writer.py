"""Appending: payloads come in from one process of several, and their positions go out once they are on disk.

A write happens under the journal's lock, so that the order of the file is one order for all processes; the sync
happens outside of it, so that processes wait for the disk at the same time. Nothing that a dying process leaves
behind counts: the end moves only after a whole write. A failed sync is never repeated, because the kernel forgets
what it could not write: the segment is abandoned where it was last known to be durable, and a new one begins.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from trackway import limits
from trackway.errors import StorageError
from trackway.journal import format, segment
from trackway.journal.disk import Disk, OsDisk
from trackway.journal.head import Head, State
from trackway.journal.lock import Lock

LOCK = "lock"
SPARE_LOCK = "spare.lock"

_log = logging.getLogger(__name__)


def in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="journal-spare", daemon=True).start()


class _Written(NamedTuple):
    """An unsynced write: its segment, the offset after it, the position of each record."""

    segment: int
    end: int
    positions: list[int]


class Writer:
    """Make one per process, after the fork. Calls from several threads take turns."""

    def __init__(
        self,
        directory: Path,
        disk: Disk | None = None,
        segment_bytes: int = limits.JOURNAL_SEGMENT_BYTES,
        background: Callable[[Callable[[], None]], None] = in_thread,
    ):
        self._directory = directory
        self._disk: Disk = disk or OsDisk()
        self._segment_bytes = segment_bytes
        self._background = background
        self._head = Head(directory)
        self._lock = Lock(directory / LOCK)
        self._turn = threading.Lock()
        self._segment = 0
        self._file = -1
        self._size = 0

    def append(self, payloads: Sequence[bytes]) -> list[int]:
        """Write all of them with one write and one sync; the position of each.

        At return they are durable. StorageError: not one of them will be read, unless the machine dies right now.
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
        """Close the current segment for good, at a clean stop: whatever it lacks later on is corruption."""
        with self._turn:
            try:
                with self._lock:
                    self._follow()
                    self._seal()
            except OSError as error:
                raise StorageError(f"journal cannot be sealed: {error.strerror or error}") from error

    def prepare(self) -> None:
        """See to it that there is a spare segment soon."""
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
        """Whether a write counts: synced by us into a segment that goes on, or made durable by somebody else."""
        if self._head.segment != written.segment:
            successor = segment.read_header(self._disk, self._directory, written.segment + 1)
            return successor is not None and successor.previous_end >= written.end
        if self._head.state is State.ABANDONED:
            return self._head.synced_offset >= written.end
        self._head.synced = max(self._head.synced, format.position_of(written.segment, written.end))
        return True

    def _follow(self) -> None:
        """Open the current segment, if it is not the one we have."""
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
        """Go on in a new segment. May be repeated from the beginning by anyone, wherever it was interrupted."""
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
        """Sync the current segment and close it; when that fails it is abandoned."""
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
        """Let the segment end at the synced offset.

        The file is cut there too: the system still shows what it could not write, and a restart would believe it.
        """
        self._head.state = State.ABANDONED
        _log.error("journal segment %d is abandoned: %s", self._segment, failure.strerror or failure)
        try:
            self._disk.truncate(self._file, self._head.synced_offset)
        except OSError as error:
            _log.error("abandoned journal segment %d cannot be cut: %s", self._segment, error.strerror or error)

    def _prepare_spare(self) -> None:
        """Runs in the background. Without a spare the next roll is slower, no more, so a failure is only told."""
        lock = Lock(self._directory / SPARE_LOCK)
        try:
            if lock.try_take() and not segment.has_spare(self._disk, self._directory):
                segment.prepare_spare(self._disk, self._directory, self._segment_bytes)
        except OSError as error:
            _log.warning("no spare journal segment could be prepared: %s", error.strerror)
        finally:
            lock.close()
