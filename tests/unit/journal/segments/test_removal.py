from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.journal.scenario import Journal
from trackway.domain.errors import StorageError
from trackway.journal.segments import segment
from trackway.journal.segments.format import position_of
from trackway.journal.segments.head import Head
from trackway.journal.segments.removal import remove_loaded


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Five segments, one record in each."""
    made = Journal(tmp_path / "journal")
    made.start()
    for _ in range(5):
        made.append(300)
    yield made
    made.check()
    made.stop()


def remove(journal: Journal, loaded: int, age_s_min: float = 0) -> tuple[int, int]:
    return remove_loaded(journal.directory, loaded, age_s_min, journal.disk)


def numbers(journal: Journal) -> list[int]:
    return segment.numbers(journal.disk, journal.directory)


def test_loaded_segments_are_removed_and_the_newest_stays(journal: Journal) -> None:
    journal.load()
    assert remove(journal, journal.cursor) == (4, 4 * 512)
    assert numbers(journal) == [5]
    with closing(Head(journal.directory)) as head:
        assert head.kept == 5


def test_segment_loaded_in_part_stays(journal: Journal) -> None:
    journal.load()
    assert remove(journal, position_of(2, 100))[0] == 1
    assert numbers(journal) == [2, 3, 4, 5]


def test_segment_whose_every_record_was_loaded_is_removed(journal: Journal) -> None:
    journal.load()
    header = segment.read_header(journal.disk, journal.directory, 3)
    assert header is not None
    assert remove(journal, position_of(2, header.previous_end))[0] == 2


def test_young_segments_stay(journal: Journal) -> None:
    journal.load()
    assert remove(journal, journal.cursor, 3600) == (0, 0)
    assert numbers(journal) == [1, 2, 3, 4, 5]


def test_nothing_loaded_removes_nothing(journal: Journal) -> None:
    assert remove(journal, 0) == (0, 0)


def test_segment_before_an_invalid_header_stays(journal: Journal) -> None:
    journal.load()
    journal.disk.content(segment.path_of(journal.directory, 3))[4] ^= 1
    assert remove(journal, journal.cursor)[0] == 1


def test_reader_starts_at_the_first_segment_kept(journal: Journal) -> None:
    journal.load()
    remove(journal, position_of(4, 0))
    journal.cursor = 0
    journal.delivered = journal.delivered[:3]
    journal.load()


def test_removal_that_a_crash_undoes_is_harmless(journal: Journal) -> None:
    journal.load()
    journal.disk.fault = lambda _, name: 5 if name == "sync_directory" else None
    with pytest.raises(StorageError, match="segments cannot be removed: EIO"):
        remove(journal, journal.cursor)
    journal.crash()
    journal.start()
    assert numbers(journal) == [1, 2, 3, 4, 5, 6]
    journal.append(10)
    journal.load()
    assert remove(journal, journal.cursor)[0] == 5
