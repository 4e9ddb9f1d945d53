from pathlib import Path

import pytest

from tests.support.journal.conformance import WriterKills
from tests.support.journal.small_segments import PLACE


class TestSegmentJournal(WriterKills):
    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return f"{PLACE} {tmp_path / 'journal'}"
