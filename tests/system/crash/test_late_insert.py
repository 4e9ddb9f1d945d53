"""An insert that is late: its loader was killed, its successor has gone on, and only then does the store get it."""

import asyncio
import contextlib
import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crash.process_tree import CAUGHT_UP_TIMEOUT_S, Tree
from tests.support.http.exchange import Request
from tests.support.server import Project
from tests.support.store.process import RunningStore, running_store
from trackway.store.client import Store

EVENTS = 10
WHOLE_S = 0.5
"""A request that has not grown for so long is whole."""


class Network:
    """Forwards connections to a port, and once it is `armed` keeps the next insert into a table until `release`."""

    def __init__(self, port: int, table: str):
        self.port = 0
        self._table = table.encode()
        self.armed = threading.Event()
        self.held = threading.Event()
        self.delivered = threading.Event()
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._release = asyncio.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> "Network":
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._loop.close()

    def release(self) -> None:
        self._loop.call_soon_threadsafe(self._release.set)
        assert self.delivered.wait(CAUGHT_UP_TIMEOUT_S), "the store does not answer the late insert"

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._end.wait()
        server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for each in connections:
            each.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near, far = await asyncio.open_connection("127.0.0.1", self._target)
        back = asyncio.create_task(_forward(near, writer))
        try:
            while piece := await reader.read(65536):
                if self.armed.is_set() and not self.held.is_set() and b"INSERT" in piece and self._table in piece:
                    back.cancel()
                    await asyncio.wait([back])
                    await self._keep(piece, reader, far)
                    await near.read(1)
                    self.delivered.set()
                    return
                far.write(piece)
        except OSError:
            pass  # the process at the other end was killed
        finally:
            back.cancel()
            for each in (far, writer):
                each.transport.abort()

    async def _keep(self, request: bytes, reader: asyncio.StreamReader, far: asyncio.StreamWriter) -> None:
        with contextlib.suppress(TimeoutError):
            while piece := await asyncio.wait_for(reader.read(65536), WHOLE_S):
                request += piece
        self.held.set()
        await self._release.wait()
        far.write(request)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunningStore]:
    with running_store(tmp_path / "store") as store:
        yield store


def send(tree: Tree, project: Project) -> None:
    """Some events of a device that a user has, and updates of the device's profile, acknowledged."""
    properties = {"token": project.token, "$device_id": "d", "$user_id": "a"}
    events = [{"event": "sent", "properties": properties | {"$insert_id": f"i-{number}"}} for number in range(EVENTS)]
    device = {"$token": project.token, "$distinct_id": "$device:d"}
    updates = [device | {"$append": {"n": number}} for number in range(EVENTS)]
    for path, records in (("/track", events), ("/engage", updates)):
        reply = tree.ask(Request("POST", path, (("Content-Type", "application/json"),), json.dumps(records).encode()))
        assert (reply.status, reply.body) == (200, b"1")


@pytest.mark.parametrize("table", ["loads", "profiles", "identity_links"])
def test_everything_counts_once_when_an_insert_of_a_killed_loader_arrives_late(
    store: RunningStore, tmp_path: Path, table: str
) -> None:
    with Network(store.port, table) as network:
        url = store.url.replace(f":{store.port}/", f":{network.port}/")
        with Tree(tmp_path / "data", "--store-url", url) as tree:
            tree.start()
            project = tree.create_project()
            tree.wait_caught_up()
            network.armed.set()
            send(tree, project)
            assert network.held.wait(CAUGHT_UP_TIMEOUT_S)
            assert tree.signal("loader", signal.SIGKILL)
            tree.wait_caught_up()
            network.release()
            assert len(tree.export(project)) == EVENTS
            tree.stop()
    asked = Store(store.url)
    ((counted,),) = asked.query("SELECT sum(records) FROM loads")
    ((profile, text),) = asked.query("SELECT profile_id, properties FROM profiles FINAL")
    claims = asked.query("SELECT id, canonical_id FROM identity_links FINAL")
    asked.close()
    assert counted == 2 * EVENTS
    assert claims == [("$device:d", "a")]
    assert profile == "a"
    assert json.loads(text)["n"] == list(range(EVENTS))
