"""The lease: which machine loads. A message that its holder renews, and that goes by itself when it does not.

Each renewal names the message that it replaces, so of two machines that ask at the same time one gets it. The name of a
machine lasts as long as its data directory: a loader that was killed is followed at once by the next one there, which
finds its own name. Another machine waits until the message is gone.

The thread that renews also carries progress: the holder reports what is loaded to all other machines, and these note
it, so pages and health checks are the same everywhere.
"""

import secrets
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from trackway.domain.errors import StorageError
from trackway.journal.limits import (
    STREAM_LEASE_ASK_S,
    STREAM_LEASE_MARGIN_S,
    STREAM_LEASE_RENEW_S,
    STREAM_LEASE_S,
    STREAM_LOOK_S,
    STREAM_REQUEST_S_MAX,
    STREAM_TELL_S,
)
from trackway.journal.stream.connection import Away, Connection
from trackway.journal.stream.look import look_at_all
from trackway.journal.stream.progress import StreamsProgress
from trackway.journal.stream.streams import LEASE, Stream
from trackway.runtime.background import start_task, start_thread
from trackway.telemetry import logs

_FILE = "machine"
_log = logs.get("journal")


class Report(msgspec.Struct):
    """What the holder reports to other machines: of each stream, and whether its loader lives."""

    loaded: list[int]
    failing: list[bool]
    alive: bool


class _Message(msgspec.Struct):
    seq: int = 0
    data: str = ""


class _Reply(msgspec.Struct):
    """The answer to a publication (`seq`) or to a question for a message."""

    seq: int = 0
    message: _Message | None = None
    error: dict[str, object] | None = None


def machine_name(directory: Path) -> str:
    """The name of the machine with this journal directory: random, with the host's, so that a copy of the directory on
    another host has another name."""
    path = directory / _FILE
    try:
        if not path.exists():
            path.write_text(secrets.token_hex(8))
        return f"{socket.gethostname()}-{path.read_text()}"
    except OSError as error:
        raise StorageError(f"{path} cannot be used: {error.strerror or error}") from error


class StreamLease:
    """A `Lease` (`journal.log`), for the loader's process. It owns the progress."""

    def __init__(self, connection: Connection, streams: Sequence[Stream], progress: StreamsProgress, name: str):
        self._connection = connection
        self._streams = streams
        self._stream = streams[0]
        self._progress = progress
        self._name = name
        self._sequence = 0
        """Of the message that this process has renewed last; 0 while it has none."""
        self._until_s = 0.0
        self._logged: bool | None = None
        """Whether it is held, as the log says."""
        self._heartbeat_ms = 0
        self._closing = threading.Event()
        self._connection.post(self._listen)
        self._thread = start_thread(self._run, "journal-lease")

    @property
    def is_held(self) -> bool:
        return time.monotonic() < self._until_s

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        if self.is_held:
            self._until_s = 0.0
            self._drop()
        self._progress.close()

    def _listen(self) -> None:
        start_task(self._connection.listen(self._stream.progress_subject, self._heard), "journal-reports")

    def _run(self) -> None:
        asked_s = looked_s = float("-inf")
        fault = ""
        while not self._closing.is_set():
            now_s = time.monotonic()
            try:
                if now_s - asked_s >= (STREAM_LEASE_RENEW_S if self.is_held else STREAM_LEASE_ASK_S):
                    asked_s = now_s
                    self._ask()
                if self.is_held:
                    self._report()
                if now_s - looked_s >= STREAM_LOOK_S:
                    looked_s = now_s
                    look_at_all(self._connection, self._streams, self._progress)
                fault = ""
            except StorageError as error:
                if not fault:
                    _log.warning("the lease of the loader cannot be asked for", error=str(error))
                fault = str(error)
            self._closing.wait(STREAM_TELL_S)

    def _ask(self) -> None:
        """Take or renew the lease. Raises Away."""
        began_s = time.monotonic()
        reply = self._publish(self._sequence)
        if reply.error is not None:
            # Another machine has it, or an earlier answer was lost, or an earlier process of this machine had it.
            self._sequence = self._own_sequence()
            reply = self._publish(self._sequence) if self._sequence else reply
        if reply.error is None:
            self._sequence = reply.seq
            self._until_s = began_s + STREAM_LEASE_S - STREAM_LEASE_MARGIN_S
        else:
            self._sequence, self._until_s = 0, 0.0
        if self._logged != self.is_held:
            self._logged = self.is_held
            _log.info("this machine loads" if self.is_held else "another machine loads, this one stands by")

    def _publish(self, replaced: int) -> _Reply:
        headers = {"Nats-Expected-Last-Subject-Sequence": str(replaced), "Nats-Expected-Stream": LEASE}
        asking = self._connection.ask(self._stream.lease_subject, self._name.encode(), headers=headers)
        return self._reply(self._connection.call(asking, 2 * STREAM_REQUEST_S_MAX))

    def _own_sequence(self) -> int:
        """The sequence number of the lease if this machine has it, else 0."""
        question = msgspec.json.encode({"last_by_subj": self._stream.lease_subject})
        asking = self._connection.ask(f"$JS.API.STREAM.MSG.GET.{LEASE}", question)
        message = self._reply(self._connection.call(asking, 2 * STREAM_REQUEST_S_MAX)).message
        if message is None or msgspec.json.decode(f'"{message.data}"', type=bytes) != self._name.encode():
            return 0
        return message.seq

    def _drop(self) -> None:
        """Remove the message, so that nobody waits for its end."""
        question = msgspec.json.encode({"seq": self._sequence, "no_erase": True})
        asking = self._connection.ask(f"$JS.API.STREAM.MSG.DELETE.{LEASE}", question)
        try:
            self._connection.call(asking, STREAM_REQUEST_S_MAX)
        except Away as error:  # then it ends by itself
            _log.info("the lease could not be released", error=str(error))

    def _reply(self, content: bytes) -> _Reply:
        try:
            return msgspec.json.decode(content, type=_Reply)
        except msgspec.DecodeError as error:
            raise Away(f"the lease cannot be read: {error}") from error

    def _report(self) -> None:
        """Report to other machines how far this one is. `alive`: its loader has made progress since the last report."""
        heartbeat_ms, before = self._progress.heartbeat_ms, self._heartbeat_ms
        self._heartbeat_ms = heartbeat_ms
        partitions = self._progress.partitions
        loaded, failing = [each.loaded for each in partitions], [each.failing for each in partitions]
        report = Report(loaded, failing, heartbeat_ms > before)
        saying = self._connection.say(self._stream.progress_subject, msgspec.json.encode(report))
        self._connection.call(saying, STREAM_REQUEST_S_MAX)

    def _heard(self, message: bytes) -> None:
        """In the thread of the connection. The clock of this machine counts, since others' differ."""
        if self.is_held or self._closing.is_set():
            return
        try:
            report = msgspec.json.decode(message, type=Report)
        except msgspec.DecodeError:
            _log.warning("a report of another machine cannot be read")
            return
        for progress, loaded, failing in zip(self._progress.partitions, report.loaded, report.failing, strict=False):
            progress.loaded, progress.failing = loaded, failing
        if report.alive:
            self._progress.heartbeat_ms = time.time_ns() // 1_000_000
