import asyncio
import errno
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.journal.faulty_disk import FaultyDisk
from trackway.domain.errors import StorageError
from trackway.journal.group_commit import GroupCommit
from trackway.journal.log import OnSync
from trackway.journal.segments.file_calls import Disk, OsDisk
from trackway.journal.segments.reader import Reader
from trackway.journal.segments.recovery import recover
from trackway.journal.segments.writer import Writer

SEGMENT_BYTES = 64 * 1024


class GatedDisk(OsDisk):
    """A real disk whose syncs of files wait at a gate."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.syncs = 0

    def sync(self, file: int) -> None:
        self.gate.wait()
        self.syncs += 1
        super().sync(file)


Act = Callable[[GroupCommit], Coroutine[Any, Any, None]]


def run(
    directory: Path,
    disk: Disk,
    act: Act,
    *,
    on_sync: OnSync | None = None,
    pending_bytes_max: int = 10_000_000,
    batch_bytes_max: int = 1_000_000,
    closes: bool = True,
) -> None:
    """Let `act` use a group commit on a fresh journal. `closes`: it is closed here, not by `act`."""
    recover(directory, disk, SEGMENT_BYTES)

    async def main() -> None:
        writer = Writer(directory, disk, SEGMENT_BYTES, background=lambda work: work())
        commit = GroupCommit(writer, on_sync, pending_bytes_max, batch_bytes_max)
        await act(commit)
        if closes:
            await commit.close()

    before = set(threading.enumerate())
    asyncio.run(main())
    assert set(threading.enumerate()) <= before


def stored(directory: Path, disk: Disk) -> list[bytes]:
    payloads = []
    with closing(Reader(directory, 0, disk)) as reader:
        while records := reader.read(100_000):
            payloads += [bytes(record.payload) for record in records]
    return payloads


async def refusals(futures: Sequence[asyncio.Future[int]]) -> list[BaseException]:
    return [result for result in await asyncio.gather(*futures, return_exceptions=True) if not isinstance(result, int)]


def test_commits_in_order_and_each_gets_its_own_position(tmp_path: Path) -> None:
    payloads = [b"%d" % number for number in range(1000)]
    positions: list[int] = []

    async def act(commit: GroupCommit) -> None:
        positions.extend(await asyncio.gather(*map(commit.append, payloads)))
        positions.append(await commit.append(b"last"))

    run(tmp_path, OsDisk(), act)
    assert positions == sorted(set(positions))
    assert stored(tmp_path, OsDisk()) == [*payloads, b"last"]


def test_payloads_that_come_during_a_sync_share_the_next_one(tmp_path: Path) -> None:
    disk = GatedDisk()

    async def act(commit: GroupCommit) -> None:
        await commit.append(b"the spare is ready by now")
        before = disk.syncs
        disk.gate.clear()
        first = commit.append(b"first")
        await asyncio.sleep(0.01)
        others = [commit.append(b"%d" % number) for number in range(100)]
        await asyncio.sleep(0.01)
        assert not first.done()
        disk.gate.set()
        await asyncio.gather(first, *others)
        assert disk.syncs - before == 2

    run(tmp_path, disk, act)


def test_whoever_waits_for_a_free_journal_is_called_before_the_next_sync_begins(tmp_path: Path) -> None:
    disk = GatedDisk()
    called: list[str] = []

    async def act(commit: GroupCommit) -> None:
        await commit.append(b"the spare is ready by now")
        commit.call_when_free(lambda: called.append("at once"))
        assert called == ["at once"]
        before = disk.syncs
        disk.gate.clear()
        futures = [commit.append(b"first")]
        await asyncio.sleep(0.01)
        futures.append(commit.append(b"second"))
        commit.call_when_free(lambda: futures.append(commit.append(b"third")))
        await asyncio.sleep(0.01)
        assert len(futures) == 2
        disk.gate.set()
        await futures[0]
        await asyncio.gather(*futures)
        assert len(futures) == 3
        assert disk.syncs - before == 2

    run(tmp_path, disk, act)


def test_what_replies_bring_is_in_the_next_batch(tmp_path: Path) -> None:
    order: list[str] = []
    payloads: list[bytes] = []
    disk = GatedDisk()

    async def act(commit: GroupCommit) -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def replied(_result: int | Exception) -> None:
            order.append("reply")
            loop.call_soon(payloads.append, b"second")  # as a client whose next request is there already

        def free() -> None:
            order.append("free")
            commit.submit(b",".join(payloads), lambda _result: ended.set())

        disk.gate.clear()
        commit.submit(b"first", replied)
        commit.call_when_free(free)
        disk.gate.set()
        await ended.wait()

    run(tmp_path, disk, act)
    assert order == ["reply", "free"]
    assert stored(tmp_path, disk) == [b"first", b"second"]


def test_a_callback_that_fails_keeps_nobody_else_from_an_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: object) -> None:
        raise RuntimeError("a programmer's error")

    async def act(commit: GroupCommit) -> None:
        await commit.append(b"the spare is ready by now")
        commit.submit(b"first", failing)
        second = commit.append(b"second")
        commit.call_when_free(failing)
        await second
        await commit.append(b"third")

    run(tmp_path, OsDisk(), act)
    assert stored(tmp_path, OsDisk())[1:] == [b"first", b"second", b"third"]
    assert [record.message for record in caplog.records] == ["a callback of the journal failed"] * 2


def test_no_commit_is_answered_before_its_sync(tmp_path: Path) -> None:
    disk = GatedDisk()

    async def act(commit: GroupCommit) -> None:
        disk.gate.clear()
        future = commit.append(b"payload")
        await asyncio.sleep(0.05)
        assert not future.done()
        assert commit.pending_bytes == 7
        disk.gate.set()
        await future
        assert commit.pending_bytes == 0

    run(tmp_path, disk, act)


def test_batches_are_bounded_and_a_larger_payload_goes_alone(tmp_path: Path) -> None:
    batches: list[tuple[int, int]] = []

    async def act(commit: GroupCommit) -> None:
        await asyncio.gather(*[commit.append(bytes(size)) for size in (40, 40, 40, 500, 40)])

    run(
        tmp_path,
        OsDisk(),
        act,
        on_sync=lambda duration_s, records, size: batches.append((records, size)),
        batch_bytes_max=100,
    )
    assert batches == [(2, 80), (1, 40), (1, 500), (1, 40)]


def test_payloads_over_the_pending_bound_are_refused_and_room_comes_back(tmp_path: Path) -> None:
    async def act(commit: GroupCommit) -> None:
        futures = [commit.append(bytes([number]) * 400) for number in range(1, 4)]
        failures = await refusals(futures)
        assert [str(failure) for failure in failures] == ["more than 1000 bytes wait for the journal"]
        await commit.append(b"x" * 400)
        await commit.append(b"larger than the bound, alone: " + bytes(2000))

    run(tmp_path, OsDisk(), act, pending_bytes_max=1000)
    assert [len(payload) for payload in stored(tmp_path, OsDisk())] == [400, 400, 400, 2030]


def test_failed_sync_refuses_its_whole_batch_and_the_next_goes_on(tmp_path: Path) -> None:
    disk = FaultyDisk()

    async def act(commit: GroupCommit) -> None:
        await commit.append(b"before")
        failing = [errno.EIO]
        disk.fault = lambda _, name: failing.pop() if name == "sync" and failing else None
        failures = await refusals([commit.append(b"%d" % number) for number in range(3)])
        assert [type(failure) for failure in failures] == [StorageError] * 3
        assert len({id(failure) for failure in failures}) == 3
        await commit.append(b"after")

    run(tmp_path, disk, act)
    assert stored(tmp_path, disk) == [b"before", b"after"]


def test_a_programmers_error_reaches_the_request_and_hangs_nobody(tmp_path: Path) -> None:
    async def act(commit: GroupCommit) -> None:
        with pytest.raises(AssertionError, match="payload of 0 bytes"):
            await commit.append(b"")
        await commit.append(b"after")

    run(tmp_path, OsDisk(), act)


def test_request_that_gives_up_disturbs_no_other(tmp_path: Path) -> None:
    disk = GatedDisk()

    async def act(commit: GroupCommit) -> None:
        disk.gate.clear()
        gone, here = commit.append(b"gone"), commit.append(b"here")
        gone.cancel()
        disk.gate.set()
        await here

    run(tmp_path, disk, act)
    assert stored(tmp_path, disk) == [b"gone", b"here"]


def test_close_finishes_what_was_committed_and_refuses_what_comes_later(tmp_path: Path) -> None:
    disk = GatedDisk()

    async def act(commit: GroupCommit) -> None:
        disk.gate.clear()
        futures = [commit.append(b"%d" % number) for number in range(10)]
        closing_down = asyncio.create_task(commit.close())
        await asyncio.sleep(0.01)
        assert not closing_down.done()
        with pytest.raises(StorageError, match="journal is closed"):
            await commit.append(b"late")
        disk.gate.set()
        await closing_down
        assert all(future.done() for future in futures)

    run(tmp_path, disk, act, closes=False)
    assert len(stored(tmp_path, disk)) == 10


def test_on_sync_tells_seconds_records_and_bytes(tmp_path: Path) -> None:
    told: list[tuple[float, int, int]] = []

    async def act(commit: GroupCommit) -> None:
        await asyncio.gather(commit.append(b"one"), commit.append(b"three"))

    run(tmp_path, OsDisk(), act, on_sync=lambda *figures: told.append(figures))
    assert [figures[1:] for figures in told] == [(2, 8)]
    assert told[0][0] > 0
