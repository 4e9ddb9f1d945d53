"""The streams as this machine has found them at its last start, so that the next one can begin without some of them.

A stream that is away gets nothing meanwhile, nor does another in its place: what is published for it has the subject of
its identity.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from trackway.domain.errors import StorageError
from trackway.domain.position import generation_of
from trackway.journal.stream.progress import StreamProgress
from trackway.journal.stream.streams import Stream
from trackway.telemetry import logs

_NAME: Final = "streams.json"
_log = logs.get("journal")


def read_known(directory: Path) -> list[Stream]:
    """None where no server has started. A file that cannot be read costs only that all streams must be there."""
    try:
        return msgspec.json.decode((directory / _NAME).read_bytes(), type=list[Stream])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("the streams of the last start cannot be read", file=str(directory / _NAME), error=str(error))
        return []


def known_end(directory: Path, partition: int) -> tuple[Stream | None, int]:
    """A stream as it was, and the position up to which this machine knows it to reach; 0 where that is not known."""
    known = read_known(directory)
    if not 0 <= partition < len(known):
        return None, 0
    stream = known[partition]
    try:
        with closing(StreamProgress(directory, partition)) as progress:
            end = progress.synced
    except StorageError:
        end = 0
    return stream, end if generation_of(end) == stream.generation else 0


def write_known(directory: Path, streams: Sequence[Stream]) -> None:
    """Raises StorageError."""
    new = directory / f"{_NAME}.new"
    try:
        new.touch(0o600)
        new.write_bytes(msgspec.json.encode(streams))
        new.replace(directory / _NAME)
    except OSError as error:
        raise StorageError(f"{directory / _NAME} cannot be written: {error.strerror or error}") from error
