"""Messages between the machines that share a stream, by NATS itself: no stream keeps them."""

from collections.abc import Callable

from trackway.domain.errors import StorageError
from trackway.journal.stream.connection import Connection
from trackway.journal.stream.streams import Stream
from trackway.runtime.background import start_task


class StreamMachines:
    """The `Machines` (`journal.log`) of one stream."""

    def __init__(self, connection: Connection, stream: Stream, name: str):
        self._connection = connection
        self._stream = stream
        self.name = name

    def send(self, topic: str, message: bytes) -> None:
        self._connection.post(self._send, self._stream.machines_subject(topic), message)

    def listen(self, topic: str, heard: Callable[[bytes], None]) -> None:
        self._connection.post(self._listen, self._stream.machines_subject(topic), heard)

    def _send(self, subject: str, message: bytes) -> None:
        if self._connection.client is not None:  # else nobody would hear it in time
            start_task(self._say(subject, message), "journal-machines")

    def _listen(self, subject: str, heard: Callable[[bytes], None]) -> None:
        start_task(self._connection.listen(subject, heard), "journal-machines")

    async def _say(self, subject: str, message: bytes) -> None:
        try:
            await self._connection.say(subject, message)
        except StorageError:
            return  # it will be reported again
