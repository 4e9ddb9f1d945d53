"""A journal of several streams: projects of one go on while another is away, and nothing is lost or counted twice."""

import asyncio
import random
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.support.crash.load import Load
from tests.support.crash.process_tree import Tree
from tests.support.journal.conformance import JournalConformance
from tests.support.journal.nats_cluster import NatsCluster
from tests.support.journal.nats_machine import NatsMachine, request
from tests.support.journal.nats_site import KEEP_JOURNAL, goes_on, new_streams, run, site
from tests.support.waiting import wait_until

PARTITIONS = 3


class TestStreamJournalOfSeveralPartitions(JournalConformance):
    @pytest.fixture
    def machine(self, nats: NatsCluster, tmp_path: Path) -> NatsMachine:
        return NatsMachine(nats, tmp_path / "journal", PARTITIONS)


@pytest.mark.timeout(300)
def test_whatever_dies_or_freezes_what_was_acknowledged_is_stored_once(nats: NatsCluster, tmp_path: Path) -> None:
    async def faults(tree: Tree, load: Load) -> None:
        dice = random.Random(7)
        await goes_on(load)
        for role in ("loader", "edge-0", "store", "loader"):
            await asyncio.sleep(dice.random())
            await asyncio.to_thread(tree.signal_when_there, role, signal.SIGKILL)
        await goes_on(load)
        frozen = await asyncio.to_thread(nats.leader, "TRACKWAY_1")
        nats.freeze(frozen)
        await goes_on(load)
        nats.thaw(frozen)
        killed = await asyncio.to_thread(nats.leader, "TRACKWAY_2")
        nats.kill(killed)
        await asyncio.to_thread(tree.signal_when_there, "loader", signal.SIGKILL)
        await goes_on(load)
        nats.start(killed)
        await goes_on(load)

    run(nats, tmp_path / "data", random.Random(7), faults, PARTITIONS)


@pytest.mark.timeout(180)
def test_a_stream_that_is_gone_stops_its_own_projects_alone(nats: NatsCluster, tmp_path: Path) -> None:
    new_streams(nats, partitions=2)
    with site(nats, tmp_path / "data", *KEEP_JOURNAL) as tree:
        tree.start()
        projects = [tree.create_project(), tree.create_project()]
        odd, even = sorted(projects, key=lambda project: project.project_id % 2, reverse=True)

        def send(token: str, number: int) -> int:
            said = {"event": "E", "properties": {"token": token, "distinct_id": "d", "$insert_id": f"i{number}"}}
            return httpx.post(f"http://127.0.0.1:{tree.port}/track?verbose=1", json=[said], timeout=40).status_code

        wait_until(lambda: send(odd.token, 0) == send(even.token, 0) == 200, 30, lambda: "nothing is accepted")
        tree.wait_caught_up()
        assert len(tree.export(odd)) == len(tree.export(even)) == 1
        request(nats.url, "$JS.API.STREAM.DELETE.TRACKWAY_1")
        assert send(odd.token, 1) == 503
        began_s = time.monotonic()
        for number in range(1, 11):
            assert send(even.token, number) == 200
        assert time.monotonic() - began_s < 20
        wait_until(lambda: len(tree.export(even)) == 11, 30, lambda: "the other stream is not loaded")
        ready = httpx.get(f"http://127.0.0.1:{tree.port}/readyz", timeout=10)
        assert ready.status_code == 503
        assert [each["loading"] for each in ready.json()["loader"]["partitions"]] == [True, False]
        assert httpx.get(f"http://127.0.0.1:{tree.port}/healthz", timeout=10).status_code == 200
