"""A server of NATS that is cut off from the others, although clients reach it: it acknowledges nothing alone."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.crash.load import Load
from tests.support.crash.process_tree import Tree
from tests.support.journal.nats_cluster import SERVERS, NatsCluster, nats_cluster
from tests.support.journal.nats_site import AGAIN_S_MAX, goes_on, new_streams, run
from trackway.domain.errors import StorageError
from trackway.journal.stream import publisher
from trackway.journal.stream.address import parse_address
from trackway.journal.stream.connection import connection_of_process
from trackway.journal.stream.stream_journal import StreamJournal


@pytest.fixture(scope="module")
def divided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    with nats_cluster(tmp_path_factory.mktemp("nats") / "servers", by_proxies=True) as running:
        yield running


def read_up_to(journal: StreamJournal, last: bytes) -> list[bytes]:
    """All records up to the last. A server that was cut off has them later than the others, and may be asked."""
    stored: list[bytes] = []
    until_s = time.monotonic() + AGAIN_S_MAX
    with closing(journal.partitions[0].source()) as source:
        while last not in stored:
            assert time.monotonic() < until_s, stored
            stored += [bytes(record.payload) for record in source.read(1 << 20)]
    return stored


@pytest.mark.timeout(180)
def test_a_leader_that_is_cut_off_acknowledges_nothing_and_the_others_go_on(
    divided: NatsCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = new_streams(divided)
    others = [index for index in range(SERVERS) if index != leader]
    alone = StreamJournal(parse_address(divided.url_of([leader])), tmp_path / "alone")
    together = StreamJournal(parse_address(divided.url_of(others)), tmp_path / "together")
    alone.recover()
    together.recover()
    monkeypatch.setattr(publisher, "STREAM_APPEND_S_MAX", 3.0)

    async def run_it() -> tuple[list[bytes], list[bytes]]:
        to_leader, to_others = alone.partitions[0].appender(), together.partitions[0].appender()
        kept, unknown = [b"before"], []
        await to_leader.append(b"before")
        divided.cut(leader)
        for number in range(3):
            with pytest.raises(StorageError, match="acknowledges nothing"):
                await to_leader.append(b"to the leader alone %d" % number)
            unknown.append(b"to the leader alone %d" % number)
        until_s, number = time.monotonic() + AGAIN_S_MAX, 0
        while len(kept) < 11:
            assert time.monotonic() < until_s, "two of three servers acknowledge nothing"
            payload = b"to the others %d" % (number := number + 1)
            try:
                await to_others.append(payload)
            except StorageError:
                unknown.append(payload)
                await asyncio.sleep(0.1)
            else:
                kept.append(payload)
        divided.join()
        await asyncio.to_thread(divided.leader)
        until_s = time.monotonic() + AGAIN_S_MAX
        while True:
            try:
                await to_leader.append(b"after")
                break
            except StorageError:
                assert time.monotonic() < until_s, "the server that was cut off is of no use any more"
                await asyncio.sleep(0.1)
        kept.append(b"after")
        await to_leader.close()
        await to_others.close()
        return kept, unknown

    kept, unknown = asyncio.run(run_it())
    for journal in (alone, together):
        stored = read_up_to(journal, b"after")
        assert sorted(set(stored)) == sorted(stored), "a record is there twice"
        assert [payload for payload in stored if payload in kept] == kept
        assert set(stored) <= {*kept, *unknown, b"after"}


@pytest.mark.timeout(180)
def test_a_process_leaves_servers_that_acknowledge_nothing_and_tries_each_before_it_comes_back(
    divided: NatsCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_streams(divided)
    journal = StreamJournal(parse_address(divided.url), tmp_path / "journal")
    journal.recover()
    connection = connection_of_process(parse_address(divided.url))
    monkeypatch.setattr(publisher, "STREAM_APPEND_S_MAX", 3.0)

    def server() -> str:
        """The server that the process is connected to; '' in between."""

        async def connected() -> str:
            url = connection.client and connection.client.connected_url
            return url.netloc if url else ""

        return connection.call(connected(), AGAIN_S_MAX)

    async def run_it() -> list[str]:
        appender = journal.partitions[0].appender()
        await appender.append(b"before")
        servers = [server()]
        for each in range(SERVERS):  # nobody has a majority
            divided.cut(each)
        for number in range(3):
            with pytest.raises(StorageError, match="acknowledges nothing"):
                await appender.append(b"alone %d" % number)
            until_s = time.monotonic() + AGAIN_S_MAX
            while (now := server()) in ("", servers[-1]):
                assert time.monotonic() < until_s, "it stays with a server that acknowledges nothing"
                await asyncio.sleep(0.05)
            servers.append(now)
        divided.join()
        await asyncio.to_thread(divided.leader)
        await appender.close()
        return servers

    servers = asyncio.run(run_it())
    assert len(set(servers[:3])) == SERVERS
    assert servers[3] == servers[0]


@pytest.mark.timeout(180)
def test_under_load_a_division_loses_and_doubles_nothing(divided: NatsCluster, tmp_path: Path) -> None:
    async def faults(tree: Tree, load: Load) -> None:
        await goes_on(load)
        leader = await asyncio.to_thread(divided.leader)
        divided.cut(leader)
        await asyncio.sleep(12)  # elections are over: records go to the others, or are refused
        await goes_on(load)
        divided.join()
        await goes_on(load)

    run(divided, tmp_path / "data", random.Random(3), faults)
