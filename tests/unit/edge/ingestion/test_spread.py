"""One appender over several partitions: who waits for which, and what a refusal of one means."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import PROBE, VERSION, Entry, decode_entries, encode_entries
from trackway.domain.errors import StorageError
from trackway.edge.ingestion.spread import Spread
from trackway.journal.log import Done


class FakeAppender:
    """Keeps what is submitted until a test settles it."""

    def __init__(self) -> None:
        self.refusal = ""
        self.sent: list[tuple[bytes, Done]] = []
        self.pending_bytes = 5
        self.is_closed = False

    def submit(self, payload: bytes, done: Done) -> None:
        if self.refusal:
            done(StorageError(self.refusal))
        else:
            self.sent.append((payload, done))

    def settle(self, result: int | Exception) -> None:
        self.sent.pop(0)[1](result)

    def check(self) -> None:
        if self.refusal:
            raise StorageError(self.refusal)

    async def close(self) -> None:
        self.is_closed = True


Act = Callable[[Spread, list[FakeAppender], list[int | Exception]], Coroutine[Any, Any, None]]


def run(act: Act) -> None:
    async def main() -> None:
        appenders = [FakeAppender() for _ in range(3)]
        await act(Spread(appenders), appenders, [])  # type: ignore[arg-type]  # what of the protocol is used

    asyncio.run(main())


def payload(*project_ids: int) -> bytes:
    return encode_entries([Entry(VERSION, each, 1, Endpoint.TRACK, ignored=1) for each in project_ids])


def test_a_record_of_one_project_goes_to_its_partition() -> None:
    async def act(spread: Spread, appenders: list[FakeAppender], results: list[int | Exception]) -> None:
        future = spread.append(payload(4))
        assert [len(each.sent) for each in appenders] == [0, 1, 0] and appenders[1].sent[0][0] == payload(4)
        appenders[1].settle(77)
        assert await future == 77

    run(act)


def test_a_record_of_several_partitions_is_durable_when_all_are() -> None:
    async def act(spread: Spread, appenders: list[FakeAppender], results: list[int | Exception]) -> None:
        spread.submit(payload(4, 2, 7), results.append)
        assert [[each.project_id for each in decode_entries(sent[0][0])] for sent in (appenders[1].sent,)] == [[4, 7]]
        appenders[2].settle(5)
        assert results == []
        appenders[1].settle(9)
        assert results == [9]

    run(act)


def test_one_partition_that_fails_makes_the_whole_not_durable_once() -> None:
    async def act(spread: Spread, appenders: list[FakeAppender], results: list[int | Exception]) -> None:
        spread.submit(payload(1, 2, 3), results.append)
        appenders[0].settle(StorageError("full"))
        appenders[1].settle(4)
        assert results == []
        appenders[2].settle(StorageError("away"))
        assert [str(each) for each in results] == ["full"]

    run(act)


def test_nothing_is_sent_while_a_partition_concerned_refuses() -> None:
    async def act(spread: Spread, appenders: list[FakeAppender], results: list[int | Exception]) -> None:
        appenders[2].refusal = "away"
        spread.submit(payload(1, 2), results.append)
        assert [str(each) for each in results] == ["away"] and not appenders[1].sent
        spread.check()  # others may be accepted
        spread.submit(payload(1), results.append)
        assert len(appenders[1].sent) == 1
        for each in appenders:
            each.refusal = "away"
        with pytest.raises(StorageError, match="away"):
            spread.check()

    run(act)


def test_a_probe_succeeds_while_any_partition_takes_it() -> None:
    async def act(spread: Spread, appenders: list[FakeAppender], results: list[int | Exception]) -> None:
        spread.submit(PROBE, results.append)
        appenders[0].settle(StorageError("away"))
        assert results == []
        appenders[1].settle(3)
        assert results == [3]
        appenders[2].settle(StorageError("away"))
        assert results == [3]
        spread.submit(PROBE, results.append)
        for each in appenders:
            each.settle(StorageError("away"))
        assert str(results[1]) == "away" and len(results) == 2

    run(act)


def test_a_callback_waits_until_any_partition_is_free() -> None:
    async def act(spread: Spread, appenders: list[FakeAppender], results: list[int | Exception]) -> None:
        called: list[str] = []
        spread.call_when_free(lambda: called.append("at once"))
        spread.submit(payload(1, 2, 3), results.append)
        spread.call_when_free(lambda: called.append("later"))
        assert called == ["at once"]
        appenders[1].settle(3)
        assert called == ["at once", "later"] and results == []

    run(act)


def test_it_counts_and_closes_all() -> None:
    async def act(spread: Spread, appenders: list[FakeAppender], results: list[int | Exception]) -> None:
        assert spread.pending_bytes == 15
        await spread.close()
        assert all(each.is_closed for each in appenders)

    run(act)
