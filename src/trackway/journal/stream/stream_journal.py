"""The journal in a stream: what `journal.log` asks for, put together from the modules of this folder."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from trackway.domain.errors import StorageError
from trackway.domain.position import generation_of
from trackway.journal.drained import check_drained
from trackway.journal.limits import STREAM_AGAIN_S, STREAM_REQUEST_S_MAX, STREAM_START_S_MAX
from trackway.journal.log import HasRoom, OnSync, Progress, Recovery, Refusal, Removed
from trackway.journal.stream import progress as words
from trackway.journal.stream.address import Address
from trackway.journal.stream.appender import StreamAppender
from trackway.journal.stream.connection import Away, Connection, ask, connect, connection_of_process, leave, version_of
from trackway.journal.stream.lease import StreamLease, machine_name
from trackway.journal.stream.look import look, note
from trackway.journal.stream.machines import StreamMachines
from trackway.journal.stream.place import sequence_of
from trackway.journal.stream.progress import StreamProgress
from trackway.journal.stream.source import StreamSource
from trackway.journal.stream.streams import (
    LEASE,
    Info,
    Stream,
    check_safe,
    check_version,
    info_subject,
    milliseconds,
    read_info,
    read_stream,
    stream_name,
)

_PARTITION = 0


class StreamJournal:
    """The journal at an address. `directory` is this machine's, for the progress that its processes share."""

    def __init__(self, address: Address, directory: Path):
        self._address = address
        self._directory = directory
        self._checked: Stream | None = None

    def recover(self) -> Recovery:
        """Check the stream. Waits for NATS at most `STREAM_START_S_MAX`. Raises UnsafeStream, and StateError when there
        is a journal in files that was not drained."""
        check_drained(self._directory)
        # No thread and no connection is left: the caller forks.
        info = asyncio.run(self._ask_when_there())
        check_safe(info.config)
        self._checked = stream = read_stream(info)
        words.make(self._directory)
        machine_name(self._directory)  # made before processes need it that run beside each other
        progress = StreamProgress(self._directory)
        progress.begin()
        note(info, stream, progress)
        progress.close()
        return Recovery(info.state.bytes, 0, [])

    def appender(
        self, on_sync: OnSync | None = None, refusal: Refusal = str, has_room: HasRoom | None = None
    ) -> StreamAppender:
        progress = self.progress()
        try:
            stream = self._stream
        except StorageError:
            progress.close()
            raise
        return StreamAppender(self._connection, stream, progress, on_sync, refusal)

    def source(self, position: int = 0) -> StreamSource:
        return StreamSource(self._connection, self._stream, self.progress(), position)

    def progress(self) -> StreamProgress:
        return StreamProgress(self._directory)

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

    def lease(self) -> StreamLease:
        return StreamLease(self._connection, self._stream, self.progress(), machine_name(self._directory))

    def begin_after(self, cursor: int, end: int) -> None:
        """Nothing to do: `setup.make_streams` makes streams, each generation after the one before."""

    def machines(self) -> StreamMachines:
        return StreamMachines(self._connection, self._stream, machine_name(self._directory))

    def seal(self) -> None:
        """Nothing to note: a stream knows its end."""

    def is_drained(self, progress: Progress) -> bool:
        """An empty stream may be replaced by one of the next generation."""
        return progress.is_loaded and progress.kept_from >= progress.synced

    def close_drained(self) -> None:
        """Nothing to note: the stream is empty."""

    @property
    def _connection(self) -> Connection:
        return connection_of_process(self._address)

    @property
    def _stream(self) -> Stream:
        """The stream that the start has checked. A process that did not start the server checks it itself."""
        if self._checked is None:
            info = self._info()
            check_safe(info.config)
            self._checked = read_stream(info)
        return self._checked

    def _info(self) -> Info:
        name = stream_name(_PARTITION)
        return read_info(name, self._call(info_subject(name)))

    def _call(self, subject: str, question: Any = None) -> bytes:
        content = b"" if question is None else msgspec.json.encode(question)
        return self._connection.call(self._connection.ask(subject, content), 2 * STREAM_REQUEST_S_MAX)

    def _first_since(self, since_s: float) -> int:
        """The sequence number of the first message since then; 0 when the server that answers has none yet."""
        question = {"start_time": datetime.fromtimestamp(since_s, UTC).isoformat(), "batch": 1}
        return self._connection.call(self._sequence(question), 2 * STREAM_REQUEST_S_MAX)

    async def _sequence(self, question: dict[str, Any]) -> int:
        subject = f"$JS.API.DIRECT.GET.{stream_name(_PARTITION)}"
        async with self._connection.answers(subject, msgspec.json.encode(question)) as following:
            headers = (await following()).headers or {}
        status = headers.get("Status")
        if status not in (None, "404"):
            raise Away(f"the journal cannot be read: status {status}")
        return 0 if status else int(headers["Nats-Sequence"])

    def _purge(self, end: int) -> None:
        reply = msgspec.json.decode(self._call(f"$JS.API.STREAM.PURGE.{stream_name(_PARTITION)}", {"seq": end}))
        if not reply.get("success"):
            raise StorageError(f"loaded records cannot be removed: {reply.get('error', {}).get('description')}")

    async def _ask_when_there(self) -> Info:
        until_s = time.monotonic() + STREAM_START_S_MAX
        while True:
            try:
                return await self._ask_once()
            except Away:
                if time.monotonic() >= until_s:
                    raise
            await asyncio.sleep(STREAM_AGAIN_S)

    async def _ask_once(self) -> Info:
        client = await connect(self._address)
        try:
            check_version(version_of(client))
            read_info(LEASE, await ask(client, info_subject(LEASE)))
            name = stream_name(_PARTITION)
            return read_info(name, await ask(client, info_subject(name)))
        finally:
            await leave(client)
