import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.journal.scenario import Journal
from trackway.domain.errors import StorageError
from trackway.journal.log import Damage
from trackway.journal.segments import segment
from trackway.journal.segments.format import position_of
from trackway.journal.segments.head import Head
from trackway.journal.segments.reader import Reader


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal")
    made.start()
    yield made
    made.stop()


def open_reader(journal: Journal, position: int = 0) -> Reader:
    return Reader(journal.directory, position, journal.disk)


def read_all(reader: Reader, bytes_max: int = 10_000) -> list[bytes]:
    payloads = []
    while records := reader.read(bytes_max):
        payloads += [bytes(record.payload) for record in records]
    return payloads


def hurt(journal: Journal, number: int, offset: int) -> None:
    journal.disk.content(segment.path_of(journal.directory, number))[offset] ^= 1


def test_reader_sees_nothing_in_an_empty_journal(journal: Journal) -> None:
    with closing(open_reader(journal)) as reader:
        assert reader.read(100) == []
        assert reader.damage == []


def test_reader_touches_no_file_when_nothing_is_new(journal: Journal) -> None:
    journal.append(10)
    with closing(open_reader(journal)) as reader:
        assert len(reader.read(100)) == 1
        calls = len(journal.disk.calls)
        assert reader.read(100) == []
        assert len(journal.disk.calls) == calls


def test_reader_sees_no_record_before_its_sync_has_ended(journal: Journal) -> None:
    journal.append(10)
    seen: list[list[bytes]] = []

    with closing(open_reader(journal)) as reader:
        journal.disk.during_sync = lambda: seen.append(read_all(reader))
        journal.append(20)
        assert seen == [journal.acknowledged[:1]]
        assert read_all(reader) == journal.acknowledged[1:]


def test_reader_crosses_segments_at_any_bytes_max(journal: Journal) -> None:
    for size in range(1, 60):
        journal.append(size, size * 3)
    for bytes_max in (1, 16, 17, 50, 333, 512, 100_000):
        with closing(open_reader(journal)) as reader:
            assert read_all(reader, bytes_max) == journal.acknowledged
            assert reader.damage == []


def test_reader_returns_no_more_than_asked_for_but_at_least_one(journal: Journal) -> None:
    journal.append(100, 100, 100)
    with closing(open_reader(journal)) as reader:
        assert len(reader.read(250)) == 2
        assert len(reader.read(1)) == 1
        assert reader.read(250) == []


def test_every_position_is_a_cursor(journal: Journal) -> None:
    for size in range(40):
        journal.append(size)
    with closing(open_reader(journal)) as reader:
        cursors = [(0, reader.position)]
        while records := reader.read(60):
            cursors.append((cursors[-1][0] + len(records), reader.position))
    for read, cursor in cursors:
        with closing(open_reader(journal, cursor)) as reader:
            assert read_all(reader) == journal.acknowledged[read:]


def test_position_of_a_record_reads_on_from_that_record(journal: Journal) -> None:
    journal.append(10, 20, 30)
    with closing(open_reader(journal)) as reader:
        records = reader.read(1000)
    with closing(open_reader(journal, records[1].position)) as reader:
        assert read_all(reader) == journal.acknowledged[1:]


def test_reader_follows_writers_as_they_go(journal: Journal) -> None:
    read: list[bytes] = []
    with closing(open_reader(journal)) as reader:
        for size in range(80):
            journal.append(size)
            read += read_all(reader)
            assert read == journal.acknowledged


def test_reader_follows_a_sealed_journal_into_the_next_start(journal: Journal) -> None:
    journal.append(10)
    journal.writers[0].seal()
    with closing(open_reader(journal)) as reader:
        assert read_all(reader) == journal.acknowledged
        cursor = reader.position
    journal.stop()
    journal.start()
    journal.append(20)
    with closing(open_reader(journal, cursor)) as reader:
        assert read_all(reader) == journal.acknowledged[1:]
        assert reader.damage == []


def test_damaged_record_is_passed_and_reported(journal: Journal) -> None:
    journal.append(20)
    journal.append(20)
    journal.append(20)
    hurt(journal, 1, 32 + 38 + 20)
    with closing(open_reader(journal)) as reader:
        assert read_all(reader) == [journal.acknowledged[0], journal.acknowledged[2]]
        assert reader.damage == [Damage(position_of(1, 70), 38, 1, "no valid record where synced ones were")]


def test_damage_up_to_the_end_of_what_is_synced_is_passed(journal: Journal) -> None:
    journal.append(20)
    journal.append(20, 20)
    for offset in (80, 118):
        hurt(journal, 1, offset)
    with closing(open_reader(journal)) as reader:
        assert read_all(reader) == journal.acknowledged[:1]
        assert [(damage.bytes, damage.records) for damage in reader.damage] == [(76, 2)]
        journal.append(30)
        assert read_all(reader) == journal.acknowledged[3:]


def test_damaged_length_does_not_hide_the_records_behind_it(journal: Journal) -> None:
    journal.append(20)
    journal.append(20)
    hurt(journal, 1, 32 + 7)
    with closing(open_reader(journal)) as reader:
        assert read_all(reader) == journal.acknowledged[1:]
        assert len(reader.damage) == 1


def test_damaged_last_record_and_seal_of_an_older_segment_are_passed(journal: Journal) -> None:
    journal.append(350)
    journal.append(60)
    journal.append(200)
    with closing(Head(journal.directory)) as head:
        assert head.segment == 2
    hurt(journal, 1, 32 + 18 + 350 + 20)
    hurt(journal, 1, 32 + 18 + 350 + 18 + 60 + 4)
    with closing(open_reader(journal)) as reader:
        assert read_all(reader) == [journal.acknowledged[0], journal.acknowledged[2]]
        assert [damage.bytes for damage in reader.damage] == [18 + 60 + 16]


def test_damaged_header_of_the_next_segment_hides_no_record(journal: Journal) -> None:
    for _ in range(4):
        journal.append(300)
    hurt(journal, 3, 5)
    with closing(open_reader(journal)) as reader:
        assert read_all(reader) == journal.acknowledged
        assert reader.damage == []


def test_missing_segment_is_reported(journal: Journal) -> None:
    for _ in range(4):
        journal.append(300)
    journal.disk.unlink(segment.path_of(journal.directory, 2))
    with closing(open_reader(journal)) as reader:
        assert read_all(reader) == [journal.acknowledged[0], *journal.acknowledged[2:]]
        assert [damage.reason for damage in reader.damage] == ["segments 2 to 2 are missing"]


def test_missing_newest_segment_is_an_error(journal: Journal) -> None:
    journal.append(300)
    journal.append(300)
    journal.disk.unlink(segment.path_of(journal.directory, 2))
    with closing(open_reader(journal)) as reader:
        assert len(reader.read(1000)) == 1
        with pytest.raises(StorageError, match="journal segment 2 is missing"):
            reader.read(1000)


def test_position_beyond_the_end_is_refused(journal: Journal) -> None:
    with pytest.raises(StorageError, match="ends at position 4294967328, before the wanted 8589934592"):
        open_reader(journal, position_of(2, 0))


def test_disk_error_is_raised_and_nothing_is_passed_over(journal: Journal) -> None:
    journal.append(10)
    journal.append(300)
    journal.append(300)
    with closing(open_reader(journal)) as reader:
        read: list[bytes] = []
        failed = 0
        dice = random.Random(1)
        journal.disk.fault = lambda number, name: 5 if dice.random() < 0.5 else None
        for _ in range(1000):
            try:
                read += [bytes(record.payload) for record in reader.read(100)]
            except StorageError:
                failed += 1
        assert read == journal.acknowledged
        assert reader.damage == []
        assert failed
