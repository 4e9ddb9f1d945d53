from contextlib import closing
from pathlib import Path

import pytest

from trackway.domain.errors import StorageError
from trackway.journal.segments.format import position_of
from trackway.journal.segments.segment_journal import SegmentJournal

SEGMENT_BYTES = 4096


@pytest.mark.parametrize(
    ("cursor", "end"),
    [(0, 0), (position_of(3, 500), position_of(3, 500)), (position_of(3, 500), position_of(3, 900)),
     (position_of(7, 4000), position_of(9, 32))],
)  # fmt: skip
def test_a_reader_at_the_cursor_misses_nothing_and_new_records_come_after_the_end(
    tmp_path: Path, cursor: int, end: int
) -> None:
    directory = tmp_path / "journal"
    journal = SegmentJournal(directory, segment_bytes=SEGMENT_BYTES)
    journal.begin_after(cursor, end)
    assert journal.recover().damage == []
    with closing(journal.source(cursor)) as source, closing(journal._writer()) as writer:
        assert source.read(1000) == [] and source.damage == []
        [position] = writer.append([b"record"])
        assert position > end
        [record] = source.read(1000)
        assert (record.position, bytes(record.payload), source.damage) == (position, b"record", [])


def test_a_journal_that_is_there_is_not_touched(tmp_path: Path) -> None:
    journal = SegmentJournal(tmp_path / "journal", segment_bytes=SEGMENT_BYTES)
    journal.recover()
    before = {path.name: path.read_bytes() for path in (tmp_path / "journal").iterdir()}
    with pytest.raises(StorageError, match="there is a journal"):
        journal.begin_after(0, 0)
    assert {path.name: path.read_bytes() for path in (tmp_path / "journal").iterdir()} == before
