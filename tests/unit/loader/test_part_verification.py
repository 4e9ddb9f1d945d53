"""Which parts the sweep reads."""

from pathlib import Path

import pytest

from trackway.loader.part_verification import PartVerification
from trackway.store.parts import Part

FILE = "data.bin"


@pytest.fixture
def part(tmp_path: Path) -> Part:
    """A part of an insert of events."""
    (tmp_path / FILE).write_bytes(b"rows")
    return Part("events", "all_1_1_0", 1, 1, 1, 1_700_000_000, str(tmp_path))


def spoil(verification: PartVerification, part: Part) -> None:
    """The sweep sees the part before its file is cut, and afterwards."""
    verification.compare_sizes([part])
    (Path(part.path) / FILE).write_bytes(b"")
    verification.compare_sizes([part])


def test_a_part_that_counts_is_read_again_when_its_files_have_other_sizes(part: Part) -> None:
    verification = PartVerification()
    verification.begin([part], [])
    spoil(verification, part)
    assert verification.unread([part]) == [part]


def test_a_part_of_an_insert_that_does_not_count_yet_is_left_to_the_loader(part: Part) -> None:
    """The loader drops it and inserts its rows again. For the sweep it would be damage."""
    verification = PartVerification()
    verification.begin([], [])
    spoil(verification, part)
    assert verification.unread([part]) == []
