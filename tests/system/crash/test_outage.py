"""Without loader and store events are still accepted; they wait in the journal, and nothing is lost when both return.

No request is broken here, so the counts are known exactly from the clients' side alone.
"""

import asyncio
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crash.load import Load
from tests.support.crash.outage import REQUESTS_MIN, acknowledged, run
from tests.support.crash.process_tree import Tree

OUTAGE_S = 3.0
AWAY = ("loader", "store")


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with Tree(tmp_path / "data", "--workers", "2", "--load-interval-ms", "10") as tree:
        tree.start()
        yield tree


def test_edge_acknowledges_while_loader_and_store_are_frozen(tree: Tree) -> None:
    async def outage(load: Load) -> None:
        for role in AWAY:
            tree.signal_when_there(role, signal.SIGSTOP)
        before = acknowledged(load)
        await asyncio.sleep(OUTAGE_S)
        assert acknowledged(load) >= before + REQUESTS_MIN
        for role in AWAY:
            assert tree.signal(role, signal.SIGCONT)

    run(tree, random.Random(1), outage)


def test_edge_acknowledges_while_loader_and_store_keep_dying(tree: Tree) -> None:
    async def outage(load: Load) -> None:
        before = acknowledged(load)
        deaths = 0
        deadline_s = asyncio.get_running_loop().time() + OUTAGE_S
        while asyncio.get_running_loop().time() < deadline_s:
            deaths += sum(tree.signal(role, signal.SIGKILL) != 0 for role in AWAY)
            await asyncio.sleep(0.05)
        assert deaths > len(AWAY)
        assert acknowledged(load) >= before + REQUESTS_MIN

    run(tree, random.Random(2), outage)


def test_counts_are_right_when_the_loader_dies_while_the_store_hangs(tree: Tree) -> None:
    async def outage(load: Load) -> None:
        rng = random.Random(3)
        for _ in range(4):
            await asyncio.sleep(0.3 * rng.random())
            load.check()
            tree.signal_when_there("store", signal.SIGSTOP)
            before = tree.signal_when_there("loader", signal.SIGKILL)
            while tree.roles().get("loader", before) == before:
                await asyncio.sleep(0.02)
            await asyncio.sleep(1.0)
            assert tree.signal("store", signal.SIGCONT)

    run(tree, random.Random(3), outage)
