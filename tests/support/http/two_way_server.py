"""The HTTP server in this process, with an application and a direct way past it that answer the same."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from trackway.domain.limits import DIRECT_BODY_BYTES_MAX
from trackway.http import server
from trackway.http.accept import ConnectionCounts
from trackway.http.limits import KEEP_ALIVE_S
from trackway.http.protocol import Direct, Respond

seen: list[str] = []
"""Which way the requests of a test took."""


def reply_to(method: str, path: str, body: bytes) -> bytes:
    return f"{method} {path} ".encode() + body[:10] + b" %d" % len(body)


async def application(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    seen.append("application")
    await asyncio.sleep(0.01)
    answer = reply_to(scope["method"], scope["path"], body)
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def direct(scope: dict[str, Any], body: bytes, respond: Respond) -> None:
    seen.append("direct")
    answer = reply_to(scope["method"], scope["path"], body)
    headers = b"content-type: text/plain\r\ncontent-length: %d\r\n" % len(answer)
    asyncio.get_running_loop().call_later(0.01, respond, 200, headers, answer)


@asynccontextmanager
async def serving(
    routes: Mapping[bytes, Direct], keep_alive_s: int = KEEP_ALIVE_S, app: Any = application
) -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        counts = ConnectionCounts(1)
        task = asyncio.create_task(server.serve(app, sock, 1, counts, 0, keep_alive_s, routes))
        try:
            yield sock.getsockname()[1]
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


LARGE = b"x" * (DIRECT_BODY_BYTES_MAX + 1)
