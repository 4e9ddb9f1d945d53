"""Clients that behave as SDKs do: they keep a connection open, and try a request again when it breaks or gets a 5xx.

What the replies say is checked on the spot, against what the request must be answered; what became of each attempt
goes into the ledger.
"""

import asyncio
import json
import random
from collections.abc import Callable

from tests.support.crash.ledger import Ledger, Sent
from tests.support.crash.traffic import Wire
from trackway.domain.endpoint import Endpoint

REPLY_TIMEOUT_S = 30.0
RETRY_S = 0.05


class Client:
    """One connection's worth of requests. `port` is asked anew for each connection, as the server may move.

    `patience`: the chance that a request is tried again when it breaks; some SDKs never do.
    """

    def __init__(self, port: Callable[[], int], ledger: Ledger, rng: random.Random, patience: float = 1.0):
        self._port = port
        self._ledger = ledger
        self._rng = rng
        self._patience = patience
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send_until_acknowledged(self, sent: Sent, wire: Wire) -> None:
        """One request, tried again until it is acknowledged or patience ends."""
        self._ledger.sent.append(sent)
        while not await self.attempt(sent, wire):
            if sent.broken and self._rng.random() > self._patience:
                return
            await asyncio.sleep(RETRY_S * self._rng.random())

    async def attempt(self, sent: Sent, wire: Wire) -> bool:
        """Try once and note the end; whether it was acknowledged."""
        try:
            await self._connect()
        except OSError:
            return False  # nothing was sent
        try:
            status, headers, body = await asyncio.wait_for(self._exchange(wire), REPLY_TIMEOUT_S)
        except (OSError, EOFError, TimeoutError):
            sent.broken += 1
            self.close()
            return False
        if status == 503:
            assert "retry-after" in headers, headers
            sent.refused += 1
            return False
        check_reply(sent, status, body)
        sent.acknowledged += 1
        return True

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _connect(self) -> None:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port())

    async def _exchange(self, wire: Wire) -> tuple[int, dict[str, str], bytes]:
        """One request and its reply. OSError or EOFError when the connection breaks."""
        assert self._streams is not None
        reader, writer = self._streams
        headers = "".join(f"{name}: {value}\r\n" for name, value in wire.headers)
        head = f"POST {wire.target} HTTP/1.1\r\nHost: test\r\nContent-Length: {len(wire.body)}\r\n{headers}\r\n"
        writer.write(head.encode() + wire.body)
        await writer.drain()
        status_line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        received = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(received["content-length"]))
        if received.get("connection", "").lower() == "close":
            self.close()
        return int(status_line.split()[1]), received, body


def check_reply(sent: Sent, status: int, body: bytes) -> None:
    """An acknowledgement must say exactly what the request deserves (protocol §3)."""
    if sent.endpoint is not Endpoint.IMPORT:
        assert (status, body) == (200, b"1" if sent.valid else b"0"), (status, body, sent)
        return
    reply = json.loads(body)
    assert status == (400 if sent.invalid else 200), (status, body)
    assert reply["num_records_imported"] == sent.valid, (reply, sent)
    assert [failed["index"] for failed in reply.get("failed_records", [])] == sent.invalid, (reply, sent)
