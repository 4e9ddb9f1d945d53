"""An offer to go on in another protocol changes nothing: neither the answer, nor where the next request begins."""

import asyncio
import re
from typing import Any

import pytest

from tests.support.http.two_way_server import LARGE, application, direct, seen, serving
from trackway.edge.app import fixed

H2C = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")
OFFERS = {
    "h2c": H2C,
    "websocket": (b"Upgrade: websocket", b"connection: keep-alive, UPGRADE", b"Sec-WebSocket-Key: AAAA"),
    "several": (b"connection: upgrade", b"upgrade: TLS/1.0, foo/2", b"UPGRADE:h2c", b"Upgrade:"),
}
REQUEST_IN_BODY = b"POST /other HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def _with(request: bytes, lines: tuple[bytes, ...]) -> bytes:
    """The request with further lines behind the first of its head."""
    first, rest = request.split(b"\r\n", 1)
    return b"\r\n".join((first, *lines, rest))


def _post(body: bytes, more: bytes = b"", path: bytes = b"/direct", version: bytes = b"1.1") -> bytes:
    head = b"POST %b HTTP/%b\r\nhost: x\r\n%bcontent-length: %d\r\n\r\n"
    return head % (path, version, more, len(body)) + body


CHUNKED = b"POST /direct HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
REQUESTS = {
    "body": _post(b"body"),
    "body that reads as a request": _post(REQUEST_IN_BODY),
    "chunks": CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(REQUEST_IN_BODY), REQUEST_IN_BODY),
    "chunks and a trailer": CHUNKED + b"3\r\nabc\r\n0\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    "no body": b"GET /direct HTTP/1.1\r\nhost: x\r\n\r\n",
    "get with a body": b"GET /direct HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody",
    "post without a length": b"POST /direct HTTP/1.1\r\nhost: x\r\n\r\n",
    "expect": _post(b"body", b"expect: 100-continue\r\n"),
    "other path": _post(b"body", path=b"/other?a=b"),
    "absolute target": _post(b"body", path=b"http://x/other"),
    "large": _post(LARGE),
    "old version": _post(b"body", version=b"1.0"),
}
REFUSED = {
    "both lengths": CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-length: 3\r\n\r\n") + b"3\r\nabc\r\n0\r\n\r\n",
    "unknown transfer encoding": CHUNKED.replace(b"chunked", b"chunked, gzip") + b"abc",
}


async def _answers(*texts: list[bytes]) -> list[bytes]:
    """What comes back for each, sent in these pieces on a connection of its own, until the server closes it."""
    async with serving({b"/direct": direct}) as port:
        return await asyncio.gather(*(_answer(port, pieces) for pieces in texts))


async def _answer(port: int, pieces: list[bytes]) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.001)
    got = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return re.sub(rb"date: [^\r]*\r\n", b"", got)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_that_offers_another_protocol_is_answered_as_one_that_does_not(name: str) -> None:
    plain = REQUESTS[name]
    # A reply to HTTP/1.0 ends the connection: what is sent after it may reset that before the reply was read.
    last = b"" if name == "old version" else LAST
    texts = [[plain + last]]
    for lines in OFFERS.values():
        text = _with(plain, lines)
        texts += [[text + last], [text, last], [_with(plain, lines) + _with(plain, lines) + last]]
        step = max(1, len(text) // 80)
        texts.append([text[at : at + step] for at in range(0, len(text), step)] + [last])
    texts.append([plain + plain + last])
    once, *answers, twice = asyncio.run(_answers(*texts))
    assert once.startswith(b"HTTP/1.1 ")
    for index, answer in enumerate(answers):
        assert answer == (twice if index % 4 == 2 else once), index


@pytest.mark.parametrize("name", REFUSED)
def test_what_frames_a_body_in_two_ways_is_refused_with_an_offer_too(name: str) -> None:
    seen.clear()
    texts = [REFUSED[name], *(_with(REFUSED[name], lines) for lines in OFFERS.values())]
    answers = asyncio.run(_answers(*[[text] for text in texts]))
    assert len(set(answers)) == 1
    assert answers[0].startswith(b"HTTP/1.1 400")
    assert seen == []


def test_an_offer_is_taken_the_short_way() -> None:
    seen.clear()
    (answer,) = asyncio.run(_answers([_with(_post(b"body"), H2C) + LAST]))
    assert b"POST /direct body" in answer
    assert seen == ["direct", "application"]


def test_a_tunnel_is_refused_and_nothing_behind_it_is_read() -> None:
    seen.clear()
    answers = asyncio.run(_answers(*[[b"%b HTTP/1.1\r\nhost: x\r\n\r\n" % line + LAST] for line in TUNNELS]))
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 400"] * len(TUNNELS)
    assert seen == []


TUNNELS = (b"CONNECT x:443", b"CONNECT /direct", b"PRI *")


def test_a_thousand_offers_sent_at_once_are_all_answered() -> None:
    head = _with(b"GET /direct HTTP/1.1\r\nhost: x\r\n\r\n", H2C)

    async def answer() -> bytes:
        async with serving({}, app=fixed(b"1")) as port:
            return await _answer(port, [head * 1000 + LAST])

    assert asyncio.run(answer()).count(b"HTTP/1.1 200") == 1001


def test_what_follows_a_chunked_body_adds_nothing_to_its_head() -> None:
    heads: list[Any] = []

    async def keeping(scope: Any, receive: Any, send: Any) -> None:
        await application(scope, receive, send)
        heads.append(scope["headers"])

    def keeping_direct(scope: Any, body: bytes, respond: Any) -> None:
        heads.append(scope["headers"])
        direct(scope, body, respond)

    trailed = CHUNKED + b"1\r\na\r\n0\r\nauthorization: Basic eA==\r\nx-forwarded-for: 10.0.0.1\r\n\r\n"

    async def both() -> None:
        async with serving({b"/direct": keeping_direct}, app=keeping) as port:
            for text in (trailed, trailed.replace(b"/direct", b"/other")):
                await asyncio.gather(_answer(port, [text + LAST]), _answer(port, [text[:-20], text[-20:] + LAST]))

    asyncio.run(both())
    names = {name for head in heads for name, _ in head}
    assert names == {b"host", b"transfer-encoding", b"connection"}
