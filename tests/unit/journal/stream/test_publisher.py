"""The publisher against a client of NATS that is played by the test: it answers, or not, as each test says."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest

from trackway.domain.errors import StorageError
from trackway.domain.position import position_at
from trackway.journal.stream import publisher as module
from trackway.journal.stream.connection import Connection
from trackway.journal.stream.publisher import FULL, Append, Publisher
from trackway.journal.stream.streams import Stream

STREAM = Stream("TRACKWAY_0", 2, "0123456789abcdef", 0, 1)
LONG = random.Random(1).randbytes(2_000_000)


class Sent(NamedTuple):
    subject: str
    reply: str
    headers: dict[str, str]


class Nats:
    """A client and its connection. `answer` gives the reply to a message, None for silence."""

    def __init__(self, answer: Callable[["Nats", Sent], dict[str, Any] | None]):
        self.sent: list[Sent] = []
        self.when_lost: list[Callable[[], None]] = []
        self.client: Nats | None = self
        self.answer = answer
        self.acknowledged_s = 0.0
        self.is_left = False
        self._client = self
        self._transport = SimpleNamespace(_io_writer=SimpleNamespace(transport=self))
        self._answered: Callable[[Any], Awaitable[None]] | None = None

    leave_unless_acknowledged = Connection.leave_unless_acknowledged

    def abort(self) -> None:
        """The socket of the client is closed."""
        self.is_left = True

    def new_inbox(self) -> str:
        return "_INBOX.test"

    async def subscribe(self, subject: str, cb: Callable[[Any], Awaitable[None]]) -> None:
        self._answered = cb

    async def publish(self, subject: str, payload: bytes, reply: str, headers: dict[str, str]) -> None:
        sent = Sent(subject, reply, headers)
        self.sent.append(sent)
        found = self.answer(self, sent)
        if found is not None and reply and self._answered is not None:
            status = found.pop("status", None)
            message = SimpleNamespace(
                subject=reply, headers={"Status": status} if status else None, data=json.dumps(found).encode()
            )
            await self._answered(message)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("STREAM_TRY_S_MAX", 0.05), ("STREAM_APPEND_S_MAX", 0.5), ("STREAM_AGAIN_S", 0.01)):
        monkeypatch.setattr(module, name, value)


def published(nats: Nats, *payloads: bytes) -> list[int | StorageError]:
    """The result of each payload, in the order of the payloads."""
    results: dict[str, int | StorageError] = {}

    async def run() -> None:
        done = asyncio.Event()

        def settled(append: Append, result: int | StorageError) -> None:
            results[append.id] = result
            if len(results) == len(payloads):
                done.set()

        publisher = Publisher(cast("Connection", nats), STREAM, settled)
        publisher.publish([Append(payload, str(number)) for number, payload in enumerate(payloads)])
        await asyncio.wait_for(done.wait(), 10)
        publisher.close()
        assert nats.when_lost == []

    asyncio.run(run())
    return [results[str(number)] for number in range(len(payloads))]


def ids(nats: Nats) -> list[str]:
    return [sent.headers["Nats-Msg-Id"] for sent in nats.sent]


def test_records_are_sent_in_order_to_the_subject_of_the_checked_stream() -> None:
    nats = Nats(lambda nats, _: {"stream": "TRACKWAY_0", "seq": len(nats.sent)})
    assert published(nats, b"a", b"b", b"c") == [position_at(2, number) for number in (1, 2, 3)]
    assert ids(nats) == ["0.0", "1.0", "2.0"]
    assert {sent.subject for sent in nats.sent} == {"trackway.journal.0123456789abcdef.0"}


def test_what_is_not_answered_is_sent_again_with_the_same_id() -> None:
    nats = Nats(lambda nats, _: {"seq": 7, "duplicate": True} if len(nats.sent) == 3 else None)
    assert published(nats, b"a") == [position_at(2, 7)]
    assert ids(nats) == ["0.0"] * 3
    assert len({sent.reply for sent in nats.sent}) == 3


@pytest.mark.parametrize(
    "fault",
    [{"status": "503"}, {"error": {"code": 503, "err_code": 10008, "description": "system temporarily unavailable"}}],
)
def test_without_a_leader_a_message_is_sent_again_until_its_time_is_over(fault: dict[str, Any]) -> None:
    nats = Nats(lambda *_: dict(fault))
    [result] = published(nats, b"a")
    assert isinstance(result, StorageError) and "acknowledges nothing" in str(result)
    assert len(nats.sent) > 3 and set(ids(nats)) == {"0.0"}


@pytest.mark.parametrize("payload", [b"a", LONG])
def test_a_record_that_is_in_process_is_not_taken_for_stored(payload: bytes) -> None:
    # nats-server 2.15.1 says so without a majority, see findings/nats-duplicate-in-process.sh.
    in_process = {"error": {"code": 409, "err_code": 10158, "description": "duplicate message id is in process"}}

    def answer(nats: Nats, sent: Sent) -> dict[str, Any] | None:
        if "Nats-Batch-Id" in sent.headers and "Nats-Batch-Commit" not in sent.headers:
            return None
        number_of_try = ids(nats).count("0.0")
        return None if number_of_try == 1 else dict(in_process) if number_of_try < 4 else {"seq": 9, "duplicate": True}

    nats = Nats(answer)
    assert published(nats, payload) == [position_at(2, 7 if payload is LONG else 9)]
    assert ids(nats).count("0.0") == 4


def test_silence_ends_in_an_error() -> None:
    nats = Nats(lambda *_: None)
    [result] = published(nats, b"a")
    assert isinstance(result, StorageError)


@pytest.mark.parametrize("is_cut_off", [True, False])
def test_a_server_that_acknowledges_nothing_any_more_is_left(is_cut_off: bool) -> None:
    def answer(nats: Nats, sent: Sent) -> dict[str, Any] | None:
        is_lost = sent.headers["Nats-Msg-Id"].startswith("lost")
        return None if is_lost or (is_cut_off and len(nats.sent) > 1) else {"seq": len(nats.sent)}

    nats, settled = Nats(answer), asyncio.Queue[int | StorageError]()

    async def run() -> None:
        publisher = Publisher(cast("Connection", nats), STREAM, lambda _, result: settled.put_nowait(result))
        publisher.publish([Append(b"a", "first")])
        assert await settled.get() == position_at(2, 1)
        publisher.publish([Append(b"a", "lost")])
        await asyncio.sleep(0.1)
        publisher.publish([Append(b"a", "second")])
        results = [await settled.get(), await settled.get()]
        assert len([each for each in results if isinstance(each, StorageError)]) == 1 + is_cut_off

    asyncio.run(run())
    assert nats.is_left == is_cut_off


def test_a_full_stream_refuses_at_once() -> None:
    nats = Nats(lambda *_: {"error": {"code": 503, "err_code": 10077, "description": "maximum bytes exceeded"}})
    [result] = published(nats, b"a")
    assert str(result) == FULL and len(nats.sent) == 1


def test_a_long_payload_is_one_atomic_batch_at_the_place_of_its_first_chunk() -> None:
    nats = Nats(lambda _, sent: {"seq": 12, "count": 3} if "Nats-Batch-Commit" in sent.headers else None)
    assert published(nats, LONG) == [position_at(2, 10)]
    assert [sent.headers["Nats-Batch-Sequence"] for sent in nats.sent] == ["1", "2", "3"]
    assert ids(nats) == ["0.0", "0.1", "0.2"]
    assert len({sent.headers["Nats-Batch-Id"] for sent in nats.sent}) == 1


def test_a_batch_that_is_there_already_is_found_by_its_first_message() -> None:
    # nats-server 2.15.1 refuses it, see findings/nats-repeated-batch-without-a-place.sh.

    def answer(nats: Nats, sent: Sent) -> dict[str, Any] | None:
        if "Nats-Batch-Id" not in sent.headers:
            return {"seq": 10, "duplicate": True}
        if "Nats-Batch-Commit" not in sent.headers or len(nats.sent) < 4:
            return None  # the answer to the first try was lost
        return {"error": {"code": 400, "err_code": 10201, "description": "duplicate message id"}}

    nats = Nats(answer)
    assert published(nats, LONG) == [position_at(2, 10)]
    assert ids(nats) == ["0.0", "0.1", "0.2", "0.0", "0.1", "0.2", "0.0"]
    assert len({sent.headers.get("Nats-Batch-Id") for sent in nats.sent}) == 3


def test_a_batch_whose_first_message_is_new_alone_is_not_stored() -> None:
    def answer(_: Nats, sent: Sent) -> dict[str, Any] | None:
        if "Nats-Batch-Id" not in sent.headers:
            return {"seq": 10}
        if "Nats-Batch-Commit" not in sent.headers:
            return None
        return {"error": {"code": 400, "err_code": 10201, "description": "duplicate message id"}}

    [result] = published(Nats(answer), LONG)
    assert str(result) == "the journal has a part of the record alone"


def test_a_lost_connection_fails_no_record_that_the_next_one_can_send() -> None:
    def answer(nats: Nats, sent: Sent) -> dict[str, Any] | None:
        if len(nats.sent) == 1:
            asyncio.get_running_loop().call_soon(nats.when_lost[0])
            return None
        return {"seq": 1}

    nats = Nats(answer)
    assert published(nats, b"a") == [position_at(2, 1)]
    assert ids(nats) == ["0.0", "0.0"]


def test_without_a_connection_nothing_is_sent_and_the_record_fails_in_time() -> None:
    nats = Nats(lambda *_: None)
    nats.client = None
    [result] = published(nats, b"a")
    assert isinstance(result, StorageError) and nats.sent == []


def test_a_record_whose_turn_comes_too_late_is_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STREAM_IN_FLIGHT_BYTES_MAX", 100)
    nats = Nats(lambda *_: None)
    results = published(nats, b"a" * 90, b"b" * 90)
    assert all(isinstance(result, StorageError) for result in results)
    assert set(ids(nats)) == {"0.0"}, "the second was sent although its client had its 503"
