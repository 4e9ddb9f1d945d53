"""The store process: ClickHouse's engine behind ClickHouse's HTTP interface, on one private socket.

In comes a listening socket and a directory; the process answers until SIGTERM, finishes what runs, and closes the
engine. SIGKILL at any moment is safe too: an insert is answered only after its parts are synced, and what was spooled
for an insert not yet answered is thrown away at the next start. One process for a directory; the engine locks it.
"""

import asyncio
import os
import socket
from pathlib import Path
from urllib.parse import quote

import uvloop

from trackway import http_server
from trackway.errors import StorageError
from trackway.http_accept import ConnectionCounts
from trackway.store import engine
from trackway.store.execution import Execution, empty_spool
from trackway.store.http import StoreApp
from trackway.store.request import USER

SHUTDOWN_S_MAX = 20
KEEP_ALIVE_S = 3600  # clients are our own processes; an idle connection cut under them would fail their next request


def address(sock: socket.socket, password: str) -> str:
    """The URL under which `client.Store` reaches a store served on `sock`."""
    host, port = sock.getsockname()[:2]
    return f"http://{USER}:{quote(password, safe='')}@{host}:{port}/default"


def run(sock: socket.socket, directory: Path, password: str) -> None:
    """Serve the store in `directory` on the listening socket `sock` until SIGTERM or SIGINT. Blocks.

    Raises StorageError when the engine cannot be opened there, as when another process has it open.
    """
    os.environ["TZ"] = "UTC"  # the engine takes its time zone from here
    empty_spool(directory / "spool")
    module = engine.load()
    where = engine.address(directory / "clickhouse")
    try:
        first = module.connect(where)
    except RuntimeError as error:
        raise StorageError(f"cannot open the store in {directory}: {error}") from None
    execution = Execution(lambda: module.connect(where), directory / "spool")
    try:
        _serve(sock, StoreApp(execution, password))
    finally:
        execution.close()
        first.close()


def _serve(sock: socket.socket, app: StoreApp) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(http_server.serve(app, sock, SHUTDOWN_S_MAX, ConnectionCounts(1), 0, KEEP_ALIVE_S))
