"""Looks at the stream: whether it is still the one that was checked, and how much it holds.

A stream may be missing, made again, or shorter than it was: when all its servers lost their disks, for example, or when
an old copy was restored. Reading on would then skip records without a word, so every look compares.
"""

from trackway.domain.errors import StorageError
from trackway.domain.position import generation_of, position_at
from trackway.journal.limits import STREAM_REQUEST_S_MAX
from trackway.journal.stream.connection import Connection
from trackway.journal.stream.place import sequence_of
from trackway.journal.stream.progress import StreamProgress
from trackway.journal.stream.streams import Info, Stream, info_subject, milliseconds, read_info, read_stream


def look(connection: Connection, stream: Stream, progress: StreamProgress) -> Info:
    """Ask for the stream's state, and note it. Raises StorageError unless it is the same stream."""
    asking = connection.ask(info_subject(stream.name))
    info = read_info(stream.name, connection.call(asking, 2 * STREAM_REQUEST_S_MAX))
    found = read_stream(info)
    if found != stream:
        raise StorageError(
            f"stream {stream.name} was made again: it is of generation {found.generation} and identity "
            f"{found.identity}, and this server uses generation {stream.generation} and identity {stream.identity}"
        )
    note(info, stream, progress)
    return info


def note(info: Info, stream: Stream, progress: StreamProgress) -> None:
    state = info.state
    first = max(state.first_seq, 1)
    progress.saw(stream.generation, first, state.last_seq, state.bytes, _kept_since_ms(info))


def check_reaches(info: Info, stream: Stream, position: int) -> None:
    """Raises StorageError when the stream ends before the position, so that the position belongs to another one."""
    end = position_at(stream.generation, info.state.last_seq + 1)
    if position > end and (generation_of(position) > stream.generation or sequence_of(position) > 1):
        raise StorageError(f"stream {stream.name} ends at position {end}, before the wanted {position}")


def _kept_since_ms(info: Info) -> int:
    """An empty stream keeps nothing that is older than the look."""
    return milliseconds(info.state.first_ts if info.state.messages else info.ts)
