"""To clients of HTTP/1.0 a reply of unknown length has no chunks, and cannot be taken for whole when it broke off."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Coroutine
from typing import Any

import pytest
import uvloop

from tests.support.http.two_way_server import serving

PIECE = bytes(range(256)) * 256
PIECES = 40


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Streams PIECES, and breaks off after half of them where the path says how."""
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 204 if scope["path"] == "/none" else 200, "headers": headers})
    for number in range(PIECES if scope["path"] in ("/whole", "/kept", "/failing", "/returning") else 0):
        if number == PIECES // 2:
            if scope["path"] == "/failing":
                raise RuntimeError("the store has gone")
            if scope["path"] == "/returning":
                return
        await send({"type": "http.response.body", "body": PIECE, "more_body": True})
    await send({"type": "http.response.body", "body": b"end" if scope["path"] == "/whole" else b""})


async def _ask(text: bytes) -> bytes:
    """All that comes until the connection ends. Raises ConnectionResetError when it is reset."""
    async with serving({}, app=application) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(text)
        try:
            return await asyncio.wait_for(reader.read(), 20)
        finally:
            writer.close()


def _run(exchange: Coroutine[Any, Any, bytes]) -> bytes:
    """In the event loop that the product uses: sockets are not asyncio's own there."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(exchange)


def _get(path: str, version: str = "1.0", *more: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/{version}", "host: x", *more, "", "")).encode()


@pytest.mark.parametrize("more", [(), ("connection: keep-alive",), ("connection: close",), ("te: chunked",)])
def test_a_reply_of_unknown_length_ends_with_the_connection(more: tuple[str, ...]) -> None:
    head, _, body = _run(_ask(_get("/whole", "1.0", *more))).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"transfer-encoding" not in head.lower()
    assert b"content-length" not in head.lower()
    assert b"connection: close" in head
    assert body == PIECE * PIECES + b"end"


def test_of_requests_sent_at_once_the_first_is_answered_and_ends_the_connection() -> None:
    head, _, body = _run(_ask(_get("/kept") + _get("/kept"))).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert body == PIECE * PIECES


@pytest.mark.parametrize("text", [_get("/none"), _get("/empty"), _get("/whole").replace(b"GET", b"HEAD")])
def test_replies_without_a_body_end_so_too(text: bytes) -> None:
    head, _, body = _run(_ask(text)).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert (head[:9], body) == (b"HTTP/1.1 ", b"")


@pytest.mark.parametrize("path", ["/failing", "/returning"])
def test_a_reply_that_breaks_off_is_reset(path: str) -> None:
    with pytest.raises(ConnectionResetError):
        _run(_ask(_get(path)))


@pytest.mark.parametrize("path", ["/failing", "/returning"])
def test_a_reply_in_chunks_that_breaks_off_lacks_the_last_one(path: str) -> None:
    answer = _run(_ask(_get(path, "1.1", "connection: close")))
    assert b"transfer-encoding: chunked" in answer
    assert not answer.endswith(b"0\r\n\r\n")


ENDLESS = """
import asyncio, uvloop
from tests.support.http.two_way_server import serving

async def endless(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    await asyncio.sleep(60)

async def main():
    async with serving({}, app=endless) as port:
        print(port, flush=True)
        await asyncio.sleep(60)

asyncio.Runner(loop_factory=uvloop.new_event_loop).run(main())
"""


def test_a_reply_whose_process_is_killed_is_reset() -> None:
    with subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                connection.sendall(_get("/"))
                got = b""
                while not got.endswith(b"begun"):
                    got += connection.recv(4096)
                os.kill(process.pid, signal.SIGKILL)
                with pytest.raises(ConnectionResetError):
                    connection.recv(4096)
        finally:
            process.kill()
