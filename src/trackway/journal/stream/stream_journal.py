"""The journal in streams: what `journal.log` asks for, put together from the modules of this folder."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from trackway.journal.drained import check_drained
from trackway.journal.limits import (
    JOURNAL_PENDING_BYTES_MAX,
    STREAM_AGAIN_S,
    STREAM_START_ALL_S_MAX,
    STREAM_START_S_MAX,
)
from trackway.journal.log import Progress, Recovery
from trackway.journal.stream import progress as words
from trackway.journal.stream.address import Address
from trackway.journal.stream.connection import Away, ask, connect, connection_of_process, leave, version_of
from trackway.journal.stream.known import read_known, write_known
from trackway.journal.stream.lease import StreamLease, machine_name
from trackway.journal.stream.look import note
from trackway.journal.stream.machines import StreamMachines
from trackway.journal.stream.progress import StreamsProgress
from trackway.journal.stream.stream_partition import StreamPartition
from trackway.journal.stream.streams import (
    LEASE,
    Info,
    MissingStream,
    Stream,
    check_version,
    info_subject,
    read_info,
    read_present,
    read_streams,
    stream_name,
)
from trackway.telemetry import logs

_log = logs.get("journal")


class StreamJournal:
    """The journal at an address. `directory` is this machine's, for the progress that its processes share."""

    def __init__(self, address: Address, directory: Path):
        self._address = address
        self._directory = directory
        self._checked: Sequence[Stream] = ()

    @property
    def partitions(self) -> Sequence[StreamPartition]:
        streams = self._streams
        pending_bytes_max = JOURNAL_PENDING_BYTES_MAX // len(streams)
        return [
            StreamPartition(self._address, self._directory, number, stream, pending_bytes_max)
            for number, stream in enumerate(streams)
        ]

    def recover(self) -> Recovery:
        """Check the streams. Waits for NATS at most `STREAM_START_S_MAX`, and `STREAM_START_ALL_S_MAX` for a stream
        that this machine knows: without it the others begin. Raises UnsafeStream, and StateError when there is a
        journal in files that was not drained."""
        check_drained(self._directory)
        # No thread and no connection is left: the caller forks.
        infos, self._checked = asyncio.run(self._ask_when_there(read_known(self._directory)))
        away = {stream.partition for info, stream in zip(infos, self._checked, strict=True) if info is None}
        for partition in sorted(away):
            _log.error("a stream is away: its projects wait, the others begin", stream=stream_name(partition))
        words.make(self._directory, len(self._checked), keep=away)
        write_known(self._directory, self._checked)
        machine_name(self._directory)  # made before processes need it that run beside each other
        progress = StreamsProgress(self._directory)
        progress.begin()
        for info, stream, each in zip(infos, self._checked, progress.partitions, strict=True):
            if info is not None:
                note(info, stream, each)
        progress.close()
        return Recovery(sum(info.state.bytes for info in infos if info is not None), 0, [])

    def progress(self) -> StreamsProgress:
        return StreamsProgress(self._directory)

    def lease(self) -> StreamLease:
        connection = connection_of_process(self._address)
        return StreamLease(connection, self._streams, self.progress(), machine_name(self._directory))

    def begin_after(self, cursor: int, end: int) -> None:
        """Nothing to do: `setup.make_streams` makes streams, each generation after the one before."""

    def machines(self) -> StreamMachines:
        connection = connection_of_process(self._address)
        return StreamMachines(connection, self._streams[0], machine_name(self._directory))

    def seal(self) -> None:
        """Nothing to note: a stream knows its end."""

    def is_drained(self, progress: Progress) -> bool:
        """Empty streams may be replaced by some of the next generation."""
        return progress.is_loaded and all(each.kept_from >= each.synced for each in progress.partitions)

    def close_drained(self) -> None:
        """Nothing to note: the streams are empty."""

    @property
    def _streams(self) -> Sequence[Stream]:
        """The streams that the start has checked. A process that did not start the server checks them itself."""
        if not self._checked:
            connection = connection_of_process(self._address)
            _, self._checked = connection.call(read_streams(connection.ask), STREAM_START_S_MAX)
        return self._checked

    async def _ask_when_there(self, known: Sequence[Stream]) -> tuple[list[Info | None], list[Stream]]:
        began_s = time.monotonic()
        while True:
            waited_s = time.monotonic() - began_s
            try:
                return await self._ask_once(known if waited_s >= STREAM_START_ALL_S_MAX else ())
            except MissingStream:
                if not known or waited_s >= STREAM_START_ALL_S_MAX:
                    raise
            except Away:
                if waited_s >= STREAM_START_S_MAX:
                    raise
            await asyncio.sleep(STREAM_AGAIN_S)

    async def _ask_once(self, known: Sequence[Stream]) -> tuple[list[Info | None], list[Stream]]:
        client = await connect(self._address)
        try:
            check_version(version_of(client))
            read_info(LEASE, await ask(client, info_subject(LEASE)))
            question = partial(ask, client)
            return await (read_present(question, known) if known else read_streams(question))
        finally:
            await leave(client)
