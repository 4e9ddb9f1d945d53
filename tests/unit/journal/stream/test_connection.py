"""A connection that is lost in an unusual way is made anew, and ends no process."""

import asyncio
from contextlib import suppress
from typing import cast

import pytest
from nats.aio.client import Client

from trackway.journal.stream.address import Address
from trackway.journal.stream.connection import Away, connect, leave


def test_a_client_with_unsent_bytes_is_left_though_its_socket_is_closed() -> None:
    """nats-py 2.16.0 writes them when it is closed, and uvloop refuses that by a RuntimeError."""

    class Unsent:
        closed = 0

        async def close(self) -> None:
            self.closed += 1
            raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    client = Unsent()
    asyncio.run(leave(cast(Client, client)))
    assert client.closed == 1


@pytest.mark.parametrize("tls", [True, False])
def test_a_server_that_offers_no_tls_gets_no_password_where_the_url_asks_for_tls(tls: bool) -> None:
    """nats-py 2.16.0 encrypts because the server says so, not because the URL does."""
    heard = bytearray()
    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.12.0","headers":true,"auth_required":true}\r\n')
        await writer.drain()
        heard.extend(await reader.readline())
        writer.write(b"-ERR 'go away'\r\n")
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        served.set()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(Away, match="offers no TLS" if tls else "cannot be reached"):
                await connect(Address((f"127.0.0.1:{port}",), "trackway", "pass-word", tls))
            await served.wait()

    asyncio.run(run())
    assert (b"pass-word" in heard) == (not tls)
