"""An empty journal beside a restored store: segments without records, from the store's cursor on.

A segment number is used once, so the new journal begins behind the last one that the store may know. A reader at the
cursor passes from there to the first new segment, and finds nothing missing.
"""

from pathlib import Path

from trackway.domain.errors import StorageError
from trackway.journal.drained import set_mark
from trackway.journal.segments import segment
from trackway.journal.segments.file_calls import Disk
from trackway.journal.segments.format import HEADER_BYTES, offset_of, segment_of


def begin_after(directory: Path, cursor: int, end: int, disk: Disk) -> None:
    """Durable at return. The journal counts as drained, so a server may also start with a stream in its place.

    Raises StorageError where there is a journal already, or the directory cannot be written.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if segment.numbers(disk, directory):
            raise StorageError(f"there is a journal in {directory}")
        first = segment_of(cursor) + 1
        for number in range(first, segment_of(end) + 2):
            previous_end = offset_of(cursor) if number == first else HEADER_BYTES
            disk.close(segment.start(disk, directory, number, previous_end, need=0, size=0))
    except OSError as error:
        raise StorageError(f"journal {directory} cannot be made: {error.strerror or error}") from error
    set_mark(directory)
