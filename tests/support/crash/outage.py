"""Load while a part of the server is away."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.support.crash import checks
from tests.support.crash.durable import by_outcome, read_journal, read_store
from tests.support.crash.ledger import Kind
from tests.support.crash.load import Load, under_load
from tests.support.crash.process_tree import Tree
from tests.support.crash.traffic import Traffic

REQUESTS_MIN = 20


def run(
    tree: Tree,
    rng: random.Random,
    outage: Callable[[Load], Awaitable[None]],
    stop_store: Callable[[], Path] | None = None,
) -> None:
    """Load during an outage, in which every request must be acknowledged at its first attempt; then all checks.

    `stop_store` stops a store that is none of the tree's own, and says where it is.
    """
    projects = [tree.create_project(), tree.create_project()]
    load = Load(lambda: tree.port, Traffic(rng, projects), rng)
    asyncio.run(under_load(load, lambda: outage(load)))
    tree.wait_caught_up()
    lines = [line for project in projects for line in tree.export(project)]
    tree.stop()

    ledger, stored = load.ledger, read_store(stop_store() if stop_store else tree.data_dir / "store")
    assert (ledger.broken, ledger.refused) == (0, 0)
    content = read_journal(tree.data_dir / "journal")
    checks.check_clients(ledger, lines)
    checks.check_profiles(ledger, stored)
    checks.check_counts(ledger, stored, len(lines))
    checks.check_rejected(ledger, stored)
    checks.check_journal(ledger, content)
    checks.check_store(content, stored)
    checks.check_export(content, lines, ledger)
    # Rejected records of a project are all kept, so they are counted by `check_rejected`; those of none have a budget.
    counts = {outcome: number for outcome, number in by_outcome(stored.counts).items() if outcome != "rejected"}
    assert counts == {
        "stored": sum(ledger.copies(kind, acknowledged=True) for kind in (Kind.EVENT, Kind.UPDATE)),
        "duplicate": ledger.copies(Kind.REPEAT, acknowledged=True),
        "ignored": ledger.copies(Kind.IGNORED, acknowledged=True),
    }


def acknowledged(load: Load) -> int:
    load.check()
    return sum(each.acknowledged for each in load.ledger.sent)
