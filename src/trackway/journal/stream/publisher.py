"""Publishes records: each is sent until it is acknowledged by a quorum, or until its time is over.

NATS acknowledges a message when a majority of the stream's servers have it on their disks. A message that gets no
answer is sent again with the same id, and the stream keeps it once. A server that is cut off from the others answers
pings and acknowledges nothing: it is left when a record's time is over and nothing else was acknowledged meanwhile. A
payload of several chunks is an atomic batch: all of it is kept, or nothing. Records of one process are sent in order,
several at once; what is not answered has no promised order.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from trackway.domain.errors import StorageError
from trackway.domain.position import position_at
from trackway.journal.limits import (
    STREAM_AGAIN_S,
    STREAM_APPEND_S_MAX,
    STREAM_IN_FLIGHT_BYTES_MAX,
    STREAM_PACKED_ASIDE_FROM_BYTES,
    STREAM_TRY_S_MAX,
)
from trackway.journal.stream.chunks import Unreadable, split
from trackway.journal.stream.connection import LOST, NO_RESPONDERS, Connection
from trackway.journal.stream.streams import Stream
from trackway.runtime.background import start_task

from nats.aio.client import Client  # isort: skip
from nats.aio.msg import Msg  # isort: skip

_FULL: Final = frozenset({10023, 10047, 10077})
"""The stream has reached its bound, or its servers have no room."""
_DUPLICATE_IN_BATCH: Final = 10201
FULL: Final = "the journal is full"
Settled = Callable[["Append", int | StorageError], None]


class Unanswered(StorageError):
    """The record was not acknowledged in its time: it may be stored or not."""


class _Again(Exception):
    """This try has failed; the record may be stored or not."""


class _Ack(msgspec.Struct):
    """The answer to a message or a batch. `seq`: of the batch's last message. `duplicate`: it was stored before."""

    seq: int = 0
    count: int = 0
    duplicate: bool = False
    error: "_AckError | None" = None


class _AckError(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class Append:
    """One record on its way. `began_s` and `until_s` are of the monotonic clock."""

    __slots__ = ("began_s", "chunks", "id", "payload", "size", "until_s")

    def __init__(self, payload: bytes, id: str):
        self.payload = payload
        self.id = id
        self.size = len(payload)
        self.chunks: list[bytes] = []
        self.began_s = time.monotonic()
        self.until_s = self.began_s + STREAM_APPEND_S_MAX


class Publisher:
    """All in the thread of the connection. `settled` is called once for each record, with its position or the reason
    why it is not known to be durable."""

    def __init__(self, connection: Connection, stream: Stream, settled: Settled):
        self._connection = connection
        self._stream = stream
        self._settled = settled
        self._queue: deque[Append] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._in_flight_bytes = 0
        self._client: Client | None = None
        self._inbox = ""
        self._tries = 0
        self._answers: dict[str, asyncio.Future[_Ack]] = {}
        connection.when_lost.append(self._lose)

    def publish(self, appends: list[Append]) -> None:
        """Publish these after all earlier ones."""
        self._queue.extend(appends)
        if self._sender is None:
            self._sender = start_task(self._send(), "journal-publisher")

    def close(self) -> None:
        """Nothing is in progress any more."""
        self._connection.when_lost.remove(self._lose)

    async def _send(self) -> None:
        """Send what is queued for the first time, in order."""
        while self._queue:
            append = self._queue.popleft()
            try:
                append.chunks = await _split(append.payload)
            except Unreadable as error:
                self._settled(append, StorageError(str(error)))
                continue
            size = sum(map(len, append.chunks))
            while self._in_flight_bytes and self._in_flight_bytes + size > STREAM_IN_FLIGHT_BYTES_MAX:
                self._room.clear()
                await self._room.wait()
            if time.monotonic() >= append.until_s:  # it was never sent, so it will not be there
                self._settled(append, Unanswered("the journal acknowledges nothing: others wait before"))
                continue
            self._in_flight_bytes += size
            answer = await self._try(append)
            start_task(self._finish(append, size, answer), "journal-append")
        self._sender = None

    async def _finish(self, append: Append, size: int, answer: "asyncio.Future[_Ack] | _Again") -> None:
        result: int | StorageError
        try:
            result = await self._acknowledged(append, answer)
        except StorageError as error:
            result = error
        self._in_flight_bytes -= size
        self._room.set()
        self._settled(append, result)

    async def _acknowledged(self, append: Append, answer: "asyncio.Future[_Ack] | _Again") -> int:
        """The position of the record. Sends it again until it is acknowledged. Raises StorageError."""
        tried_s = STREAM_TRY_S_MAX
        while True:
            fault = "it does not answer"
            try:
                ack = await self._answer(append, answer, tried_s)
                return self._position(append, ack)
            except TimeoutError:
                tried_s *= 2
            except _Again as error:
                fault = str(error)
                await asyncio.sleep(min(STREAM_AGAIN_S, max(append.until_s - time.monotonic(), 0)))
            if time.monotonic() >= append.until_s:
                self._connection.leave_unless_acknowledged(append.began_s)
                raise Unanswered(f"the journal acknowledges nothing: {fault}")
            answer = await self._try(append)

    async def _answer(self, append: Append, answer: "asyncio.Future[_Ack] | _Again", wait_s: float) -> _Ack:
        if isinstance(answer, _Again):
            raise answer
        ack = await asyncio.wait_for(answer, max(min(wait_s, append.until_s - time.monotonic()), 0.001))
        if ack.error is None:
            return ack
        if ack.error.err_code in _FULL:
            raise StorageError(FULL)
        if ack.error.err_code == _DUPLICATE_IN_BATCH:
            return await self._stored_before(append, wait_s)
        raise _Again(ack.error.description or str(ack.error.err_code))

    async def _stored_before(self, append: Append, wait_s: float) -> _Ack:
        """A batch is refused whose messages are stored: an earlier try was. Its first message alone is answered with
        the place that it has, and not stored again."""
        answer = await self._write([append.chunks[0]], append.id)
        if isinstance(answer, _Again):
            raise answer
        first = await asyncio.wait_for(answer, wait_s)
        if first.error is not None:
            raise _Again(first.error.description)
        if not first.duplicate:  # the batch was not stored, and now its first message is, alone: readers leave it out
            raise StorageError("the journal has a part of the record alone")
        return _Ack(first.seq + len(append.chunks) - 1, len(append.chunks))

    def _position(self, append: Append, ack: _Ack) -> int:
        return position_at(self._stream.generation, ack.seq - len(append.chunks) + 1)

    async def _try(self, append: Append) -> "asyncio.Future[_Ack] | _Again":
        return await self._write(append.chunks, append.id)

    async def _write(self, messages: list[bytes], id: str) -> "asyncio.Future[_Ack] | _Again":
        """Send the messages once: the answer that will come, or why they could not be sent."""
        self._tries += 1
        token = str(self._tries)
        try:
            client = await self._ready_client()
            answer = self._answers[token] = asyncio.get_running_loop().create_future()
            answer.add_done_callback(lambda _: self._answers.pop(token, None))
            batch = f"{id}.{token}" if len(messages) > 1 else ""
            for index, message in enumerate(messages):
                is_last = index == len(messages) - 1
                # The first of a batch is answered too, with nothing: or with the reason why there is no batch.
                reply = f"{self._inbox}.{token}" if index == 0 or is_last else ""
                await client.publish(
                    self._stream.subject, message, reply=reply, headers=self._headers(id, batch, index, is_last)
                )
        except LOST as error:
            self._answers.pop(token, None)  # nobody waits for it
            return _Again(str(error) or type(error).__name__)
        except _Again as error:
            return error
        return answer

    def _headers(self, id: str, batch: str, index: int, is_last: bool) -> dict[str, str]:
        headers = {"Nats-Msg-Id": f"{id}.{index}", "Nats-Expected-Stream": self._stream.name}
        if batch:
            headers |= {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(index + 1)}
            if is_last:
                headers["Nats-Batch-Commit"] = "1"
        return headers

    async def _ready_client(self) -> Client:
        """The client, with a subscription to the answers. Raises _Again while there is none."""
        client = self._connection.client
        if client is None:
            raise _Again("it cannot be reached")
        if client is not self._client:
            self._inbox = client.new_inbox()
            await client.subscribe(f"{self._inbox}.*", cb=self._answered)
            self._client = client
        return client

    async def _answered(self, reply: Msg) -> None:
        answer = self._answers.get(reply.subject.rpartition(".")[2])
        if answer is None or answer.done():
            return  # of a try that was given up
        if reply.headers and reply.headers.get("Status") == NO_RESPONDERS:
            answer.set_exception(_Again("it has no leader"))
        elif reply.data:
            try:
                ack = msgspec.json.decode(reply.data, type=_Ack)
            except msgspec.DecodeError as error:
                answer.set_exception(_Again(f"its answer cannot be read: {error}"))
                return
            answer.set_result(ack)
            if ack.error is None:
                self._connection.acknowledged_s = time.monotonic()

    def _lose(self) -> None:
        """The connection is lost: nothing that was sent on it is answered any more."""
        self._client = None
        for answer in list(self._answers.values()):
            if not answer.done():
                answer.set_exception(_Again("the connection is lost"))


async def _split(payload: bytes) -> list[bytes]:
    """Large payloads are compressed in another thread, since the connection has others to serve."""
    if len(payload) < STREAM_PACKED_ASIDE_FROM_BYTES:
        return split(payload)
    return await asyncio.to_thread(split, payload)


def new_name() -> str:
    """A random name for an appender. Ids of its messages begin with it."""
    return secrets.token_hex(8)
