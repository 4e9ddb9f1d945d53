"""A connection that is lost in an unusual way is made anew, and ends no process."""

import asyncio
from typing import cast

from nats.aio.client import Client

from trackway.journal.stream.connection import leave


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
