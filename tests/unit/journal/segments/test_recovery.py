import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.journal.faulty_disk import FaultyDisk
from tests.support.journal.scenario import SEGMENT_BYTES, Journal
from trackway.domain.errors import StorageError
from trackway.journal.limits import JOURNAL_SEGMENT_NUMBER_MAX
from trackway.journal.segments import format, segment
from trackway.journal.segments.file_calls import OsDisk
from trackway.journal.segments.format import position_of
from trackway.journal.segments.head import Head, State
from trackway.journal.segments.reader import Reader
from trackway.journal.segments.recovery import Report, recover
from trackway.journal.segments.removal import remove_loaded
from trackway.journal.segments.writer import Writer


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path / "journal")
    made.start()
    return made


def newest(journal: Journal) -> bytearray:
    number = segment.numbers(journal.disk, journal.directory)[-1]
    return journal.disk.content(segment.path_of(journal.directory, number))


def test_recover_makes_a_journal_out_of_nothing(tmp_path: Path) -> None:
    assert recover(tmp_path / "a" / "b" / "journal") == Report(0, 0, 0, [])
    with closing(Head(tmp_path / "a" / "b" / "journal")) as head:
        assert head.written == head.synced == position_of(1, 32)
        assert (head.state, head.loaded, head.heartbeat_ms, head.kept) == (State.OPEN, 0, 0, 1)


def test_recover_makes_the_names_of_new_directories_durable(tmp_path: Path) -> None:
    disk = FaultyDisk()
    recover(tmp_path / "a" / "b" / "journal", disk, SEGMENT_BYTES)
    assert disk.calls[:4] == ["sync_directory", "sync_directory", "sync_directory", "names"]


def test_recover_opens_a_new_segment_each_time(journal: Journal) -> None:
    journal.stop()
    assert [journal.start().segments for _ in range(3)] == [1, 2, 3]
    assert segment.numbers(journal.disk, journal.directory) == [1, 2, 3, 4]


def test_recover_cuts_the_torn_tail_and_reports_it(journal: Journal) -> None:
    journal.append(10)
    journal.stop()
    whole, _ = format.encode(1, 32 + 28, 60, [b"torn apart"])
    newest(journal)[60 : 60 + 20] = whole[:20]
    assert journal.start() == Report(1, 60, 20, [])
    journal.check()
    assert len(journal.delivered) == 1


def test_recover_keeps_whole_records_that_nobody_was_told_of(journal: Journal) -> None:
    journal.append(10)
    whole, _ = format.encode(1, 60, 60, [b"whole"])
    journal.maybe.add(b"whole")
    journal.stop()
    newest(journal)[60 : 60 + len(whole)] = whole
    assert journal.start().torn_bytes_cut == 0
    journal.check()
    assert len(journal.delivered) == 2


def test_whole_records_of_a_failed_sync_are_durable_once_recovered(journal: Journal) -> None:
    """The writer was killed before it could say that its sync failed, so the system shows records it will not write."""
    journal.append(10)
    payloads = journal.payloads(20)
    journal.maybe |= set(payloads)
    file = journal.disk.open(segment.path_of(journal.directory, 1))
    journal.disk.write(file, format.encode(1, 60, 60, payloads)[0], 60)
    journal.disk.fault = lambda _, name: 5 if name == "sync" else None
    with pytest.raises(OSError, match="EIO"):
        journal.disk.sync(file)
    journal.disk.fault = None
    journal.stop()
    journal.start()
    journal.check()
    assert len(journal.delivered) == 2
    journal.crash()
    journal.start()
    journal.cursor, journal.delivered = 0, []
    journal.check()


def test_recover_reports_corruption_that_a_later_record_proves(journal: Journal) -> None:
    for _ in range(3):
        journal.append(10)
    journal.stop()
    newest(journal)[70] ^= 1
    report = journal.start()
    assert (report.torn_bytes_cut, [damage.position for damage in report.damage]) == (0, [position_of(1, 60)])
    with closing(Reader(journal.directory, 0, journal.disk)) as reader:
        assert [bytes(record.payload) for record in reader.read(1000)] == journal.acknowledged[:1]
        assert [bytes(record.payload) for record in reader.read(1000)] == journal.acknowledged[2:]
        assert reader.damage == report.damage


def test_seal_proves_that_the_last_record_was_acknowledged(journal: Journal) -> None:
    journal.append(10)
    journal.writers[0].seal()
    journal.stop()
    newest(journal)[50] ^= 1
    report = journal.start()
    assert [damage.bytes for damage in report.damage] == [28]


def test_invalid_header_of_the_newest_segment_is_written_anew(journal: Journal) -> None:
    for _ in range(3):
        journal.append(300)
    journal.stop()
    newest(journal)[9] ^= 1
    report = journal.start()
    assert [damage.reason for damage in report.damage] == ["no valid segment header"]
    header = segment.read_header(journal.disk, journal.directory, 3)
    assert header is not None
    assert header.previous_end == 32 + 18 + 300 + 16
    journal.check()


def test_segment_that_never_got_its_header_is_no_damage(journal: Journal) -> None:
    journal.append(300)
    journal.stop()
    journal.disk.create(segment.path_of(journal.directory, 2))
    assert journal.start().damage == []
    assert segment.numbers(journal.disk, journal.directory) == [1, 2, 3]
    journal.append(10)
    journal.check()


def test_segment_of_a_later_version_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "journal"
    with monkeypatch.context() as patch:
        patch.setattr(format, "VERSION", 2)
        recover(directory, segment_bytes=SEGMENT_BYTES)
    before = segment.path_of(directory, 1).read_bytes()
    with pytest.raises(StorageError, match="format version 2, known is 1"):
        recover(directory, segment_bytes=SEGMENT_BYTES)
    assert segment.path_of(directory, 1).read_bytes() == before


def test_unreadable_disk_refuses_the_start(journal: Journal) -> None:
    journal.append(10)
    journal.stop()
    journal.disk.fault = lambda _, name: 5 if name == "read" else None
    with pytest.raises(StorageError, match="cannot be recovered: EIO"):
        journal.start()
    journal.disk.fault = None
    journal.start()
    journal.check()


@pytest.mark.parametrize("content", [b"", b"short", bytes(4096), b"\xff" * 4096, b"\xff" * 9000])
def test_head_of_any_content_is_set_right(journal: Journal, content: bytes) -> None:
    journal.append(10)
    journal.stop()
    (journal.directory / "head").write_bytes(content)
    journal.start()
    journal.append(10)
    journal.check()


def test_writer_left_over_from_the_run_before_goes_on_in_the_new_segment(journal: Journal) -> None:
    """A process that outlived its supervisor holds the old mapping: it is the same memory."""
    journal.append(10)
    survivor = journal.writers[0]
    recover(journal.directory, journal.disk, SEGMENT_BYTES)
    assert journal.append(20)
    journal.writers = [survivor]
    assert journal.append(30)
    journal.check()
    assert segment.numbers(journal.disk, journal.directory) == [1, 2]


def test_sync_that_recovery_overtakes_is_acknowledged_rightly(journal: Journal) -> None:
    journal.append(10)
    journal.disk.during_sync = lambda: print(recover(journal.directory, journal.disk, SEGMENT_BYTES))
    assert journal.append(20)
    journal.check()


def test_numbers_go_on_when_all_older_segments_are_gone(journal: Journal) -> None:
    for _ in range(5):
        journal.append(300)
    journal.load()
    for _ in range(2):
        remove_loaded(journal.directory, journal.cursor, 0, journal.disk)
        journal.crash()
        journal.start()
        journal.load()
    assert segment.numbers(journal.disk, journal.directory)[-1] == 7
    journal.append(10)
    journal.check()


def test_recover_reads_a_full_segment_well_within_the_time_of_a_start(tmp_path: Path) -> None:
    """The bound of a start is two seconds; what is asserted is the work, by comparison with reading the records."""
    directory = tmp_path / "journal"
    recover(directory, OsDisk())
    with closing(Writer(directory)) as writer:
        writer.append([bytes(500)] * 15_000)
    began = time.perf_counter()
    with closing(Reader(directory)) as reader:
        assert len(reader.read(100_000_000)) == 15_000
    read_s = time.perf_counter() - began
    began = time.perf_counter()
    assert recover(directory).torn_bytes_cut == 0
    assert time.perf_counter() - began < 20 * read_s + 1


def test_the_last_segment_number_is_used_and_no_number_after_it(tmp_path: Path) -> None:
    # A larger number would reach into the positions of later generations.
    journal = Journal(tmp_path)
    journal.disk.create(segment.path_of(tmp_path, JOURNAL_SEGMENT_NUMBER_MAX - 1))
    journal.start()
    with closing(Head(tmp_path)) as head:
        assert head.written == position_of(JOURNAL_SEGMENT_NUMBER_MAX, 32) < 1 << 56
    assert journal.append(10)
    assert not journal.append(600)
    journal.crash()
    with pytest.raises(StorageError, match="has used all 16777215 segment numbers"):
        journal.start()
