"""Connections: half a request does not keep one open, and a head has a bound."""

import asyncio
import socket
from contextlib import AsyncExitStack

import pytest

from tests.support.http.application_server import serving, talk
from trackway.edge.wire.asgi import Receive, Scope, Send
from trackway.http import protocol
from trackway.http import server as http_server
from trackway.http.connections import Connections
from trackway.http.limits import HEAD_BYTES_MAX

WHOLE = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize(
    "half",
    [
        b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhal",
    ],
    ids=["head", "body", "chunk"],
)
def test_a_request_that_does_not_end_is_cut_off(half: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAD_READ_S_MAX", "REQUEST_READ_S_MAX"):
        monkeypatch.setattr(protocol, name, 0.2)
    monkeypatch.setattr(http_server, "STALLED_LOOK_S", 0.05)

    async def both() -> bytes:
        async with serving() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await talk(port, half)  # comes to an end because the server closes
            writer.write(WHOLE)  # an idle connection that is older than the one cut off still works
            answered = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            return answered

    assert asyncio.run(both()).startswith(b"HTTP/1.1 200")


async def endless(_scope: Scope, _receive: Receive, send: Send) -> None:
    """As long as the client reads, or is there."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(1000):
        await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})


def test_replies_that_nobody_reads_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "UNREAD_REPLY_S", 0.2)
    connections = Connections(number_max=8)

    async def answered() -> bytes:
        async with serving(endless, connections) as port, AsyncExitStack() as closing:
            while not (len(connections.held) == 8 and all(each.unread_since_s for each in connections.held)):
                if len(connections.held) < 8:
                    closing.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(WHOLE)
                await asyncio.sleep(0.02)
            connection = closing.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.sendall(WHOLE)
            connection.setblocking(False)
            return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(connection, 100), 20)

    assert asyncio.run(answered()).startswith(b"HTTP/1.1 200")


def test_a_reply_that_is_not_read_for_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REPLY_READ_S_MAX", 0.2)
    monkeypatch.setattr(http_server, "STALLED_LOOK_S", 0.05)
    connections = Connections()

    async def left() -> int:
        async with serving(endless, connections) as port:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(WHOLE)
                async with asyncio.timeout(20):
                    while not connections.held:
                        await asyncio.sleep(0.01)
                    while connections.held:
                        await asyncio.sleep(0.01)
            return len(connections.held)

    assert asyncio.run(left()) == 0


def test_a_head_over_the_bound_is_a_431() -> None:
    async def refused() -> bytes:
        async with serving() as port:
            lines = b"x-more: " + b"a" * 1000 + b"\r\n"
            return await talk(port, WHOLE[:-2], *[lines] * (HEAD_BYTES_MAX // len(lines) + 2))

    assert asyncio.run(refused()).startswith(b"HTTP/1.1 431 ")
