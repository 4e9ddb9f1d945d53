"""One appender over all partitions of a journal: each entry goes to the partition of its project.

A payload of one project is one record. A payload of projects of several partitions is a record in each, and is durable
when all of them are. If one of them fails, the request is answered as not durable, and what the others hold is stored,
as after a lost reply: an event that is sent again is recognised, and an `$add` counts twice. So nothing is sent to any
partition while one of those concerned refuses.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from trackway.domain.entry import split_payload
from trackway.domain.errors import StorageError
from trackway.journal.log import Appender, Done


class Spread:
    """An `Appender` (`journal.log`). `appenders`: one of each partition, which it owns."""

    def __init__(self, appenders: Sequence[Appender]):
        self._appenders = appenders
        self._in_flight = [0] * len(appenders)
        self._free: list[Callable[[], None]] = []
        self._loop = asyncio.get_running_loop()

    @property
    def pending_bytes(self) -> int:
        return sum(each.pending_bytes for each in self._appenders)

    def append(self, payload: bytes) -> "asyncio.Future[int]":
        future = self._loop.create_future()
        self.submit(payload, partial(_settle, future))
        return future

    def submit(self, payload: bytes, done: Done) -> None:
        payloads = split_payload(payload, len(self._appenders))
        if not payloads:
            self._probe(payload, done)
            return
        if len(payloads) > 1:
            try:
                for partition in payloads:
                    self._appenders[partition].check()
            except StorageError as error:
                done(error)
                return
        waiting = _Waiting(len(payloads), done, all_must=True)
        for partition, part in payloads.items():
            self._submit(partition, part, waiting.settled)

    def check(self) -> None:
        """Refuse only where every partition does: whose the records are is not known yet."""
        refusals: list[StorageError] = []
        for each in self._appenders:
            try:
                each.check()
            except StorageError as error:
                refusals.append(error)
            else:
                return
        raise refusals[0]

    def call_when_free(self, callback: Callable[[], None]) -> None:
        """Call as soon as any partition is free, so that one that hangs keeps the records of no other waiting."""
        if all(self._in_flight):
            self._free.append(callback)
        else:
            callback()

    async def close(self) -> None:
        await asyncio.gather(*(each.close() for each in self._appenders))

    def _probe(self, payload: bytes, done: Done) -> None:
        """A payload without entries asks whether records can be made durable: for some projects, if for any."""
        waiting = _Waiting(len(self._appenders), done, all_must=False)
        for partition in range(len(self._appenders)):
            self._submit(partition, payload, waiting.settled)

    def _submit(self, partition: int, payload: bytes, done: Done) -> None:
        self._in_flight[partition] += 1
        self._appenders[partition].submit(payload, partial(self._settled, partition, done))

    def _settled(self, partition: int, done: Done, result: int | Exception) -> None:
        self._in_flight[partition] -= 1
        try:
            if not self._in_flight[partition]:
                free, self._free = self._free, []
                for callback in free:
                    callback()
        finally:
            done(result)


class _Waiting:
    """Records that are appended together. `all_must`: whether each of them must be durable, or any."""

    def __init__(self, number: int, done: Done, *, all_must: bool):
        self._left = number
        self._done: Done | None = done
        self._all_must = all_must
        self._failure: Exception | None = None
        self._position = 0

    def settled(self, result: int | Exception) -> None:
        self._left -= 1
        if isinstance(result, Exception):
            self._failure = self._failure or result
        else:
            self._position = max(self._position, result)
        if self._done is None or (self._left and (self._all_must or isinstance(result, Exception))):
            return
        failed = self._failure is not None and (self._all_must or not self._position)
        done, self._done = self._done, None
        done(self._failure if failed and self._failure is not None else self._position)


def _settle(future: "asyncio.Future[int]", result: int | Exception) -> None:
    if future.done():
        return  # the waiting request was cancelled
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
