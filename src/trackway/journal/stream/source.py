"""Reads the stream on, in order, by batched direct get: no consumer, so the store's cursor is the only one.

Any server of the stream may answer. One that is behind gives fewer messages, never others. Sequence numbers have no
gaps: a number that is missing is a record that was lost, unless a server only lags, which the stream's leader knows.
"""

import time
from collections import deque
from typing import NamedTuple

import msgspec

from trackway.domain.errors import StorageError
from trackway.domain.position import generation_of, position_at
from trackway.journal.limits import (
    STREAM_BEHIND_S,
    STREAM_BEHIND_S_MAX,
    STREAM_LOOK_S,
    STREAM_READ_BYTES,
    STREAM_READ_MESSAGES,
    STREAM_REQUEST_S_MAX,
)
from trackway.journal.log import UNKNOWN, Damage, Record
from trackway.journal.stream.chunks import Chunk, Unreadable, join, parse
from trackway.journal.stream.connection import Away, Connection
from trackway.journal.stream.look import check_reaches, look
from trackway.journal.stream.place import FIRST, begin_in, sequences_between
from trackway.journal.stream.progress import StreamProgress
from trackway.journal.stream.streams import Stream
from trackway.runtime.background import pause

_NO_MESSAGE = 10037


class _Message(NamedTuple):
    sequence: int
    data: bytes


class _Found(NamedTuple):
    """A record, or damage (then without chunks), of the sequence numbers from `first` up to `end`."""

    first: int
    end: int
    chunks: list[Chunk]
    fault: str = ""
    size: int = 0


class _GetError(msgspec.Struct):
    err_code: int = 0


class _Get(msgspec.Struct):
    error: _GetError | None = None


class StreamSource:
    """A `Source` (`journal.log`). It owns the progress. Raises StorageError when the stream is not the one, or ends
    before the position."""

    def __init__(self, connection: Connection, stream: Stream, progress: StreamProgress, position: int = 0):
        self.damage: list[Damage] = []
        self._connection = connection
        self._stream = stream
        self._progress = progress
        try:
            info = look(connection, stream, progress)
            check_reaches(info, stream, position)
        except StorageError:
            progress.close()
            raise
        self._looked_s = time.monotonic()
        if stream.is_replacement and generation_of(position) < stream.generation:
            self._note_lost(position)
        # What precedes position 0 was removed, not lost.
        self._next = begin_in(stream.generation, position) if position else max(info.state.first_seq, FIRST)
        self._asked = self._next
        self._found: deque[_Found] = deque()
        self._chunks: list[Chunk] = []
        self._chunk_bytes = 0

    @property
    def position(self) -> int:
        return self._at(self._next)

    @property
    def identity(self) -> str:
        return self._stream.identity

    def read(self, bytes_max: int) -> list[Record]:
        while True:
            if records := self._take(bytes_max):
                return records
            if not self._ask_on():
                return []

    def close(self) -> None:
        self._found.clear()
        self._progress.close()

    def _note_lost(self, position: int) -> None:
        """What the lost stream had behind this position, as far as it was known when it was replaced."""
        end = self._stream.lost_end
        records = sequences_between(position, end) if end else UNKNOWN
        if records:
            reason = f"stream {self._stream.name} was lost before all its records were loaded, and was replaced"
            self.damage.append(Damage(position, 0, records, reason))

    def _at(self, sequence: int) -> int:
        return position_at(self._stream.generation, sequence)

    def _take(self, bytes_max: int) -> list[Record]:
        """Records that are here already. Damage between them is noted when it is passed."""
        records: list[Record] = []
        size = 0
        while self._found:
            found = self._found[0]
            if found.chunks:
                size += found.chunks[0].payload_bytes
                if records and size > bytes_max:
                    break
            self._found.popleft()
            fault = found.fault
            if found.chunks:
                try:
                    records.append(Record(self._at(found.first), memoryview(join(found.chunks))))
                except Unreadable as error:
                    fault = str(error)
            if fault:
                self.damage.append(Damage(self._at(found.first), found.size, found.end - found.first, fault))
            self._next = found.end
        return records

    def _ask_on(self) -> bool:
        """Get more messages. False at the end of the stream. Raises StorageError."""
        until_s = time.monotonic() + STREAM_BEHIND_S_MAX
        while True:
            if time.monotonic() - self._looked_s >= STREAM_LOOK_S:
                self._look()
            if self._at(self._asked) >= self._progress.synced:
                return False
            messages = self._connection.call(self._messages(), 2 * STREAM_REQUEST_S_MAX)
            if messages:
                for message in messages:
                    self._add(message)
                return True
            if time.monotonic() >= until_s:
                raise StorageError(f"stream {self._stream.name} does not give message {self._asked}, which it has")
            pause(STREAM_BEHIND_S)

    def _look(self) -> None:
        info = look(self._connection, self._stream, self._progress)
        check_reaches(info, self._stream, self._at(self._asked))
        self._looked_s = time.monotonic()

    async def _messages(self) -> list[_Message]:
        """The next messages that the server has; none when it has none."""
        question = {"seq": self._asked, "batch": STREAM_READ_MESSAGES, "max_bytes": STREAM_READ_BYTES}
        messages: list[_Message] = []
        subject = f"$JS.API.DIRECT.GET.{self._stream.name}"
        async with self._connection.answers(subject, msgspec.json.encode(question)) as following:
            while True:
                try:
                    answer = await following()
                except Away:
                    if messages:
                        return messages
                    raise
                headers = answer.headers or {}
                status = headers.get("Status")
                if status is not None:
                    if status not in ("204", "404"):
                        raise Away(f"stream {self._stream.name} cannot be read: status {status}")
                    return messages
                messages.append(_Message(int(headers["Nats-Sequence"]), answer.data))

    def _add(self, message: _Message) -> None:
        """Put the next message to its record."""
        if message.sequence > self._asked:
            self._pass_hole(message.sequence)
        elif message.sequence < self._asked:
            raise StorageError(f"stream {self._stream.name} gives message {message.sequence}, not {self._asked}")
        self._asked = message.sequence + 1
        try:
            chunk = parse(message.data)
        except Unreadable as error:
            self._drop_chunks()
            self._lose(message.sequence, self._asked, str(error), len(message.data))
            return
        if chunk.number != len(self._chunks) or (self._chunks and chunk.of != self._chunks[0].of):
            self._drop_chunks()
            if chunk.number:
                self._lose(message.sequence, self._asked, "a record lacks its first chunks", len(message.data))
                return
        self._chunks.append(chunk)
        self._chunk_bytes += len(message.data)
        if len(self._chunks) == chunk.of:
            self._found.append(_Found(self._asked - chunk.of, self._asked, self._chunks))
            self._chunks, self._chunk_bytes = [], 0

    def _drop_chunks(self) -> None:
        """The chunks that are here have no end."""
        if self._chunks:
            end = self._asked - 1
            self._lose(end - len(self._chunks), end, "a record lacks its last chunks", self._chunk_bytes)
            self._chunks, self._chunk_bytes = [], 0

    def _lose(self, first: int, end: int, fault: str, size: int) -> None:
        self._found.append(_Found(first, end, [], fault, size))

    def _pass_hole(self, end: int) -> None:
        """Messages are missing up to this one. Raises StorageError when only the server that answered lacks them."""
        first = self._asked
        for sequence in {first, end - 1}:
            if self._leader_has(sequence):
                raise StorageError(f"stream {self._stream.name}: the server that was asked lacks message {sequence}")
        if self._chunks:
            self._lose(first - len(self._chunks), first, "a record lacks its last chunks", self._chunk_bytes)
            self._chunks, self._chunk_bytes = [], 0
        self._lose(first, end, f"messages {first} to {end - 1} are missing", 0)

    def _leader_has(self, sequence: int) -> bool:
        asking = self._connection.ask(
            f"$JS.API.STREAM.MSG.GET.{self._stream.name}", msgspec.json.encode({"seq": sequence})
        )
        reply = msgspec.json.decode(self._connection.call(asking, 2 * STREAM_REQUEST_S_MAX), type=_Get)
        if reply.error is not None and reply.error.err_code != _NO_MESSAGE:
            raise Away(f"stream {self._stream.name} cannot be read: error {reply.error.err_code}")
        return reply.error is None
