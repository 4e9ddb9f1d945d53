"""A full disk: every request is refused with 503, to be sent again; with room again the server goes on by itself."""

import asyncio
import random
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.crash import checks
from tests.support.crash.client import Client
from tests.support.crash.durable import read_journal, read_store
from tests.support.crash.ledger import Ledger, Sent
from tests.support.crash.process_tree import environment
from tests.support.crash.small_disk import SmallDisk, TreeOnSmallDisk
from tests.support.crash.traffic import Traffic, Wire
from tests.support.http.exchange import Request
from tests.support.waiting import wait_until

DISK_BYTES = 56 << 20
"""Of `disk`: room for the store and a short journal segment, but not for a full one."""
IMPORT_MAX = 2000
PADDING = 250
REQUESTS_UNTIL_FULL_MAX = 400
RECOVERED_TIMEOUT_S = 60


@pytest.fixture
def tree(disk: SmallDisk) -> Iterator[TreeOnSmallDisk]:
    # Nothing is kept free, as where something else fills the disk faster than anybody looks.
    bare = ("--disk-free-bytes-min", "1")
    with TreeOnSmallDisk(disk, "--workers", "2", "--journal-retention-s", "86400", *bare) as tree:
        tree.start()
        yield tree


class Sender:
    """Sends one request after the other, and keeps those that were refused."""

    def __init__(self, tree: TreeOnSmallDisk, traffic: Traffic, ledger: Ledger):
        self.refused: list[tuple[Sent, Wire]] = []
        self._traffic = traffic
        self._ledger = ledger
        self._client = Client(lambda: tree.port, ledger, random.Random(0))

    async def until_refused(self) -> None:
        for _ in range(REQUESTS_UNTIL_FULL_MAX):
            await self.send(self._traffic.imported(IMPORT_MAX))
            if self.refused:
                return
        raise AssertionError("the disk does not fill up")

    async def send_each_form(self) -> None:
        traffic = self._traffic
        batches = (traffic.batch(IMPORT_MAX), traffic.imported(IMPORT_MAX), traffic.updates(IMPORT_MAX))
        for made in (traffic.single(), *batches):
            await self.send(made)

    async def send(self, made: tuple[Sent, Wire]) -> None:
        self._ledger.sent.append(made[0])
        acknowledged = await self._client.attempt(*made)
        assert not made[0].broken, "a full disk broke the connection instead of being answered with 503"
        if not acknowledged:
            self.refused.append(made)

    async def send_refused_again(self) -> None:
        for made in self.refused:
            while not await self._client.attempt(*made):
                await asyncio.sleep(0.1)

    def close(self) -> None:
        self._client.close()


def health(tree: TreeOnSmallDisk) -> int:
    return tree.ask(Request("GET", "/healthz")).status


def replaced(tree: TreeOnSmallDisk, dead: int) -> bool:
    """Whether all six processes are there, and the dead one is not among them."""
    living = {each.pid for each in tree.family()}
    return len(living) == 6 and dead not in living


async def through_full_disk(tree: TreeOnSmallDisk, disk: SmallDisk, sender: Sender) -> None:
    try:
        await fill_and_free(tree, disk, sender)
    finally:
        sender.close()


async def fill_and_free(tree: TreeOnSmallDisk, disk: SmallDisk, sender: Sender) -> None:
    """Fill, be refused in every form and also by a process started meanwhile, make room, go on."""
    with disk.kept_full():
        await sender.until_refused()
        await sender.send_each_form()
        assert len(sender.refused) == 5
        wait_until(lambda: health(tree) == 503, RECOVERED_TIMEOUT_S, tree.log_end)
        sender.close()  # a connection that dies with its process would leave an attempt without an end
        for role in ("edge-0", "edge-1"):
            dead = tree.signal_when_there(role, signal.SIGKILL)
            wait_until(partial(replaced, tree, dead), RECOVERED_TIMEOUT_S, tree.log_end)
        wait_until(lambda: health(tree) == 503, RECOVERED_TIMEOUT_S, tree.log_end)
    wait_until(lambda: health(tree) == 200, RECOVERED_TIMEOUT_S, tree.log_end)
    await sender.send_refused_again()


def test_server_does_not_start_on_a_full_disk_and_says_why(disk: SmallDisk) -> None:
    disk.fill()
    command = TreeOnSmallDisk(disk).command
    done = subprocess.run(command, env=environment(), capture_output=True, timeout=RECOVERED_TIMEOUT_S, check=False)
    assert done.returncode == 1, done
    assert "No space left on device" in done.stderr.decode() and done.stderr.count(b"\n") == 1


def test_full_disk_refuses_with_503_and_nothing_acknowledged_is_lost(
    tree: TreeOnSmallDisk, disk: SmallDisk, tmp_path: Path
) -> None:
    projects = [tree.create_project(), tree.create_project()]
    ledger = Ledger()
    sender = Sender(tree, Traffic(random.Random(4), projects, PADDING), ledger)
    supervisor = tree.pid
    tree.wait_caught_up()
    asyncio.run(through_full_disk(tree, disk, sender))
    assert tree.pid == supervisor and tree.starts == 1
    tree.wait_caught_up()
    lines = [line for project in projects for line in tree.export(project)]
    tree.stop()

    disk.copy(tmp_path / "copy")
    stored, content = read_store(tmp_path / "copy" / "store"), read_journal(tmp_path / "copy" / "journal")
    assert all((each.acknowledged, each.broken) == (1, 0) for each in ledger.sent)
    checks.check_clients(ledger, lines)
    checks.check_profiles(ledger, stored)
    checks.check_rejected(ledger, stored)
    checks.check_counts(ledger, stored, len(lines))
    checks.check_journal(ledger, content)
    checks.check_store(content, stored)
    checks.check_export(content, lines, ledger)
