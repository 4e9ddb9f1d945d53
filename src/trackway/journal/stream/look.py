"""Looks at the stream: whether it is still the one that was checked, and how much it holds.

A stream may be missing, made again, or shorter than it was: when all its servers lost their disks, for example, or when
an old copy was restored. Reading on would then skip records without a word, so every look compares.
"""

import asyncio
from collections.abc import Sequence

from trackway.domain.errors import StorageError
from trackway.domain.position import generation_of, position_at
from trackway.journal.limits import STREAM_REQUEST_S_MAX
from trackway.journal.stream.connection import Connection
from trackway.journal.stream.place import sequence_of
from trackway.journal.stream.progress import StreamProgress, StreamsProgress
from trackway.journal.stream.streams import (
    Info,
    Stream,
    UnsafeStream,
    check_safe,
    info_subject,
    milliseconds,
    read_info,
    read_stream,
)


def look(connection: Connection, stream: Stream, progress: StreamProgress) -> Info:
    """Ask for the stream's state, and note it. Raises StorageError unless it is the same stream."""
    asking = connection.ask(info_subject(stream.name))
    return _seen(stream, connection.call(asking, 2 * STREAM_REQUEST_S_MAX), progress)


def look_at_all(connection: Connection, streams: Sequence[Stream], progress: StreamsProgress) -> None:
    """The same of all streams at once, since each that does not answer takes its time. Raises StorageError for one of
    them, when the state of the others is noted."""
    replies = connection.call(_ask_all(connection, streams), 2 * STREAM_REQUEST_S_MAX)
    faults: list[StorageError] = []
    for stream, reply, each in zip(streams, replies, progress.partitions, strict=True):
        try:
            if isinstance(reply, BaseException):
                raise reply
            _seen(stream, reply, each)
        except StorageError as error:
            faults.append(error)
    if faults:
        raise faults[0]


async def _ask_all(connection: Connection, streams: Sequence[Stream]) -> list[bytes | BaseException]:
    asking = [connection.ask(info_subject(stream.name)) for stream in streams]
    return await asyncio.gather(*asking, return_exceptions=True)


def _seen(stream: Stream, reply: bytes, progress: StreamProgress) -> Info:
    info = read_info(stream.name, reply)
    try:
        check_safe(info.config)  # one that was away at the start was not checked there
        found = read_stream(info)
    except UnsafeStream as error:
        raise StorageError(str(error)) from error
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
