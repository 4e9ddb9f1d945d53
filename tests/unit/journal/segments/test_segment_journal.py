from pathlib import Path

import pytest

from tests.support.journal.conformance import JournalConformance, append, stored
from tests.support.journal.small_segments import SegmentMachine
from tests.support.journal.worked_example import example
from trackway.journal.segments.segment_journal import SegmentJournal


class TestSegmentJournal(JournalConformance):
    @pytest.fixture
    def machine(self, tmp_path: Path) -> SegmentMachine:
        return SegmentMachine(tmp_path / "journal")


def test_a_journal_that_was_written_before_is_read_at_the_same_positions(tmp_path: Path) -> None:
    # The bytes are those of docs/journal-format.md: stored positions are never migrated.
    (tmp_path / "0000000007.seg").write_bytes(example())
    journal = SegmentJournal(tmp_path)
    assert journal.recover().damage == []
    begin = 7 << 32
    assert stored(journal) == [(begin | 32, b"first"), (begin | 53, b"second"), (begin | 75, b"third")]
    assert stored(journal, begin | 75) == [(begin | 75, b"third")]
    assert append(journal, [b"fourth"]) == [8 << 32 | 32]
