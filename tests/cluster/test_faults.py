"""Whatever is killed or frozen, what was acknowledged is in the store, once."""

import asyncio
import random
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.crash.load import Load
from tests.support.crash.outage import acknowledged
from tests.support.crash.process_tree import Tree
from tests.support.journal.nats_cluster import SERVERS, NatsCluster
from tests.support.journal.nats_site import goes_on, new_streams, run
from trackway.domain.errors import StorageError
from trackway.journal.log import Record, Source
from trackway.journal.stream.address import parse_address
from trackway.journal.stream.stream_journal import StreamJournal

QUIET_S = 1.0


@pytest.mark.timeout(180)
def test_a_leader_that_is_killed_or_frozen_costs_time_and_no_record(nats: NatsCluster, tmp_path: Path) -> None:
    async def faults(tree: Tree, load: Load) -> None:
        await goes_on(load)
        leader = await asyncio.to_thread(nats.leader)
        nats.kill(leader)
        await goes_on(load)
        nats.start(leader)
        leader = await asyncio.to_thread(nats.leader)
        nats.freeze(leader)
        await goes_on(load)
        nats.thaw(leader)
        await goes_on(load)

    load = run(nats, tmp_path / "data", random.Random(1), faults)
    assert sum(sent.broken for sent in load.ledger.sent) == 0, "a request was refused though a quorum was there"


@pytest.mark.timeout(180)
def test_loader_store_and_edges_may_die_at_any_moment(nats: NatsCluster, tmp_path: Path) -> None:
    async def faults(tree: Tree, load: Load) -> None:
        dice = random.Random(2)
        for role in ("loader", "edge-0", "loader", "store", "edge-1", "loader"):
            await asyncio.sleep(QUIET_S * dice.random())
            await asyncio.to_thread(tree.signal_when_there, role, signal.SIGKILL)
        await goes_on(load)

    run(nats, tmp_path / "data", random.Random(2), faults)


@pytest.mark.timeout(180)
def test_nothing_is_acknowledged_without_a_quorum_and_all_goes_on_when_the_servers_are_back(
    nats: NatsCluster, tmp_path: Path
) -> None:
    async def faults(tree: Tree, load: Load) -> None:
        await goes_on(load)
        nats.kill()
        await asyncio.sleep(QUIET_S)
        before = acknowledged(load)
        await asyncio.sleep(2 * QUIET_S)
        assert acknowledged(load) == before
        nats.start()
        await goes_on(load)

    run(nats, tmp_path / "data", random.Random(3), faults)


@pytest.mark.timeout(240)
def test_servers_of_nats_are_restarted_one_by_one_without_a_refusal(nats: NatsCluster, tmp_path: Path) -> None:
    async def faults(tree: Tree, load: Load) -> None:
        for index in range(SERVERS):
            await goes_on(load)
            await asyncio.to_thread(nats.stop, index)
            await goes_on(load)
            nats.start(index)
            await asyncio.to_thread(nats.leader)

    load = run(nats, tmp_path / "data", random.Random(5), faults)
    assert sum(sent.broken for sent in load.ledger.sent) == 0


@pytest.mark.timeout(240)
def test_a_server_that_freezes_with_megabytes_on_their_way_is_left(nats: NatsCluster, tmp_path: Path) -> None:
    """Its sockets are full, so nothing that waits for them to be written would ever end."""
    new_streams(nats)
    payloads = [random.Random(number).randbytes(2_000_000) for number in range(12)]

    journal = StreamJournal(parse_address(nats.url), tmp_path / "journal")
    journal.recover()

    async def appends() -> list[int | BaseException]:
        appender = journal.partitions[0].appender()
        first = asyncio.gather(*map(appender.append, payloads[:6]), return_exceptions=True)
        leader = nats.leader()
        nats.freeze(leader)
        try:
            later = asyncio.gather(*map(appender.append, payloads[6:-1]), return_exceptions=True)
            ends = [*(await first), *(await later)]
        finally:
            nats.thaw(leader)
        ends.append(await appender.append(payloads[-1]))
        await appender.close()
        return ends

    ends = dict(zip(payloads, asyncio.run(appends()), strict=True))
    acknowledged = {payload: position for payload, position in ends.items() if isinstance(position, int)}
    # A slow machine may need more than the time of an append for so many megabytes.
    assert all(isinstance(end, StorageError) for payload, end in ends.items() if payload not in acknowledged)
    with closing(journal.partitions[0].source()) as source:
        found = [(bytes(record.payload), record.position) for record in iter_records(source)]
    assert len(found) == len(dict(found)), "a payload is there twice"
    assert acknowledged.items() <= set(found)


def iter_records(source: Source) -> Iterator[Record]:
    while records := source.read(10_000_000):
        yield from records
