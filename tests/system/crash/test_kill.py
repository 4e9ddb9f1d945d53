"""Kill anything at any moment: what was acknowledged is exported once, profiles are what their updates make of them,
ids belong to whom the links say, and all counts add up.

A run prints its seed; TRACKWAY_CRASH_SEED repeats it (the moments still depend on the machine's pace), and
TRACKWAY_SOAK_KILLS sets the number of kills of the soak.
"""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path

import pytest

from tests.support.crash import checks
from tests.support.crash.durable import by_outcome, read_journal, read_store
from tests.support.crash.exporting import Exports
from tests.support.crash.facts import check_facts
from tests.support.crash.load import Load, under_load
from tests.support.crash.logins import Logins
from tests.support.crash.process_tree import Tree
from tests.support.crash.traffic import Traffic

KILLS = 24
SOAK_KILLS = int(os.environ.get("TRACKWAY_SOAK_KILLS", "300"))
PAUSES_S = (0.0, 0.1, 0.3, 0.8, 2.0)
"""A kill comes up to so long after the one before; the long ones let the tree get going again."""
VICTIMS = ("edge-0", "edge-1", "loader", "loader", "store", "store", "whole tree", "supervisor")
LIVELY = ("--workers", "2", "--load-interval-ms", "10")
"""Load without rest, so that most kills of loader and store fall into an insert."""
KEEP_JOURNAL = ("--journal-retention-s", "86400")
FORGET_JOURNAL = ("--journal-retention-s", "0")


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("TRACKWAY_CRASH_SEED") or time.time_ns() % 1_000_000)
    print(f"TRACKWAY_CRASH_SEED={seed}")
    return random.Random(seed)


class Killer:
    """Takes victims from a shuffled deck, so that each has its turn."""

    def __init__(self, tree: Tree, load: Load, rng: random.Random, victims: tuple[str, ...] = VICTIMS):
        self.killed: Counter[str] = Counter()
        self._tree = tree
        self._load = load
        self._rng = rng
        self._victims = victims
        self._deck: list[str] = []

    async def kill(self, number: int) -> None:
        while self.killed.total() < number:
            await asyncio.sleep(self._rng.choice(PAUSES_S) * self._rng.random())
            self._load.check()
            self._deck = self._deck or self._rng.sample(self._victims, len(self._victims))
            victim = self._deck.pop()
            await asyncio.to_thread(self._kill, victim)
            self.killed[victim] += 1

    def _kill(self, victim: str) -> None:
        if victim == "whole tree":
            self._tree.kill_all()
            self._tree.start()
        elif victim == "supervisor":
            self._tree.kill_supervisor()
            self._tree.start()
        else:
            self._tree.signal_when_there(victim, signal.SIGKILL)


async def exporting(exports: Exports, kills: Coroutine[None, None, None]) -> None:
    """Export as long as processes are killed; raises at once what either raises."""
    async with asyncio.TaskGroup() as group:
        group.create_task(exports.run())
        await kills
        exports.stop()


def run(directory: Path, rng: random.Random, kills: int, *arguments: str) -> None:
    """One run: load, kills, and every check there is for what the arguments leave to be looked at."""
    with Tree(directory, *LIVELY, *arguments) as tree:
        tree.start()
        projects = [tree.create_project(), tree.create_project()]
        people = [tree.create_project(), tree.create_project(identity_mode="original")]
        load = Load(lambda: tree.port, Traffic(rng, projects), rng, logins=Logins(rng, *people))
        killer = Killer(tree, load, rng)
        began_s = time.monotonic()
        exports = Exports(lambda: tree.port, projects)
        asyncio.run(under_load(load, lambda: exporting(exports, killer.kill(kills))))
        under_load_s = time.monotonic() - began_s
        tree.wait_caught_up()
        lines = [line for project in [*projects, *people] for line in tree.export(project)]
        copies = [line for project in [*projects, *people] for line in tree.export(project, deduplicate="false")]
        tree.stop()

    ledger, stored = load.ledger, read_store(directory / "store")
    print(
        f"{dict(killer.killed)} killed in {under_load_s:.0f} s; {len(ledger.sent)} requests, {ledger.broken} attempts"
    )
    print(f"{check_facts(directory / 'store')} projects had facts")
    print(f"exports: {dict(exports.answers)}, the slowest {exports.slowest_s:.1f} s")
    assert exports.answered, "no export was answered"
    print(f"without an end; {by_outcome(stored.counts)}; {len(copies) - len(lines)} copies not merged; {directory}")
    checks.check_clients(ledger, lines)
    checks.check_copies(ledger, copies)
    checks.check_profiles(ledger, stored)
    checks.check_links(ledger, stored)
    checks.check_rejected(ledger, stored)
    checks.check_counts(ledger, stored, len(lines))
    if FORGET_JOURNAL[1] not in arguments:
        content = read_journal(directory / "journal")
        checks.check_journal(ledger, content)
        checks.check_store(content, stored)
        checks.check_export(content, lines, ledger)


@pytest.mark.timeout(240)
def test_everything_acknowledged_is_exported_once_after_random_kills(tmp_path: Path, rng: random.Random) -> None:
    run(tmp_path / "data", rng, KILLS, *KEEP_JOURNAL)


@pytest.mark.timeout(240)
def test_nothing_is_lost_when_loaded_segments_are_removed_between_kills(tmp_path: Path, rng: random.Random) -> None:
    run(tmp_path / "data", rng, len(VICTIMS), *FORGET_JOURNAL)


@pytest.mark.soak
def test_everything_acknowledged_is_exported_once_after_hundreds_of_kills(tmp_path: Path, rng: random.Random) -> None:
    run(tmp_path / "data", rng, SOAK_KILLS, *KEEP_JOURNAL)
