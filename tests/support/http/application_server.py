"""The HTTP server of an application in this process, and a client that sends parts of requests."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trackway.edge.app import fixed
from trackway.edge.wire.asgi import Handler
from trackway.http import server as http_server
from trackway.http.accept import ConnectionCounts
from trackway.http.connections import Connections


@asynccontextmanager
async def serving(app: Handler | None = None, connections: Connections | None = None) -> AsyncIterator[int]:
    """A real server of the application on a free port within this process; its port."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        serve = http_server.serve(app or fixed(b"1"), sock, 1, ConnectionCounts(1), 0, connections=connections)
        task = asyncio.create_task(serve)
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
