"""A batch of which some records are wrong, against a server that refuses as the real ones do."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from trackway.domain.errors import StateError
from trackway.domain.line_ids import with_insert_id
from trackway.transfer.batch_sending import Target, send_batch
from trackway.transfer.batches import Batch, Lines, Sendable
from trackway.transfer.connection import NO_PARAMETERS, Answer

TARGET = Target("/import", {"strict": "1"}, packed=False, with_ids=True)


def is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


class Server:
    """Takes at most some bytes, refuses broken JSON whole, and rejects a record named `bad`."""

    def __init__(self, bytes_max: int = 1 << 30):
        self.bytes_max = bytes_max
        self.taken: list[bytes] = []
        self.asked = 0
        self.heads: list[dict[str, str]] = []

    def ask(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] = NO_PARAMETERS,
        body: bytes | None = None,
        headers: Mapping[str, str] = NO_PARAMETERS,
    ) -> Answer:
        assert body and (method, path) == ("POST", "/import")
        if len(body) > self.bytes_max:
            return self._refusal(413, "too large")
        self.asked += 1
        if headers["Content-Type"] == "application/json":
            try:
                records = [orjson.dumps(each) for each in orjson.loads(body)]
            except orjson.JSONDecodeError:
                return self._refusal(400, "data, broken at byte 7")
        else:
            records = [each for each in body.split(b"\n") if each.strip()]
            if any(not is_json(each) for each in records):
                return self._refusal(400, "data, broken at byte 7")
        failed = [
            {"index": index, "field": "event", "message": "bad"} for index, each in enumerate(records) if b"bad" in each
        ]
        self.heads.append(dict(headers))
        self.taken += [each for each in records if b"bad" not in each]
        document: dict[str, Any] = {"num_records_imported": len(records) - len(failed)}
        status = 400 if failed else 200
        return Answer(status, orjson.dumps(document | ({"failed_records": failed} if failed else {})), None)

    def _refusal(self, status: int, error: str) -> Answer:
        return Answer(status, orjson.dumps({"code": status, "error": error}), None)


def batch(*texts: bytes) -> Batch:
    return Batch("a", len(texts), [Sendable(number, text, text) for number, text in enumerate(texts, 1)], [])


def test_each_record_is_imported_or_rejected_with_its_number() -> None:
    server = Server()
    sent = send_batch(server, TARGET, batch(b"{}", b"!", b'{"bad":1}', b"[]", b"!"))  # type: ignore[arg-type]
    assert sent.imported == 2 and server.taken == [b"{}", b"[]"]
    assert [(each.number, each.reason) for each in sent.rejected] == [(2, "no JSON"), (3, "bad"), (5, "no JSON")]


def test_a_batch_that_is_too_large_is_sent_in_parts() -> None:
    server = Server(bytes_max=20)
    texts = [b'{"n":%d}' % number for number in range(9)]
    sent = send_batch(server, TARGET, batch(*texts, b'{"n":"%b"}' % (b"x" * 30)))  # type: ignore[arg-type]
    assert sent.imported == 9 and sorted(server.taken) == texts
    assert [(each.number, each.reason) for each in sent.rejected] == [(10, "too large")]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(401, b'{"error":"Invalid credentials"}', None), "401 Invalid credentials"),
        (Answer(200, b'{"num_records_imported":1}', None), "counted 1 of 2"),
        (Answer(200, b"1", None), "counted None of 2"),
    ],
)
def test_a_server_that_answers_otherwise_ends_the_import(answer: Answer, reason: str) -> None:
    class Other(Server):
        def ask(self, *_: Any, **__: Any) -> Answer:
            return answer

    with pytest.raises(StateError, match=reason):
        send_batch(Other(), TARGET, batch(b"{}", b"{}"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("texts", "rejected"),
    [
        ([b'{"event":"a"},{"event":"b"}', b'{"event":"c"}'], [1]),
        ([b'{"event":"a"},{}', b'{"event":"c"}'], [1]),
        ([b'{"event":[1', b"2]}", b'{"event":"c"}'], [1, 2]),
    ],
)
def test_a_line_that_is_not_one_value_is_rejected_and_shifts_no_other(texts: list[bytes], rejected: list[int]) -> None:
    server = Server()
    sent = send_batch(server, TARGET, batch(*texts))  # type: ignore[arg-type]
    assert [each.number for each in sent.rejected] == rejected
    assert sent.imported == 1 and server.taken[-1] == b'{"event":"c"}'


def test_good_records_take_one_request() -> None:
    server = Server()
    assert send_batch(server, TARGET, batch(*[b'{"event":"a"}'] * 10)).imported == 10  # type: ignore[arg-type]
    assert server.asked == 1


def lines(*texts: bytes) -> Batch:
    return Batch("a b.ndjson", 6 + len(texts), Lines(7, len(texts), b"\n".join(texts)), [])


WITH_ID = b'{"event":"a","properties":{"$insert_id":"i"}}'
WITHOUT = b'{"event":"a","properties":{"n":1}}'
OPERATOR = TARGET._replace(by_operator=True)


def test_lines_with_ids_are_sent_by_one_request_as_they_are() -> None:
    server = Server()
    assert send_batch(server, TARGET, lines(WITH_ID, WITH_ID + b"\r")).imported == 2  # type: ignore[arg-type]
    assert server.taken == [WITH_ID, WITH_ID + b"\r"] and "x-trackway-lines" not in server.heads[0]


def test_the_server_gives_ids_to_lines_of_its_operator_and_no_other_does() -> None:
    server = Server()
    assert send_batch(server, OPERATOR, lines(WITHOUT, WITH_ID)).imported == 2  # type: ignore[arg-type]
    assert server.taken == [WITHOUT, WITH_ID] and server.heads[0]["x-trackway-lines"] == "7 a%20b.ndjson"
    having = Server()
    assert send_batch(having, OPERATOR, lines(WITH_ID, WITH_ID)).imported == 2  # type: ignore[arg-type]
    assert having.asked == 1 and having.heads[0] == server.heads[0], "only the server looks for ids"
    other = Server()
    assert send_batch(other, TARGET, lines(WITHOUT, WITH_ID)).imported == 2  # type: ignore[arg-type]
    assert other.taken == [with_insert_id(WITHOUT, "a b.ndjson", 7), WITH_ID]
    assert all("x-trackway-lines" not in head for head in other.heads)


@pytest.mark.parametrize("target", [TARGET, OPERATOR])
def test_of_lines_that_are_not_all_taken_each_is_imported_or_rejected_with_its_number(target: Target) -> None:
    server = Server(bytes_max=300)
    texts = [WITH_ID, b"", b"!", b'{"bad":"$insert_id"}', b" ", b"x" * 400, *[WITH_ID] * 9]
    sent = send_batch(server, target, lines(*texts))  # type: ignore[arg-type]
    assert sent.imported == 10 and server.taken == [WITH_ID] * 10
    assert [(each.number, each.text[:20]) for each in sent.rejected] == [
        (9, b"!"),
        (10, b'{"bad":"$insert_id"}'),
        (12, b"x" * 20),
    ]


def test_blank_lines_are_no_records() -> None:
    server = Server()
    found = send_batch(server, OPERATOR, lines(WITHOUT, b"", b'{"bad":1}', b" ", WITHOUT))  # type: ignore[arg-type]
    assert found.imported == 2 and [each.number for each in found.rejected] == [9]
    assert send_batch(Server(), OPERATOR, lines(b"", b" ")) == (0, [])  # type: ignore[arg-type]


def test_a_server_that_counts_other_lines_ends_the_import() -> None:
    class Other(Server):
        def ask(self, *_: Any, **__: Any) -> Answer:
            return Answer(200, b'{"num_records_imported":1}', None)

    with pytest.raises(StateError, match="counted 1 of 2"):
        send_batch(Other(), OPERATOR, lines(WITHOUT, b"", WITHOUT))  # type: ignore[arg-type]
