"""A server whose journal is in a cluster of NATS, under load while parts of both are killed; then all checks of the
crash tests, with the stream as the journal that they compare with."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.support.crash import checks
from tests.support.crash.durable import Content, read_sources, read_store
from tests.support.crash.load import Load, under_load
from tests.support.crash.outage import REQUESTS_MIN, acknowledged
from tests.support.crash.process_tree import Tree
from tests.support.crash.traffic import Traffic
from tests.support.journal.nats_cluster import NatsCluster
from trackway.journal.stream.address import parse_address
from trackway.journal.stream.connection import Away
from trackway.journal.stream.setup import make_streams
from trackway.journal.stream.stream_journal import StreamJournal

KEEP_JOURNAL = ("--journal-retention-s", "86400")
AGAIN_S_MAX = 60.0
"""A request waits 20 seconds for its server of NATS, which is left then; an election takes ten."""


def new_streams(nats: NatsCluster, bytes_max: int = 0, partitions: int = 1) -> int:
    """Make the streams anew; the server that leads the first. After a division the servers may have no leader yet."""
    until_s = time.monotonic() + AGAIN_S_MAX
    while True:
        try:
            make_streams(parse_address(nats.url), partitions=partitions, again=True, discard=True, bytes_max=bytes_max)
            break
        except Away:
            if time.monotonic() >= until_s:
                raise
    for number in reversed(range(partitions)):
        leader = nats.leader(f"TRACKWAY_{number}")
    return leader


def read_journal(nats: NatsCluster, directory: Path) -> Content:
    """All records of all streams, with the data directory of a server."""
    journal = StreamJournal(parse_address(nats.url), directory / "journal")
    return read_sources([each.source() for each in journal.partitions])


async def goes_on(load: Load) -> None:
    """Return when more requests were acknowledged."""
    before, until_s = acknowledged(load), time.monotonic() + AGAIN_S_MAX
    while acknowledged(load) < before + REQUESTS_MIN:
        assert time.monotonic() < until_s, "nothing is acknowledged any more"
        await asyncio.sleep(0.05)


def site(nats: NatsCluster, directory: Path, *arguments: str) -> Tree:
    return Tree(directory, "--workers", "2", "--load-interval-ms", "10", "--journal-url", nats.url, *arguments)


def run(
    nats: NatsCluster,
    directory: Path,
    rng: random.Random,
    faults: Callable[[Tree, Load], Awaitable[None]],
    partitions: int = 1,
) -> Load:
    """Load on a site during the faults, and all checks."""
    new_streams(nats, partitions=partitions)
    with site(nats, directory, *KEEP_JOURNAL) as tree:
        tree.start()
        projects = [tree.create_project(), tree.create_project()]
        load = Load(lambda: tree.port, Traffic(rng, projects), rng)
        asyncio.run(under_load(load, lambda: faults(tree, load)))
        tree.wait_caught_up()
        lines = [line for project in projects for line in tree.export(project)]
        tree.stop()
    ledger, stored = load.ledger, read_store(directory / "store")
    for sent in ledger.sent:  # a record may be on a quorum's disks although nobody heard so in time
        sent.broken, sent.refused = sent.broken + sent.refused, 0
    content = read_journal(nats, directory)
    checks.check_clients(ledger, lines)
    checks.check_profiles(ledger, stored)
    checks.check_counts(ledger, stored, len(lines))
    checks.check_rejected(ledger, stored)
    checks.check_journal(ledger, content, partitions)
    checks.check_store(content, stored)
    checks.check_export(content, lines, ledger)
    return load
