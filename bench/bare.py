"""The yardstick of `/track`: an ASGI application that answers `1` and does nothing, under the product's HTTP server.

As many worker processes as the server has edge processes, forked from one parent and sharing its socket, with the same
settings of uvicorn. It reads no body and knows no path: nothing can be quicker with this server.
`python -m bench.bare WORKERS` prints its port and runs until SIGTERM.
"""

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import uvloop

from trackway.domain.limits import GC_ALLOCATIONS, LISTEN_BACKLOG
from trackway.http import server
from trackway.http.accept import ConnectionCounts

_GRACE_S: Final = 1
_PR_SET_PDEATHSIG: Final = 1
_START: Final = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"1")],
}
_BODY: Final = {"type": "http.response.body", "body": b"1"}


async def answer_one(scope: Any, receive: Any, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """The whole application."""
    await send(_START)
    await send(_BODY)


@contextlib.contextmanager
def bare_server(workers: int) -> Iterator[int]:
    """Runs while the block does; the port."""
    command = [sys.executable, "-m", "bench.bare", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def main() -> None:
    sock = socket.create_server(("127.0.0.1", 0), backlog=LISTEN_BACKLOG)
    sock.setblocking(False)
    workers = int(sys.argv[1])
    counts = ConnectionCounts(workers)
    children = [_fork(sock, counts, index) for index in range(workers)]
    signal.signal(signal.SIGTERM, lambda *_: _stop(children))
    print(sock.getsockname()[1], flush=True)
    for child in children:
        os.waitpid(child, 0)


def _stop(children: list[int]) -> None:
    for child in children:
        os.kill(child, signal.SIGTERM)


def _fork(sock: socket.socket, counts: ConnectionCounts, index: int) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _serve(sock, counts, index)
            code = 0
        finally:
            os._exit(code)
    return child


def _serve(sock: socket.socket, counts: ConnectionCounts, index: int) -> None:
    """As an edge process does it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 50, 50)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(answer_one, sock, _GRACE_S, counts, index))


if __name__ == "__main__":
    main()
