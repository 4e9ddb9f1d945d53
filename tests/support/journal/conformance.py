"""What every journal must do (`trackway.journal.log`): a suite that each implementation passes.

Subclass `JournalConformance` as `Test…` and provide the fixture `machine`. `WriterKills`, for the tests that kill
processes, asks for the fixture `place` instead: what `tests.support.journal.writer_process` opens the journal by.
"""

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import pytest

from tests.support.journal.writer_process import opened
from trackway.domain.errors import StorageError
from trackway.domain.position import sub_positions
from trackway.journal.log import Appender, Journal, Partition, PartitionProgress, Record, Source

KILLS: Final = 3
PATIENCE_S: Final = 60.0


class Machine(Protocol):
    """Where the journal under test is kept."""

    def journal(self) -> Journal:
        """The same journal, opened as another process would. It is recovered before the first test step."""

    def hold(self) -> AbstractContextManager[None]:
        """Within it nothing becomes durable; an append waits."""

    def cut_power(self) -> None:
        """Lose what is not durable. Everything that was opened before is dead; recover the journal to go on."""

    def damage(self, record: Record) -> None:
        """Make an acknowledged record unreadable."""


Act = Callable[[Appender], Coroutine[Any, Any, None]]


def part(journal: Journal) -> Partition:
    """The partition that is tested: the last."""
    return journal.partitions[-1]


def use(journal: Journal, act: Act, **options: Any) -> None:
    """Let `act` use an appender in an event loop of its own."""

    async def main() -> None:
        appender = part(journal).appender(**options)
        await act(appender)
        await appender.close()

    asyncio.run(main())


def append(journal: Journal, payloads: Sequence[bytes]) -> list[int]:
    """Append all payloads at once; their positions."""
    positions: list[int] = []

    async def act(appender: Appender) -> None:
        positions.extend(await asyncio.gather(*map(appender.append, payloads)))

    use(journal, act)
    return positions


def rest_of(source: Source, bytes_max: int = 1000) -> list[tuple[int, bytes]]:
    """Position and payload of each record that is left."""
    found: list[tuple[int, bytes]] = []
    while records := source.read(bytes_max):
        found += [(record.position, bytes(record.payload)) for record in records]
    return found


def stored(journal: Journal, position: int = 0) -> list[tuple[int, bytes]]:
    with closing(part(journal).source(position)) as source:
        found = rest_of(source)
        assert source.damage == []
    return found


def payloads_of(count: int, seed: int = 1) -> list[bytes]:
    """Payloads of different sizes, no two alike."""
    dice = random.Random(seed)
    return [b"%d-%d:" % (seed, number) + dice.randbytes(dice.choice([0, 10, 90, 700])) for number in range(count)]


@contextmanager
def progress_of(journal: Journal) -> Iterator[PartitionProgress]:
    with closing(part(journal).progress()) as progress:
        yield progress


class JournalConformance:
    """The fixture `machine` gives a machine whose journal was recovered and is empty."""

    def test_records_are_read_in_the_order_of_their_positions_and_appends(self, machine: Machine) -> None:
        payloads = payloads_of(300)
        positions = append(machine.journal(), payloads)
        assert positions == sorted(set(positions))
        assert stored(machine.journal()) == list(zip(positions, payloads, strict=True))

    def test_an_append_that_was_acknowledged_stands_before_one_that_begins_later(self, machine: Machine) -> None:
        positions: list[int] = []

        async def main() -> None:
            appenders = [part(machine.journal()).appender() for _ in range(3)]
            for number, payload in enumerate(payloads_of(30)):
                positions.append(await appenders[number % 3].append(payload))
            for appender in appenders:
                await appender.close()

        asyncio.run(main())
        assert positions == sorted(set(positions))

    def test_a_position_is_below_two_to_the_63_and_has_room_for_sub_positions(self, machine: Machine) -> None:
        payloads = payloads_of(100)
        positions = append(machine.journal(), payloads)
        nexts = [*positions[1:], 1 << 63]
        ends = [at + sub_positions(at, len(payload)) for at, payload in zip(positions, payloads, strict=True)]
        assert all(0 < at < end <= following for at, end, following in zip(positions, ends, nexts, strict=True))

    def test_nothing_is_acknowledged_or_read_before_it_is_durable(self, machine: Machine) -> None:
        before = append(machine.journal(), [b"before"])

        async def act(appender: Appender) -> None:
            with machine.hold(), progress_of(machine.journal()) as progress:
                synced = progress.synced
                futures = [appender.append(b"%d" % number) for number in range(10)]
                await asyncio.sleep(0.1)
                assert not any(future.done() for future in futures)
                assert appender.pending_bytes == 10
                assert progress.synced == synced
                assert [at for at, _ in stored(machine.journal())] == before
            await asyncio.gather(*futures)
            assert appender.pending_bytes == 0
            assert len(stored(machine.journal())) == 11

        use(machine.journal(), act)

    def test_a_power_cut_loses_nothing_acknowledged(self, machine: Machine) -> None:
        kept: list[tuple[int, bytes]] = []
        for round in range(4):
            payloads = payloads_of(40, seed=round)
            kept += zip(append(machine.journal(), payloads), payloads, strict=True)
            machine.cut_power()
            assert machine.journal().recover().damage == []
            assert stored(machine.journal()) == kept
        assert [at for at, _ in kept] == sorted({at for at, _ in kept})

    def test_a_clean_stop_and_a_new_start_lose_nothing_and_report_no_damage(self, machine: Machine) -> None:
        first, second = payloads_of(20, seed=1), payloads_of(20, seed=2)
        positions = append(machine.journal(), first)
        machine.journal().seal()
        found = machine.journal().recover()
        assert found.damage == [] and found.cut_bytes == 0 and found.size_bytes > 0
        positions += append(machine.journal(), second)
        assert stored(machine.journal()) == list(zip(positions, [*first, *second], strict=True))
        assert positions == sorted(set(positions))

    def test_a_source_goes_on_from_any_position_of_another(self, machine: Machine) -> None:
        append(machine.journal(), payloads_of(60))
        whole = stored(machine.journal())
        with closing(part(machine.journal()).source()) as source:
            read = 0
            while records := source.read(500):
                assert sum(len(record.payload) for record in records) <= 500 or len(records) == 1
                read += len(records)
                assert stored(machine.journal(), source.position) == whole[read:]
                assert stored(machine.journal(), records[-1].position) == whole[read - 1 :]
            assert read == len(whole)

    def test_a_source_at_the_end_sees_what_is_appended_later(self, machine: Machine) -> None:
        with closing(part(machine.journal()).source()) as source:
            assert source.read(100) == []
            for round in range(3):
                payloads = payloads_of(20, seed=round)
                positions = append(machine.journal(), payloads)
                assert rest_of(source) == list(zip(positions, payloads, strict=True))
                machine.journal().recover()

    def test_a_position_beyond_the_end_is_refused(self, machine: Machine) -> None:
        last = append(machine.journal(), [b"a"])[0]
        with pytest.raises(StorageError, match="ends at position"):
            part(machine.journal()).source(last + (1 << 40))

    def test_trimming_keeps_all_that_is_not_loaded(self, machine: Machine) -> None:
        for round in range(4):
            append(machine.journal(), payloads_of(100, seed=round))
            machine.journal().recover()
        whole = stored(machine.journal())
        half = len(whole) // 2
        loaded = whole[half][0]
        with progress_of(machine.journal()) as progress:
            assert progress.kept_from <= whole[0][0]
            removed = part(machine.journal()).remove_loaded(loaded, 0)
            assert removed.pieces > 0 and removed.bytes > 0
            assert progress.kept_from <= loaded
            kept = stored(machine.journal())
            assert kept == [each for each in whole if each[0] >= kept[0][0]]
            assert progress.kept_from <= kept[0][0] <= loaded
        assert stored(machine.journal(), loaded) == whole[half:]
        assert part(machine.journal()).remove_loaded(loaded, 0).pieces == 0
        assert append(machine.journal(), [b"next"])[0] > whole[-1][0]

    def test_trimming_keeps_what_is_too_young(self, machine: Machine) -> None:
        append(machine.journal(), payloads_of(100))
        machine.journal().recover()
        last = append(machine.journal(), [b"last"])[0]
        assert part(machine.journal()).remove_loaded(last, 3600) == (0, 0)
        assert len(stored(machine.journal())) == 101

    def test_positions_are_never_used_again_after_all_was_trimmed(self, machine: Machine) -> None:
        seen = append(machine.journal(), payloads_of(100))
        for round in range(3):
            machine.journal().recover()
            seen += append(machine.journal(), [b"%d" % round])
            part(machine.journal()).remove_loaded(seen[-1], 0)
        assert seen == sorted(set(seen))

    def test_progress_is_shared_and_begins_anew_at_each_start(self, machine: Machine) -> None:
        with progress_of(machine.journal()) as one, progress_of(machine.journal()) as other:
            assert (one.loaded, one.failing) == (0, True)
            last = append(machine.journal(), payloads_of(50))[-1]
            assert last < one.synced == other.synced
            assert not one.is_loaded
            one.loaded, one.failing = one.synced, False
            assert (other.loaded, other.failing) == (one.synced, False)
            assert other.is_loaded and other.size_bytes() > 0
            assert other.kept_since_ms() <= time.time_ns() // 1_000_000
        machine.journal().recover()
        with progress_of(machine.journal()) as again:
            assert (again.loaded, again.failing) == (0, True)

    def test_the_progress_of_the_journal_is_that_of_all_its_partitions(self, machine: Machine) -> None:
        now_ms = time.time_ns() // 1_000_000
        with closing(machine.journal().progress()) as one, closing(machine.journal().progress()) as other:
            assert (one.has_begun, one.heartbeat_ms, one.failing, any(one.reached())) == (False, 0, True, False)
            one.heartbeat_ms, one.failing, before = now_ms, False, one.ends()
            assert (other.heartbeat_ms, other.failing, other.appended_bytes(before)) == (now_ms, False, 0)
            append(machine.journal(), payloads_of(50))
            assert other.appended_bytes(before) > 0 and sum(other.lags()) > 0
            for each in one.partitions:
                assert not other.is_loaded and not other.has_loaded(one.ends())
                each.loaded = each.synced
            assert other.is_loaded and other.has_begun and other.has_loaded(one.ends()) and not any(other.lags())
            one.partitions[-1].failing = True
            assert other.failing and other.kept_since_ms() <= time.time_ns() // 1_000_000
            assert other.size_bytes() >= other.partitions[-1].size_bytes() > 0

    def test_bytes_between_positions_grow_with_the_records_between_them(self, machine: Machine) -> None:
        positions = append(machine.journal(), [b"x" * 100] * 20)
        with progress_of(machine.journal()) as progress:
            lags = [progress.lag_bytes(position) for position in positions]
            assert lags == sorted(lags, reverse=True) and lags[-1] > 0
            assert progress.lag_bytes(progress.synced) == 0
            assert progress.bytes_between(positions[0], positions[10]) >= 1000
            assert progress.bytes_between(positions[10], positions[0]) == 0

    def test_an_unreadable_record_is_reported_once_and_all_others_are_read(self, machine: Machine) -> None:
        append(machine.journal(), payloads_of(60))
        with closing(part(machine.journal()).source()) as source:
            whole = [Record(at, memoryview(payload)) for at, payload in rest_of(source)]
        spoilt = whole[30]
        machine.damage(spoilt)
        with closing(part(machine.journal()).source()) as source:
            found = rest_of(source)
            [damage] = source.damage
            assert source.read(1000) == [] and len(source.damage) == 1
        assert found == [(at, bytes(payload)) for at, payload in whole if at != spoilt.position]
        assert damage.position == spoilt.position and damage.records >= 1 and damage.reason

    def test_a_refused_payload_is_never_read(self, machine: Machine) -> None:
        faults = ["no room"]
        results: list[int | Exception] = []

        async def act(appender: Appender) -> None:
            with pytest.raises(StorageError, match="no room"):
                appender.check()
            with pytest.raises(StorageError, match="no room"):
                await appender.append(b"refused")
            appender.submit(b"refused too", results.append)
            faults.clear()
            appender.check()
            await appender.append(b"kept")

        use(machine.journal(), act, refusal=lambda: "".join(faults))
        assert [str(each) for each in results] == ["no room"]
        assert [payload for _, payload in stored(machine.journal())] == [b"kept"]

    def test_close_finishes_what_was_submitted_and_refuses_the_rest(self, machine: Machine) -> None:
        results: list[int | Exception] = []

        async def main() -> None:
            appender = part(machine.journal()).appender()
            for payload in payloads_of(50):
                appender.submit(payload, results.append)
            await appender.close()
            with pytest.raises(StorageError):
                await appender.append(b"late")

        asyncio.run(main())
        assert [at for at, _ in stored(machine.journal())] == results

    def test_a_callback_waits_until_no_append_is_in_progress(self, machine: Machine) -> None:
        async def act(appender: Appender) -> None:
            called = asyncio.Event()
            appender.call_when_free(called.set)
            assert called.is_set()
            called.clear()
            with machine.hold():
                future = appender.append(b"first")
                appender.call_when_free(called.set)
                await asyncio.sleep(0.05)
                assert not called.is_set()
            await asyncio.wait_for(called.wait(), PATIENCE_S)
            await future

        use(machine.journal(), act)


class Acknowledged(NamedTuple):
    """A line of a writer process."""

    payload: bytes
    position: int


class WriterKills:
    """The fixture `place` names a journal that no process uses (`tests.support.journal.writer_process`)."""

    def test_kill_9_of_a_writer_loses_and_doubles_nothing_acknowledged(self, place: str, tmp_path: Path) -> None:
        journal, outputs = opened(place), list[Path]()
        journal.recover()
        seen: dict[bytes, int] = {}
        with closing(part(journal).source()) as source:
            for kill in range(KILLS):
                outputs += [tmp_path / f"{kill}-{writer}" for writer in range(2)]
                writers = [_start(place, output) for output in outputs[-2:]]
                try:
                    _wait_for_lines(outputs[-1], 300 + 50 * kill)
                finally:
                    for process in writers:
                        process.send_signal(signal.SIGKILL)
                        process.wait()
                if kill % 2:
                    journal.recover()
                for position, payload in rest_of(source, 100_000):
                    assert payload not in seen, "read twice"
                    assert position > max(seen.values(), default=0)
                    seen[payload] = position
            assert source.damage == []
        acknowledged = [line for output in outputs for line in _lines(output)]
        assert len(acknowledged) > 300 * KILLS
        assert {line.payload: line.position for line in acknowledged}.items() <= seen.items()


def _start(place: str, output: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.support.journal.writer_process", place, output.name]
    with output.open("wb") as stream:
        return subprocess.Popen(command, stdout=stream, cwd=Path(__file__).parents[3])


def _lines(output: Path) -> list[Acknowledged]:
    """Whole lines only: a kill may leave half of one."""
    whole = output.read_bytes().rpartition(b"\n")[0].splitlines()
    return [Acknowledged(payload, int(position)) for payload, position in map(bytes.split, whole)]


def _wait_for_lines(output: Path, count: int) -> None:
    patience_s = time.monotonic() + PATIENCE_S
    while output.read_bytes().count(b"\n") < count:
        assert time.monotonic() < patience_s, "the writer acknowledges nothing"
        time.sleep(0.01)
