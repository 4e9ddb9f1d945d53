"""Connections: half a request does not keep one open, a head has a bound, and processes share them evenly."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest
from tests.running import Server

from trackway import http_protocol, http_server
from trackway.edge.app import fixed
from trackway.http_accept import ConnectionCounts
from trackway.limits import HEAD_BYTES_MAX

WHOLE = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    """A real server on a free port within this process; its port."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        task = asyncio.create_task(http_server.serve(fixed(b"1"), sock, 1, ConnectionCounts(1), 0))
        try:
            yield sock.getsockname()[1]
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def talk(port: int, *parts: bytes) -> bytes:
    """Send the parts, then read until the server closes, or for a second after the last byte of a whole reply."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()


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
        monkeypatch.setattr(http_protocol, name, 0.2)
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


def test_a_head_over_the_bound_is_a_431() -> None:
    async def refused() -> bytes:
        async with serving() as port:
            lines = b"x-more: " + b"a" * 1000 + b"\r\n"
            return await talk(port, WHOLE[:-2], *[lines] * (HEAD_BYTES_MAX // len(lines) + 2))

    assert asyncio.run(refused()).startswith(b"HTTP/1.1 431 ")


def _remote_ports(pid: int) -> set[int]:
    return {each.raddr.port for each in psutil.Process(pid).net_connections("tcp") if each.raddr}


def test_connections_of_a_burst_are_shared_between_processes(server: Server) -> None:
    edges = {role: pid for role, pid in server.processes().items() if role.startswith("edge")}
    connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(16)]
    try:
        for connection in connections:  # an answer shows that it was accepted
            connection.sendall(b"GET /settings HTTP/1.1\r\nhost: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        ours = {connection.getsockname()[1] for connection in connections}
        held = {role: len(_remote_ports(pid) & ours) for role, pid in edges.items()}
    finally:
        for connection in connections:
            connection.close()
    assert sum(held.values()) == 16
    assert min(held.values()) >= 4, held
