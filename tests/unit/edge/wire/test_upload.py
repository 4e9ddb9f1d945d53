"""Bodies for a thread: unpacked as they come, however they are cut, and bounded on the way."""

import asyncio
import gzip
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.domain.errors import RequestError
from trackway.edge.wire.asgi import ClientGone
from trackway.edge.wire.upload import body_pieces, unpacked

MIB = 1 << 20


def cut(body: bytes, size: int) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


def plain(body: bytes, encoding: bytes = b"gzip", size: int = 1 << 16, bytes_max: int = MIB) -> bytes:
    return b"".join(unpacked(cut(body, size), encoding, bytes_max))


def refusal(body: bytes, encoding: bytes = b"gzip", bytes_max: int = MIB) -> tuple[int, str]:
    with pytest.raises(RequestError) as refused:
        plain(body, encoding, bytes_max=bytes_max)
    return refused.value.status, refused.value.message


@given(
    parts=st.lists(st.binary(max_size=300), min_size=1, max_size=3), size=st.integers(1, 50), times=st.integers(1, 400)
)
def test_gzip_is_unpacked_however_it_is_cut(parts: list[bytes], size: int, times: int) -> None:
    body = b"".join(gzip.compress(part * times, 1) for part in parts)
    content = b"".join(part * times for part in parts)
    assert plain(body, size=size) == content
    assert plain(body, b"", size) == content, "gzip shows by its first bytes"
    assert plain(body + bytes(7), size=size) == content, "padding is passed over"


@given(body=st.binary(max_size=100), size=st.integers(1, 10))
def test_plain_bodies_pass(body: bytes, size: int) -> None:
    if not body.startswith(b"\x1f\x8b"):
        assert plain(body, b"", size) == plain(body, b"identity", size) == body


def test_more_than_the_bound_is_a_413_while_it_is_unpacked() -> None:
    body = gzip.compress(bytes(50 * MIB), 9)
    seen = 0
    with pytest.raises(RequestError, match="request exceeds max limit of 1048576 bytes"):
        for piece in unpacked([body], b"gzip", MIB):
            seen += len(piece)
    assert seen <= MIB
    assert refusal(b"a" * 11, b"", 10) == (413, "request exceeds max limit of 10 bytes")
    assert plain(b"a" * 10, b"", bytes_max=10) == b"a" * 10


def test_what_is_no_gzip_is_refused() -> None:
    body = gzip.compress(b"id,a\n1,x\n" * 100)
    assert refusal(body[:-1]) == (400, "body is not valid gzip: it ends too early")
    assert refusal(b"") == (400, "body is not valid gzip: it ends too early")
    assert refusal(b"\x00\x01id,a\n")[1].startswith("body is not valid gzip: ")
    assert refusal(body[:-8] + bytes(8))[1].startswith("body is not valid gzip: ")
    assert refusal(zlib.compress(b"a"), b"deflate") == (400, "content-encoding must be gzip, not 'deflate'")
    empty = gzip.compress(b"")
    assert plain(empty * 1000) == b""
    assert refusal(empty * 1001) == (400, "body must not have more than 1000 gzip members")


async def read_in_thread(messages: list[dict[str, Any]], bytes_max: int = 100) -> bytes:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return messages.pop(0)

    pieces = body_pieces(receive, bytes_max)
    return await asyncio.to_thread(b"".join, pieces)


def message(body: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_thread_reads_a_body_message_by_message() -> None:
    messages = [message(b"ab", True), message(b"", True), message(b"c", False), message(b"next", False)]
    assert asyncio.run(read_in_thread(messages)) == b"abc"
    assert len(messages) == 1


def test_a_thread_stops_reading_at_the_bound_and_when_the_client_has_left() -> None:
    messages = [message(b"ab", True), message(b"c", True), message(b"d", True)]
    with pytest.raises(RequestError, match="request exceeds max limit of 2 bytes"):
        asyncio.run(read_in_thread(messages, 2))
    assert len(messages) == 1
    with pytest.raises(ClientGone):
        asyncio.run(read_in_thread([message(b"ab", True), {"type": "http.disconnect"}]))


@pytest.mark.parametrize("size", [1, 3, 1 << 16])
@pytest.mark.parametrize(
    "body", [b"id,a\n1,x\n", b"\xef\xbb\xbfid,a\n", "größe,ü\n".encode(), '"ü",a\n'.encode(), b"a"]
)
def test_text_that_a_proxy_has_unpacked_is_taken_though_its_header_says_gzip(body: bytes, size: int) -> None:
    assert plain(body, b"gzip", size) == plain(body, b"", size) == body
