"""The store process: ClickHouse's engine behind ClickHouse's HTTP interface, on one private socket.

A listening socket and a directory arrive. The process answers until SIGTERM, finishes the running statements, and
closes the engine. SIGKILL at any moment is safe, too: an insert is answered only after its parts are synced, and the
next start removes the spool files of unanswered inserts. A directory has one process, because the engine locks it.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import uvloop

from trackway.domain.errors import StorageError
from trackway.domain.limits import HEARTBEAT_S
from trackway.embedded import engine
from trackway.embedded.execution import Execution, empty_spool
from trackway.embedded.interface import StoreApp
from trackway.embedded.limits import STORE_KEEP_ALIVE_S, STORE_SHUTDOWN_S_MAX
from trackway.embedded.query_request import USER
from trackway.http import server
from trackway.http.accept import ConnectionCounts
from trackway.runtime.background import start_task
from trackway.runtime.heartbeat import Heartbeat


def address(sock: socket.socket, password: str) -> str:
    """The URL under which `client.Store` reaches the store that listens on `sock`."""
    host, port = sock.getsockname()[:2]
    host = f"[{host}]" if ":" in host else host
    return f"http://{USER}:{quote(password, safe='')}@{host}:{port}/default"


def spool_of(directory: Path) -> Path:
    """Where the store in `directory` reads the rows of inserts."""
    return directory / "spool"


def run(
    sock: socket.socket,
    directory: Path,
    password: str,
    keep_free_bytes: int = 0,
    heartbeat: Heartbeat | None = None,
) -> None:
    """Serve the store in `directory` on the listening socket `sock` until SIGTERM or SIGINT. Blocks.

    With less than `keep_free_bytes` free on the disk the engine begins no insert and no merge. `heartbeat` belongs to
    this process, and beats while its loop runs and its engine answers.
    Raises StorageError when the engine cannot be opened there, for example because another process has it open.
    """
    os.environ["TZ"] = "UTC"  # the engine takes its time zone from here
    empty_spool(spool_of(directory))
    os.chdir(directory)  # the engine reads its working directory, which may be closed to the account of this process
    module = engine.load()
    where = engine.address(directory / "clickhouse", keep_free_bytes)
    try:
        first = module.connect(where)
    except RuntimeError as error:
        raise StorageError(f"cannot open the store in {directory}: {error}") from None
    execution = Execution(lambda: module.connect(where), spool_of(directory), keep_free_bytes)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(sock, StoreApp(execution, password), execution, (heartbeat or Heartbeat()).beat))
    finally:
        execution.close()
        first.close()


async def _serve(sock: socket.socket, app: StoreApp, execution: Execution, beat: Callable[[], None]) -> None:
    beating = start_task(_beat_while_it_answers(execution, beat), "heartbeat")
    try:
        await server.serve(app, sock, STORE_SHUTDOWN_S_MAX, ConnectionCounts(1), 0, STORE_KEEP_ALIVE_S)
    finally:
        beating.cancel()


async def _beat_while_it_answers(execution: Execution, beat: Callable[[], None]) -> None:
    """The heartbeat of the loop and of the engine. A query may take any time. The engine counts as hung when a killed
    query does not end, or when an insert takes longer than its client waits."""
    while True:
        await execution.probe()
        if not execution.hangs():
            beat()
        await asyncio.sleep(HEARTBEAT_S)
