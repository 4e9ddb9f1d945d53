"""One stream of the journal: what `journal.log` asks of a partition, put together from the modules of this folder."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from trackway.domain.errors import StorageError
from trackway.domain.position import generation_of
from trackway.journal.limits import STREAM_REQUEST_S_MAX
from trackway.journal.log import HasRoom, OnSync, Refusal, Removed
from trackway.journal.stream.address import Address
from trackway.journal.stream.appender import StreamAppender
from trackway.journal.stream.connection import Away, Connection, connection_of_process
from trackway.journal.stream.look import look
from trackway.journal.stream.place import sequence_of
from trackway.journal.stream.progress import StreamProgress
from trackway.journal.stream.source import StreamSource
from trackway.journal.stream.streams import Stream, milliseconds


class StreamPartition:
    """A stream that was checked. `directory` is this machine's, for the progress that its processes share.
    `pending_bytes_max`: of one appender, so that a stream that hangs leaves room for the others."""

    def __init__(self, address: Address, directory: Path, number: int, stream: Stream, pending_bytes_max: int):
        self._address = address
        self._directory = directory
        self._number = number
        self._stream = stream
        self._pending_bytes_max = pending_bytes_max

    def appender(
        self, on_sync: OnSync | None = None, refusal: Refusal = str, has_room: HasRoom | None = None
    ) -> StreamAppender:
        return StreamAppender(
            self._connection, self._stream, self.progress(), on_sync, refusal, self._pending_bytes_max
        )

    def source(self, position: int = 0) -> StreamSource:
        return StreamSource(self._connection, self._stream, self.progress(), position)

    def progress(self) -> StreamProgress:
        return StreamProgress(self._directory, self._number)

    def remove_loaded(self, loaded: int, age_s_min: float) -> Removed:
        stream = self._stream
        if generation_of(loaded) != stream.generation:
            return Removed(0, 0)
        progress = self.progress()
        try:
            before = look(self._connection, stream, progress)
            end = sequence_of(loaded)
            since_s = time.time() - age_s_min
            if age_s_min > 0 and milliseconds(before.state.last_ts) >= since_s * 1000:
                end = min(end, self._first_since(since_s))
            if end <= max(before.state.first_seq, 1):
                return Removed(0, 0)
            self._purge(end)
            after = look(self._connection, stream, progress)
            pieces = after.state.first_seq - before.state.first_seq
            mean = before.state.bytes // max(before.state.messages, 1)
            return Removed(pieces, pieces * mean)
        finally:
            progress.close()

    @property
    def _connection(self) -> Connection:
        return connection_of_process(self._address)

    def _first_since(self, since_s: float) -> int:
        """The sequence number of the first message since then; 0 when the server that answers has none yet."""
        question = {"start_time": datetime.fromtimestamp(since_s, UTC).isoformat(), "batch": 1}
        return self._connection.call(self._sequence(question), 2 * STREAM_REQUEST_S_MAX)

    async def _sequence(self, question: dict[str, Any]) -> int:
        subject = f"$JS.API.DIRECT.GET.{self._stream.name}"
        async with self._connection.answers(subject, msgspec.json.encode(question)) as following:
            headers = (await following()).headers or {}
        status = headers.get("Status")
        if status not in (None, "404"):
            raise Away(f"the journal cannot be read: status {status}")
        return 0 if status else int(headers["Nats-Sequence"])

    def _purge(self, end: int) -> None:
        subject = f"$JS.API.STREAM.PURGE.{self._stream.name}"
        asking = self._connection.ask(subject, msgspec.json.encode({"seq": end}))
        reply = msgspec.json.decode(self._connection.call(asking, 2 * STREAM_REQUEST_S_MAX))
        if not reply.get("success"):
            raise StorageError(f"loaded records cannot be removed: {reply.get('error', {}).get('description')}")
