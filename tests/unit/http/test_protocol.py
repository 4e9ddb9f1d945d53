"""The short way of a request answers as the whole HTTP server does, whatever the client sends and however it is cut."""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.http.two_way_server import LARGE, application, direct, reply_to, seen, serving
from trackway.http import server
from trackway.http.limits import HEAD_BYTES_MAX
from trackway.http.protocol import Direct, Respond

CLOSED_S_MAX = 20
QUIET_TURNS = 15


def failing(_scope: dict[str, Any], _body: bytes, _respond: Respond) -> None:
    raise RuntimeError("a programmer's error")


class Client(asyncio.Protocol):
    """Keeps what comes, also when the server resets the connection behind it."""

    def __init__(self) -> None:
        self.got = b""
        self.closed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.got += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()


async def exchange(routes: Mapping[bytes, Direct], pieces: list[bytes], *, closes: bool = False) -> bytes:
    """All the bytes that come back until the server `closes`, else until nothing more has come for a while.

    The while is a number of turns of the loop, which is the server's, too: a busy machine delays both.
    """
    async with serving(routes) as port:
        transport, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port)
        for piece in pieces:
            if not client.closed.is_set():
                transport.write(piece)
            await asyncio.sleep(0.001 if len(pieces) < 1000 else 0)
        if closes:
            await asyncio.wait_for(client.closed.wait(), CLOSED_S_MAX)
        quiet, had = 0, 0
        while quiet < QUIET_TURNS and not client.closed.is_set():
            await asyncio.sleep(0.01)
            quiet, had = (quiet + 1 if len(client.got) == had else 0), len(client.got)
        transport.close()
    return re.sub(rb"date: [^\r]*\r\n", b"", client.got)


def post(body: bytes, *more: bytes, version: bytes = b"1.1", path: bytes = b"/direct") -> bytes:
    lines = (b"POST %b HTTP/%b" % (path, version), b"host: x", b"content-length: %d" % len(body), *more)
    return b"\r\n".join((*lines, b"", body))


CHUNKED = b"POST /direct HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"

NO_HTTP = b"no http\r\n\r\n"
"""The server closes at its first byte. What a client sends after that may cost it the answer, so it is one piece."""

CASES = {
    "one": (post(b"body"), ["direct"]),
    "empty body": (post(b""), ["direct"]),
    "no length": (b"POST /direct HTTP/1.1\r\nhost: x\r\n\r\n", ["direct"]),
    "query": (post(b"body", path=b"/direct?a=b%20c"), ["direct"]),
    "chunked": (CHUNKED, ["direct"]),
    "close": (post(b"body", b"connection: close"), ["direct"]),
    "two at once": (post(b"first") + post(b"second"), ["direct", "application"]),
    "three at once": (post(b"first") + post(b"2nd", path=b"/other") + post(b"3rd"), ["direct", "application"]),
    "after the application": (post(b"1st", path=b"/other") + post(b"2nd"), ["application", "application"]),
    "largest": (post(LARGE[1:]), ["direct"]),
    "too large": (post(LARGE), ["application"]),
    "too large, then another": (post(LARGE) + post(b"small"), ["application", "application"]),
    "old version": (post(b"body", version=b"1.0"), ["application"]),
    "expect": (post(b"body", b"expect: 100-continue"), ["application"]),
    "upgrade": (post(b"body", b"connection: upgrade", b"upgrade: websocket"), ["direct"]),
    "get": (b"GET /direct HTTP/1.1\r\nhost: x\r\n\r\n", ["application"]),
    "other path": (post(b"body", path=b"/direct/more"), ["application"]),
    "escaped path": (post(b"body", path=b"/dir%65ct"), ["application"]),
    "no http": (post(b"body") + NO_HTTP, ["direct"]),
}


def cut_up(text: bytes) -> list[bytes]:
    if len(text) >= 1000:
        return [text[:50], text[50:]]
    readable = text.removesuffix(NO_HTTP)
    return [readable[at : at + 1] for at in range(len(readable))] + [NO_HTTP] * (readable != text)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("cut", ["whole", "in pieces"])
def test_short_way_answers_as_the_application_does(case: str, cut: str) -> None:
    text, ways = CASES[case]
    pieces = [text] if cut == "whole" else cut_up(text)
    expected = asyncio.run(exchange({}, pieces))
    seen.clear()
    answered = asyncio.run(exchange({b"/direct": direct}, pieces))
    assert answered == expected
    if cut == "whole":
        assert answered.startswith(b"HTTP/1.1 ")
        assert seen[: len(ways)] == ways


def test_requests_sent_at_once_all_hear_that_the_client_has_gone() -> None:
    """Else each writes to a closed connection, which fails, and is logged."""
    failures: list[Exception] = []

    async def answering_late(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        except Exception as error:
            failures.append(error)
        gone.set()

    async def leave() -> None:
        async with serving({}, app=answering_late) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(post(b"1st", path=b"/other") + post(b"2nd", path=b"/other"))
            await asyncio.sleep(0.1)
            writer.transport.abort()
            await asyncio.wait_for(gone.wait(), 5)

    gone = asyncio.Event()
    asyncio.run(leave())
    assert failures == []


def test_requests_one_after_the_other_all_go_the_short_way() -> None:
    async def three() -> list[bytes]:
        async with serving({b"/direct": direct}) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            answers = []
            for body in (b"first", b"second", b"third"):
                writer.write(post(body))
                await reader.readuntil(b"\r\n\r\n")
                answers.append(await reader.readexactly(len(reply_to("POST", "/direct", body))))
            writer.close()
            return answers

    seen.clear()
    assert [answer.split()[2] for answer in asyncio.run(three())] == [b"first", b"second", b"third"]
    assert seen == ["direct"] * 3


OVER = HEAD_BYTES_MAX + 100
HEADS = {
    "one long line": b"POST /direct HTTP/1.1\r\nhost: x\r\nx-long: " + b"a" * OVER + b"\r\ncontent-length: 0\r\n\r\n",
    "many short lines": b"POST /direct HTTP/1.1\r\nhost: x\r\n" + b"x-a: b\r\n" * (OVER // 8 + 1) + b"\r\n",
    "long target": b"POST /direct?" + b"a" * OVER + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    "with a body": b"POST /direct HTTP/1.1\r\nx-long: " + b"a" * OVER + b"\r\ncontent-length: 4\r\n\r\nbody",
    "with an offer": b"POST /direct HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\nx-long: "
    + b"a" * OVER
    + b"\r\n\r\n",
    "for the application": b"GET /other HTTP/1.1\r\nhost: x\r\nx-long: " + b"a" * OVER + b"\r\n\r\n",
}
BEFORE = {"alone": b"", "behind a direct one": post(b"1st"), "behind two": 2 * post(b"1st", path=b"/other")}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("piece_bytes", [1 << 20, 4096], ids=["whole", "pieces"])
def test_a_head_over_the_bound_is_a_431_behind_the_replies_before_it(head: str, before: str, piece_bytes: int) -> None:
    sent = BEFORE[before] + HEADS[head] + post(b"never read")
    pieces = [sent[at : at + piece_bytes] for at in range(0, len(sent), piece_bytes)]
    seen.clear()
    answered = asyncio.run(exchange({b"/direct": direct}, pieces, closes=True))
    replies = BEFORE[before].count(b"POST")
    statuses = re.findall(rb"HTTP/1.1 (\d+)", answered)
    assert statuses == [b"200"] * replies + [b"431"]
    assert len(seen) == replies


@pytest.mark.parametrize("before", BEFORE)
def test_a_target_that_cannot_be_read_is_a_400_behind_the_replies_before_it(before: str) -> None:
    """The parser takes a target of the head's length, and fails at more than 65 535 bytes only as it takes it apart."""
    sent = BEFORE[before] + b"GET /other?" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n" + post(b"never read")
    answered = asyncio.run(exchange({b"/direct": direct}, [sent], closes=True))
    assert re.findall(rb"HTTP/1.1 (\d+)", answered) == [b"200"] * BEFORE[before].count(b"POST") + [b"400"]


@pytest.mark.parametrize("piece_bytes", [1 << 20, 4096], ids=["whole", "pieces"])
def test_a_head_within_the_bound_is_taken_however_much_comes_with_it(piece_bytes: int) -> None:
    long = b"POST /direct HTTP/1.1\r\nx-long: " + b"a" * (HEAD_BYTES_MAX - 200) + b"\r\ncontent-length: 200000\r\n\r\n"
    sent = 2 * (long + b"x" * 200_000)
    answered = asyncio.run(
        exchange({b"/direct": direct}, [sent[at : at + piece_bytes] for at in range(0, len(sent), piece_bytes)])
    )
    assert re.findall(rb"HTTP/1.1 (\d+)", answered) == [b"200", b"200"]


FIELDS_BEHIND = {"one long line": b"x-long: " + b"a" * OVER, "many short lines": b"x-a: b\r\n" * (OVER // 8 + 1)}


@pytest.mark.parametrize("path", [b"/direct", b"/other"])
@pytest.mark.parametrize("fields", FIELDS_BEHIND)
def test_fields_behind_a_body_have_the_same_bound(path: bytes, fields: str) -> None:
    begin = b"POST %b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n" % path
    text = FIELDS_BEHIND[fields]
    pieces = [begin, *(text[at : at + 4096] for at in range(0, len(text), 4096))]
    answered = asyncio.run(exchange({b"/direct": direct}, pieces, closes=True))
    assert answered.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("path", [b"/direct", b"/other"])
def test_a_connection_on_which_nothing_follows_is_closed_in_time(path: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STALLED_LOOK_S", 0.05)

    async def kept_open_s() -> float:
        async with serving({b"/direct": direct}, keep_alive_s=1) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            began_s = time.monotonic()
            for _ in range(3):  # each request keeps it open for another second
                writer.write(post(b"body", path=path))
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(len(reply_to("POST", path.decode(), b"body")))
                await asyncio.sleep(0.6)
            await asyncio.wait_for(reader.read(), 20)
            writer.close()
            return time.monotonic() - began_s

    assert asyncio.run(kept_open_s()) > 2.2


def test_a_connection_is_not_idle_while_the_next_request_comes_in_or_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "STALLED_LOOK_S", 0.05)

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/slow":
            await asyncio.sleep(2)
        await application(scope, receive, send)

    async def answered() -> bytes:
        async with serving({b"/direct": direct}, keep_alive_s=1, app=slow) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            next_one = post(b"body", path=b"/slow")
            writer.write(post(b"body") + next_one[:10])
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            await reader.readexactly(len(reply_to("POST", "/direct", b"body")))
            await asyncio.sleep(1.2)
            writer.write(next_one[10:])
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            writer.close()
            return head

    assert asyncio.run(answered()).startswith(b"HTTP/1.1 200")


def test_a_connection_that_says_nothing_is_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STALLED_LOOK_S", 0.05)

    async def closed(sent: bytes, replied: bytes) -> None:
        async with serving({b"/direct": direct}, keep_alive_s=1) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            await asyncio.sleep(0.1)
            writer.write(b"\r\n")
            assert (await asyncio.wait_for(reader.read(), 20)).startswith(replied)
            writer.close()

    asyncio.run(closed(b"", b""))
    asyncio.run(closed(post(b"body", path=b"/other"), b"HTTP/1.1 200"))


def test_a_handler_that_fails_is_a_500_and_the_end_of_the_connection() -> None:
    answered = asyncio.run(exchange({b"/direct": failing}, [post(b"body")]))
    assert answered.startswith(b"HTTP/1.1 500 ")
    assert b"connection: close" in answered


@pytest.mark.parametrize("sent", [post(b"body"), post(b"first") + post(b"second")], ids=["one", "two at once"])
def test_an_answer_to_a_client_that_has_gone_is_dropped(sent: bytes) -> None:
    answers: list[Respond] = []

    async def gone() -> None:
        async with serving({b"/direct": lambda _scope, _body, respond: answers.append(respond)}) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            while not answers:
                await asyncio.sleep(0.01)
            writer.transport.abort()
            await asyncio.sleep(0.05)
            answers[0](200, b"content-length: 1\r\n", b"1")

    asyncio.run(gone())
