"""Two machines with one journal, one store and one database of projects: both take events, one loads."""

import asyncio
import json
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.crash import checks
from tests.support.crash.durable import read_store
from tests.support.crash.load import Load, under_load
from tests.support.crash.process_tree import Tree
from tests.support.crash.traffic import Traffic
from tests.support.http.exchange import Request
from tests.support.journal.nats_cluster import NatsCluster
from tests.support.journal.nats_site import KEEP_JOURNAL, goes_on, new_streams, read_journal, site
from tests.support.projects.postgresql import Cluster
from tests.support.server import Project, create_project
from tests.support.store.served import ServedStore
from tests.support.waiting import wait_until
from trackway.journal.limits import STREAM_LEASE_S

TURN_S_MAX = 2.0 * STREAM_LEASE_S
LOADS = "this machine loads"
PARTITIONS = 2


class Machines(NamedTuple):
    """Both trees, the projects, and the store's process."""

    trees: tuple[Tree, Tree]
    projects: list[Project]
    store: ServedStore

    def loading(self) -> Tree:
        """The machine whose loader said last that it loads."""
        said = [tree.log.read_text(errors="replace") for tree in self.trees]
        last = [max((line for line in text.splitlines() if LOADS in line), default="") for text in said]
        return self.trees[last.index(max(last))]

    def other(self, tree: Tree) -> Tree:
        return self.trees[1 - self.trees.index(tree)]


@pytest.fixture
def machines(nats: NatsCluster, cluster: Cluster, tmp_path: Path) -> Iterator[Machines]:
    new_streams(nats, partitions=PARTITIONS)
    database = cluster.new_database()
    with ServedStore(tmp_path / "served") as store:
        shared = ("--store-url", store.url, "--projects-url", database, *KEEP_JOURNAL)
        with site(nats, tmp_path / "a", *shared) as one, site(nats, tmp_path / "b", *shared) as other:
            one.start()
            other.start()
            projects = [create_project(database), create_project(database)]
            time.sleep(2)  # until every edge process has read them
            yield Machines((one, other), projects, store)


def run(nats: NatsCluster, machines: Machines, faults: object, tmp_path: Path) -> None:
    """Load on both machines during the faults, and all checks of the crash tests."""
    dice = random.Random(4)
    turns = iter(range(1_000_000))
    up = list(machines.trees)
    load = Load(lambda: up[next(turns) % len(up)].port, Traffic(dice, machines.projects), dice)
    asyncio.run(under_load(load, lambda: faults(load, up)))  # type: ignore[operator]
    for tree in up:
        tree.wait_caught_up()
    lines = [line for project in machines.projects for line in up[0].export(project)]
    for tree in up:
        tree.stop()
    stored = read_store(machines.store.stop())
    for sent in load.ledger.sent:
        sent.broken, sent.refused = sent.broken + sent.refused, 0
    content = read_journal(nats, up[0].data_dir)
    checks.check_clients(load.ledger, lines)
    checks.check_profiles(load.ledger, stored)
    checks.check_counts(load.ledger, stored, len(lines))
    checks.check_rejected(load.ledger, stored)
    checks.check_journal(load.ledger, content, PARTITIONS)
    checks.check_store(content, stored)
    checks.check_export(content, lines, load.ledger)


async def waits_for_turn(machines: Machines, tree: Tree) -> None:
    until_s = time.monotonic() + TURN_S_MAX
    while machines.loading() is not tree:
        assert time.monotonic() < until_s, f"the other machine does not load: {tree.log_end()}"
        await asyncio.sleep(0.1)


@pytest.mark.timeout(240)
def test_a_machine_that_dies_or_freezes_is_followed_by_the_other_and_nothing_counts_twice(
    nats: NatsCluster, machines: Machines, tmp_path: Path
) -> None:
    async def faults(load: Load, up: list[Tree]) -> None:
        await goes_on(load)
        first = machines.loading()
        frozen = first.signal_when_there("loader", signal.SIGSTOP)
        await waits_for_turn(machines, machines.other(first))
        assert first.signal("loader", signal.SIGCONT) == frozen  # both may load for a moment
        await goes_on(load)
        second = machines.loading()
        assert second is not first
        up.remove(second)
        await asyncio.to_thread(second.kill_all)
        await waits_for_turn(machines, first)
        await goes_on(load)

    run(nats, machines, faults, tmp_path)


@pytest.mark.timeout(180)
def test_both_machines_know_what_one_has_loaded(nats: NatsCluster, machines: Machines, tmp_path: Path) -> None:
    wait_until(lambda: all(_is_ready(tree) for tree in machines.trees), 30, machines.trees[1].log_end)
    [project, _] = machines.projects
    events = [
        {"event": "e", "properties": {"token": project.token, "distinct_id": "a", "$insert_id": f"{n}"}}
        for n in range(50)
    ]
    standby = machines.other(machines.loading())
    body = json.dumps(events).encode()
    assert standby.ask(Request("POST", "/track", (("Content-Type", "application/json"),), body)).status == 200
    standby.wait_caught_up()
    assert len(standby.export(project)) == 50
    killed = machines.loading().signal_when_there("loader", signal.SIGKILL)
    began_s = time.monotonic()
    wait_until(lambda: machines.loading().roles().get("loader", killed) != killed, 10, standby.log_end)
    wait_until(lambda: all(_is_ready(tree) for tree in machines.trees), 30, standby.log_end)
    assert time.monotonic() - began_s < STREAM_LEASE_S / 2, "the next loader of a machine waits for its own lease"
    for tree in machines.trees:
        tree.stop()


def _is_ready(tree: Tree) -> bool:
    return tree.ask(Request("GET", "/readyz")).status == 200
