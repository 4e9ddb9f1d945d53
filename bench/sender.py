"""The client of batches: a process of its own that keeps a few connections busy and does next to nothing else.

`Sending` starts it; `python -m bench.sender` is it. It reads the bodies into memory, says when its first byte leaves,
sends each body once, and says what came back. Times are CLOCK_MONOTONIC, which all processes of a machine share.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from bench.bodies import read_bodies


class Order(NamedTuple):
    """What to send. batches_per_s: 0 is as fast as the replies come. target: a path that answers as `/import` does."""

    port: int
    authorization: str
    path: str
    batches: int
    connections: int
    batches_per_s: float
    target: str = "/import?strict=1"
    further: tuple[str, ...] = ()
    """Authorizations of further projects, which the connections use in turn."""


class Sent(NamedTuple):
    """What came of it: times in seconds of the monotonic clock, one reply time a request."""

    began_s: float
    acknowledged_s: float
    acknowledged: int
    reply_times_s: list[float]


class Sending:
    """A running client. Use as a context: it is ended on leaving."""

    def __init__(self, order: Order):
        command = [sys.executable, "-m", "bench.sender", orjson.dumps(order._asdict()).decode()]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.began_s = float(self._line())

    def __enter__(self) -> "Sending":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def result(self) -> Sent:
        """Wait for the end. Raises RuntimeError when a request was not answered by 200."""
        return Sent(**orjson.loads(self._line()))

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the client of batches ended with code {self._process.wait()}")
        return line


class _Client:
    def __init__(self, order: Order):
        self._order = order
        self._bodies = self._due(list(read_bodies(Path(order.path)))[: order.batches])
        self._began_s = 0.0
        self._replies_s: list[float] = []
        self._acknowledged = 0

    async def run(self) -> Sent:
        streams = [await asyncio.open_connection("127.0.0.1", self._order.port) for _ in range(self._order.connections)]
        self._began_s = time.monotonic()
        projects = (self._order.authorization, *self._order.further)
        print(self._began_s, flush=True)
        async with asyncio.TaskGroup() as group:
            for number, (reader, writer) in enumerate(streams):
                group.create_task(self._keep_busy(reader, writer, projects[number % len(projects)]))
        acknowledged_s = time.monotonic()
        for _, writer in streams:
            writer.close()
        return Sent(self._began_s, acknowledged_s, self._acknowledged, self._replies_s)

    def _due(self, bodies: list[bytes]) -> Iterator[tuple[float, bytes]]:
        """Each body with the second after the start at which it is to leave."""
        interval_s = 1 / self._order.batches_per_s if self._order.batches_per_s else 0.0
        return ((number * interval_s, body) for number, body in enumerate(bodies))

    async def _keep_busy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authorization: str) -> None:
        for due_s, body in self._bodies:
            await asyncio.sleep(self._began_s + due_s - time.monotonic())
            sent_s = time.monotonic()
            writer.write(self._head(len(body), authorization))
            writer.write(body)
            await writer.drain()
            imported = await _imported(reader)  # not within the next line, whose left side would be read before
            self._acknowledged += imported
            self._replies_s.append(time.monotonic() - sent_s)

    def _head(self, length: int, authorization: str) -> bytes:
        return (
            f"POST {self._order.target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\n"
            "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
            f"Content-Length: {length}\r\n\r\n"
        ).encode()


async def _imported(reader: asyncio.StreamReader) -> int:
    """Events that the next reply acknowledges. Raises RuntimeError when it is not a 200."""
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:"))
    body = await reader.readexactly(length)
    if b" 200 " not in status:
        raise RuntimeError(f"a batch was answered {status.decode()}: {body[:300]!r}")
    imported: Any = orjson.loads(body)["num_records_imported"]
    return int(imported)


def main() -> None:
    sent = asyncio.run(_Client(Order(**orjson.loads(sys.argv[1]))).run())
    print(orjson.dumps(sent._asdict()).decode(), flush=True)


if __name__ == "__main__":
    main()
