import errno
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.journal.faulty_disk import MachineCrash
from tests.support.journal.scenario import SEGMENT_BYTES, Journal
from trackway.domain.errors import StorageError
from trackway.journal.segments import segment
from trackway.journal.segments.file_calls import OsDisk
from trackway.journal.segments.format import HEADER_BYTES, offset_of, segment_of
from trackway.journal.segments.head import Head, State
from trackway.journal.segments.reader import Reader
from trackway.journal.segments.recovery import Report, recover
from trackway.journal.segments.writer import Writer


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Two writers on a faulty disk; checked at the end, and once more after a crash."""
    made = Journal(tmp_path / "journal", writers=2)
    made.start()
    yield made
    made.disk.fault = None
    made.check()
    made.crash()
    made.start()
    made.check()
    made.stop()


def fail(name: str, failure: int = errno.EIO) -> Callable[[int, str], int | None]:
    """A fault of the first call of that name, and of no later one."""
    left = [failure]
    return lambda _, called: left.pop() if called == name and left else None


def current(journal: Journal) -> int:
    with closing(Head(journal.directory)) as head:
        return head.segment


def test_append_gives_growing_positions_on_a_real_disk(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "journal"
    recover(directory)
    with closing(Writer(directory)) as writer:
        first = writer.append([b"a", b"bb"])
        second = writer.append([b"ccc"])
    assert first == [1 << 32 | 32, 1 << 32 | 49]
    assert second == [1 << 32 | 67]
    with closing(Reader(directory)) as reader:
        assert [bytes(record.payload) for record in reader.read(1000)] == [b"a", b"bb", b"ccc"]


def test_append_of_nothing_touches_nothing(journal: Journal) -> None:
    calls = len(journal.disk.calls)
    assert journal.writers[0].append([]) == []
    assert len(journal.disk.calls) == calls


def test_append_needs_one_write_and_one_sync(journal: Journal) -> None:
    journal.append(1)
    calls = len(journal.disk.calls)
    journal.append(10, 20, 30)
    assert journal.disk.calls[calls:] == ["write", "sync"]


def test_acknowledged_payload_survives_a_crash_at_once(journal: Journal) -> None:
    journal.append(10)
    journal.crash()
    journal.start()


def test_writers_share_one_order(journal: Journal) -> None:
    for number in range(20):
        assert journal.append(number, writer=number % 2)
    assert current(journal) > 1


def test_append_over_the_room_left_rolls_to_the_next_segment(journal: Journal) -> None:
    journal.append(300)
    assert current(journal) == 1
    journal.append(300, writer=1)
    assert current(journal) == 2
    journal.append(20)
    assert current(journal) == 2


def test_batch_over_the_segment_size_gets_a_segment_of_its_own_size(journal: Journal) -> None:
    journal.append(10)
    journal.append(SEGMENT_BYTES, 3 * SEGMENT_BYTES)
    assert current(journal) == 2
    journal.append(10)
    assert current(journal) == 3


def test_batch_that_exactly_fills_a_segment_leaves_room_for_the_seal(journal: Journal) -> None:
    room = SEGMENT_BYTES - HEADER_BYTES - 16
    (fitting,) = journal.payloads(0)
    journal.writers[0].append([fitting + b"x" * (room - 16 - len(fitting))])
    journal.acknowledged.append(fitting + b"x" * (room - 16 - len(fitting)))
    assert current(journal) == 1
    journal.append(1)
    assert current(journal) == 2


def test_spare_becomes_the_next_segment_and_is_replaced(journal: Journal) -> None:
    journal.writers[0].prepare()
    calls = len(journal.disk.calls)
    journal.append(300)
    journal.append(300)
    assert "reserve" not in journal.disk.calls[calls : journal.disk.calls.index("create", calls)]
    assert segment.has_spare(journal.disk, journal.directory)


def test_spare_of_another_size_is_not_used(tmp_path: Path) -> None:
    directory, disk = tmp_path / "journal", OsDisk()
    recover(directory, disk, 4096)
    (directory / "spare").write_bytes(bytes(100))
    with closing(Writer(directory, disk, 4096, background=lambda work: work())) as writer:
        writer.append([bytes(4000)])
        writer.append([bytes(4000)])
    assert (directory / "spare").stat().st_size == 4096
    assert segment.path_of(directory, 2).stat().st_size == 4096


def test_spare_is_made_in_the_background(tmp_path: Path) -> None:
    recover(tmp_path / "journal")
    with closing(Writer(tmp_path / "journal")) as writer:
        before = set(threading.enumerate())
        writer.prepare()
        for thread in set(threading.enumerate()) - before:
            thread.join()
    assert (tmp_path / "journal" / "spare").stat().st_size == 64 * 1024 * 1024


def test_failing_to_prepare_a_spare_is_logged_and_harmless(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    journal.disk.fault = fail("rename", errno.ENOSPC)
    journal.writers[0].prepare()
    assert "no spare journal segment could be prepared: ENOSPC" in caplog.text
    assert journal.append(400) and journal.append(400)


def test_full_disk_refuses_and_the_next_append_takes_its_place(journal: Journal) -> None:
    journal.append(10)
    journal.disk.fault = fail("write", errno.ENOSPC)
    assert not journal.append(50, 50)
    assert journal.append(30)
    assert current(journal) == 1


def test_error_names_the_journal_and_the_reason(journal: Journal) -> None:
    journal.disk.fault = fail("write", errno.ENOSPC)
    with pytest.raises(StorageError, match="journal cannot be written: ENOSPC"):
        journal.writers[0].append([b"x"])


def test_failed_sync_abandons_the_segment_and_is_not_repeated(journal: Journal) -> None:
    journal.append(10)
    journal.disk.fault = fail("sync")
    assert not journal.append(50)
    calls = len(journal.disk.calls)
    assert journal.append(30, writer=1)
    assert current(journal) == 2
    assert journal.disk.calls[calls : calls + 2] != ["write", "sync"]


def test_failed_sync_refuses_what_another_writer_has_unsynced(journal: Journal) -> None:
    """The second writer's sync succeeds, yet saves nothing: the kernel forgot the pages when the first failed."""
    journal.append(10)
    payload = journal.payloads(20)
    original = journal.disk.sync
    fault = fail("sync")

    def sync_after_another_failed(file: int) -> None:
        journal.disk.sync = original  # type: ignore[method-assign]
        journal.disk.fault = fault
        assert not journal.append(50, writer=1)
        original(file)

    journal.disk.sync = sync_after_another_failed  # type: ignore[method-assign]
    with pytest.raises(StorageError, match="segment 1 is abandoned"):
        journal.writers[0].append(payload)
    journal.refused |= set(payload)


def test_restart_of_the_server_does_not_believe_what_a_failed_sync_lost(journal: Journal) -> None:
    journal.append(10)
    journal.disk.fault = fail("sync")
    assert not journal.append(50)
    journal.stop()
    assert journal.start() == Report(1, 60, 0, [])


def test_failed_sync_whose_cut_fails_too_is_logged(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    journal.disk.fault = lambda _, name: errno.EIO if name in ("sync", "truncate") else None
    assert not journal.append(50)
    assert "journal segment 1 is abandoned: EIO" in caplog.text
    assert "abandoned journal segment 1 cannot be cut: EIO" in caplog.text


def test_failed_sync_is_no_failure_when_another_sync_covered_it(journal: Journal) -> None:
    """The other writer wrote later and synced first, so both are durable when the first one's sync fails."""
    original = journal.disk.sync
    mine = journal.payloads(20)

    def fail_after_another_succeeded(file: int) -> None:
        journal.disk.sync = original  # type: ignore[method-assign]
        journal.acknowledged += mine
        assert journal.append(50, writer=1)
        journal.disk.fault = fail("sync")
        original(file)

    journal.disk.sync = fail_after_another_succeeded  # type: ignore[method-assign]
    journal.writers[0].append(mine)
    assert journal.append(10)
    assert current(journal) == 2


def test_roll_by_another_writer_during_the_sync_acknowledges_both(journal: Journal) -> None:
    journal.append(100)
    mine = journal.payloads(20)

    def roll() -> None:
        journal.acknowledged += mine
        assert journal.append(400, writer=1)
        assert current(journal) == 2
        assert journal.append(400, writer=1)
        assert current(journal) == 3

    journal.disk.during_sync = roll
    journal.writers[0].append(mine)


def test_abandonment_and_roll_during_a_successful_sync_refuses_what_the_journal_dropped(journal: Journal) -> None:
    journal.append(100)
    mine = journal.payloads(20)

    def abandon_and_roll() -> None:
        journal.disk.fault = fail("sync")
        assert not journal.append(10, writer=1)
        assert journal.append(10, writer=1)
        assert current(journal) == 2

    journal.disk.during_sync = abandon_and_roll
    with pytest.raises(StorageError, match="segment 1 is abandoned"):
        journal.writers[0].append(mine)
    journal.refused |= set(mine)


def test_failed_sync_while_rolling_abandons_and_goes_on(journal: Journal) -> None:
    journal.append(300)
    journal.disk.fault = fail("sync")
    assert journal.append(300)
    assert current(journal) == 2


@pytest.mark.parametrize("stores", range(1, 7))
def test_writer_killed_between_any_two_stores_of_a_roll_harms_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, stores: int
) -> None:
    """Stores to the head during a roll: state, written, synced of the seal, then written, synced, state."""
    journal.append(300)
    with monkeypatch.context() as patch:
        kill_after(patch, stores)
        with pytest.raises(KeyboardInterrupt):
            journal.writers[0].append(journal.payloads(300))
    journal.writers[0].close()
    journal.writers[0] = journal.open_writer()
    assert journal.append(10, writer=1)
    assert journal.append(300)
    assert journal.append(10)


def kill_after(patch: pytest.MonkeyPatch, stores: int) -> None:
    """Let the stores-th store to any head be the last thing that the process does."""
    words = iter(range(1, stores + 1))

    class Words:
        def __init__(self, memory: memoryview):
            self.memory = memory

        def __getitem__(self, index: int) -> int:
            return int(self.memory[index])

        def __setitem__(self, index: int, value: int) -> None:
            self.memory[index] = value
            if next(words, stores) == stores:
                raise KeyboardInterrupt

        def release(self) -> None:
            self.memory.release()

    original = Head.__getattribute__

    def with_killing_words(head: Head, name: str) -> object:
        found = original(head, name)
        return Words(found) if name == "_words" and isinstance(found, memoryview) else found

    patch.setattr(Head, "__getattribute__", with_killing_words)


def test_writer_killed_within_a_write_leaves_nothing_that_counts(journal: Journal) -> None:
    journal.append(10)
    with pytest.raises(MemoryError):
        journal.disk.fault = raise_in("write")
        journal.writers[0].append(journal.payloads(30, 30, 30))
    journal.disk.fault = None
    journal.append(30, writer=1)


def test_seal_never_claims_what_is_not_durable(tmp_path: Path) -> None:
    """A record of a killed writer is unsynced when another rolls, and the machine stops somewhere in that."""
    for seed in range(120):
        journal = Journal(tmp_path / str(seed), writers=2)
        journal.start()
        journal.append(100)
        journal.disk.fault = raise_in("sync")
        unsynced = journal.payloads(200)
        with pytest.raises(MemoryError):
            journal.writers[0].append(unsynced)
        journal.maybe |= set(unsynced)
        journal.disk.fault = None
        journal.disk.crash_at = len(journal.disk.calls) + 1 + seed % 6
        with pytest.raises(MachineCrash):
            journal.append(300, writer=1)
        journal.crash(random.Random(seed))
        assert journal.start().damage == [], f"seed {seed}"
        journal.check()
        journal.stop()


def raise_in(name: str) -> Callable[[int, str], int | None]:
    def fault(_: int, called: str) -> int | None:
        if called == name:
            raise MemoryError
        return None

    return fault


def test_seal_closes_the_segment_and_append_goes_on_in_the_next(journal: Journal) -> None:
    journal.append(10)
    journal.writers[0].seal()
    with closing(Head(journal.directory)) as head:
        assert (head.state, head.written) == (State.SEALED, head.synced)
    journal.writers[1].seal()
    assert journal.append(10)
    assert current(journal) == 2


def test_writer_without_recovery_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"the journal's .* cannot be opened"):
        Writer(tmp_path)


def test_threads_take_turns(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    recover(directory, segment_bytes=4096)
    positions: list[int] = []
    with closing(Writer(directory, segment_bytes=4096)) as writer:

        def work(seed: int) -> None:
            dice = random.Random(seed)
            for _ in range(50):
                positions.extend(writer.append([dice.randbytes(dice.randint(1, 300))]))

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(positions)) == 200
    with closing(Reader(directory)) as reader:
        read = []
        while records := reader.read(1000):
            read += [record.position for record in records]
    assert read == sorted(positions)
    assert all(offset_of(position) >= HEADER_BYTES and segment_of(position) >= 1 for position in read)
