"""Kill anything while backups are made and restored: what was acknowledged before a backup comes back once."""

import asyncio
import contextlib
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.backups import begin_backup
from tests.support.command_line import TRACKWAY, trackway
from tests.support.crash.durable import read_store, sequences
from tests.support.crash.ledger import Ledger
from tests.support.crash.load import Load, under_load
from tests.support.crash.process_tree import Tree
from tests.support.crash.traffic import DELETED_PROFILES, SEEN, Traffic
from tests.support.http.exchange import Request
from tests.support.server import Project
from tests.support.waiting import wait_until

VICTIMS = ("loader", "store", "edge-0", "loader", "store", "backup", "backup", "nobody")
LIVELY = ("--workers", "2", "--load-interval-ms", "10")
BACKUP_S_MAX = 120


class Known(NamedTuple):
    """What clients knew at a moment: acknowledged events, and how often each update was acknowledged."""

    events: frozenset[int]
    updates: dict[int, int]


def known(ledger: Ledger) -> Known:
    updates = Counter[int]()
    for record, least, _ in ledger.updates():
        updates[record.sequence] += least
    return Known(frozenset(ledger.events(acknowledged=True)), dict(updates))


async def backups(tree: Tree, load: Load, place: Path, rng: random.Random) -> Known:
    """Make backups and kill each victim during one. Returns what was known before the last one, of which none is."""
    before = Known(frozenset(), {})
    for victim in VICTIMS:
        await asyncio.sleep(0.3 + 0.4 * rng.random())
        load.check()
        before = known(load.ledger)
        running = begin_backup(tree.data_dir, place)
        await asyncio.sleep(1.2 * rng.random())
        if victim == "backup":
            running.kill()
            await asyncio.to_thread(running.communicate)
            continue
        if victim != "nobody":
            await asyncio.to_thread(tree.signal_when_there, victim, signal.SIGKILL)
        _, errors = await asyncio.to_thread(running.communicate, None, BACKUP_S_MAX)
        assert running.returncode == 0, (victim, errors)
    return before


@pytest.mark.timeout(300)
def test_what_was_acknowledged_before_a_backup_comes_back_once_whatever_is_killed(tmp_path: Path) -> None:
    rng = random.Random(time.time_ns())
    place, at = tmp_path / "place", tmp_path / "restored"
    with Tree(tmp_path / "data", *LIVELY) as tree:
        tree.start()
        projects = [tree.create_project(), tree.create_project()]
        load = Load(lambda: tree.port, Traffic(rng, projects), rng)
        found: list[Known] = []

        async def work() -> None:
            found.append(await backups(tree, load, place, rng))

        asyncio.run(under_load(load, work))
        assert not list((tree.data_dir / "store/clickhouse/shadow").glob("trackway_*"))
        tree.stop()
    _restore_with_kills(place, at, rng)
    with Tree(at, *LIVELY) as restored:
        restored.start()
        restored.wait_caught_up()
        lines = [line for project in projects for line in restored.export(project)]
        _go_on(restored, projects[0])
        restored.stop()
    check(found[0], load.ledger, Counter(sequences(lines)), at)
    assert "damage" not in (at / "serve.log").read_text()


def _restore_with_kills(place: Path, at: Path, rng: random.Random) -> None:
    """Kill some restores. No server starts beside what they leave; the last restore ends."""
    command, marked = [TRACKWAY, "restore", str(place), "--data-dir", str(at)], at / "unfinished-restore"
    for _ in range(3):
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with contextlib.suppress(AssertionError):
            wait_until(marked.exists, 10, str)
        time.sleep(0.3 * rng.random())
        running.kill()
        running.wait()
        if marked.exists():
            refused = trackway("serve", "--data-dir", str(at), "--port", "0")
            assert refused.returncode == 1 and "was not finished" in refused.stderr
        elif (at / "store").exists():  # it was quicker than its end
            return
    done = trackway(*command[1:])
    assert done.returncode == 0, done.stderr


def _go_on(restored: Tree, project: Project) -> None:
    """The restored server takes what comes."""
    before = len(restored.export(project))
    traffic = Traffic(random.Random(1), [project])
    sent, wire = traffic.imported(20)
    assert restored.ask(Request("POST", wire.target, wire.headers, wire.body)).status in (200, 400)
    restored.wait_caught_up()
    assert len(restored.export(project)) >= before
    assert sent.records


def check(before: Known, ledger: Ledger, found: Counter[int], at: Path) -> None:
    assert set(found.values()) <= {1}, f"events came back more than once: {[n for n, c in found.items() if c > 1][:10]}"
    lost = before.events - found.keys()
    assert not lost, f"{len(lost)} events that were acknowledged before the backup are missing: {sorted(lost)[:10]}"
    assert found.keys() <= ledger.events(acknowledged=False).keys()
    profiles = read_store(at / "store").profiles
    seen = {key: Counter(profile.get(SEEN, [])) for key, profile in profiles.items()}
    anywhere = sum(seen.values(), Counter[int]())
    for record, _, most in ledger.updates():
        name = record.said.get("$group_id") or record.said["$distinct_id"]
        if "$append" in record.said and int(name.rpartition("-")[2]) >= DELETED_PROFILES:
            times = anywhere[record.sequence]
            assert before.updates.get(record.sequence, 0) <= times <= most, (record, times)
    for key, numbers in seen.items():
        assert profiles[key].get("count", 0) == numbers.total(), key
