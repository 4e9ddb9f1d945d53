"""A store at an address of its own is killed under load: nothing is lost, and nothing counts twice."""

import asyncio
import random
from pathlib import Path

from tests.support.crash.load import Load
from tests.support.crash.outage import REQUESTS_MIN, acknowledged, run
from tests.support.crash.process_tree import Tree
from tests.support.store.served import ServedStore

CHILD_KILLS = 6
WHOLE_KILLS = 2


def test_nothing_is_lost_when_a_served_store_is_killed_under_load(tmp_path: Path) -> None:
    rng = random.Random(1)
    with (
        ServedStore(tmp_path / "served") as served,
        Tree(tmp_path / "data", "--workers", "2", "--load-interval-ms", "10", "--store-url", served.url) as tree,
    ):
        tree.start()

        async def outage(load: Load) -> None:
            before = acknowledged(load)
            deaths = ["child"] * CHILD_KILLS + ["whole"] * WHOLE_KILLS
            rng.shuffle(deaths)
            for death in deaths:
                await asyncio.sleep(0.6 * rng.random())
                await asyncio.to_thread(_kill, served, death)
            assert acknowledged(load) >= before + REQUESTS_MIN

        run(tree, rng, outage, served.stop)


def _kill(served: ServedStore, death: str) -> None:
    if death == "child":
        served.kill_child()
    else:
        served.kill()
        served.start()
