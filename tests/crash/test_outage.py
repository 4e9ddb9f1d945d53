"""Without loader and store events are still accepted; they wait in the journal, and nothing is lost when both return.

No request is broken here, so the counts are known exactly from the clients' side alone.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from tests.crash import checks
from tests.crash.durable import by_outcome, read_journal, read_store
from tests.crash.ledger import Kind
from tests.crash.load import Load, under_load
from tests.crash.traffic import Traffic
from tests.crash.tree import Tree

OUTAGE_S = 3.0
AWAY = ("loader", "store")
REQUESTS_MIN = 20


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with Tree(tmp_path / "data", "--workers", "2", "--load-interval-ms", "10") as tree:
        tree.start()
        yield tree


def run(tree: Tree, rng: random.Random, outage: Callable[[Load], Awaitable[None]]) -> None:
    """Load during an outage, in which every request must be acknowledged at its first attempt; then all checks."""
    projects = [tree.create_project(), tree.create_project()]
    load = Load(lambda: tree.port, Traffic(rng, projects), rng)
    asyncio.run(under_load(load, lambda: outage(load)))
    tree.wait_caught_up()
    lines = [line for project in projects for line in tree.export(project)]
    tree.stop()

    ledger, stored = load.ledger, read_store(tree.data_dir / "store")
    assert (ledger.broken, ledger.refused) == (0, 0)
    content = read_journal(tree.data_dir / "journal")
    checks.check_clients(ledger, lines)
    checks.check_profiles(ledger, stored)
    checks.check_counts(ledger, stored, len(lines))
    checks.check_rejected(ledger, stored)
    checks.check_journal(ledger, content)
    checks.check_store(content, stored)
    checks.check_export(content, lines, ledger)
    assert by_outcome(stored.counts) == {
        "stored": sum(ledger.copies(kind, acknowledged=True) for kind in (Kind.EVENT, Kind.UPDATE)),
        "duplicate": ledger.copies(Kind.REPEAT, acknowledged=True),
        "ignored": ledger.copies(Kind.IGNORED, acknowledged=True),
        "rejected": ledger.copies(Kind.INVALID, acknowledged=True),
    }


def acknowledged(load: Load) -> int:
    load.check()
    return sum(each.acknowledged for each in load.ledger.sent)


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
