from contextlib import closing
from pathlib import Path

import pytest

from trackway.domain.errors import StorageError
from trackway.journal.segments import head
from trackway.journal.segments.format import position_of
from trackway.journal.segments.head import Head, State
from trackway.journal.shared_words import FILE_BYTES


def test_words_are_shared_by_all_who_open_the_head(tmp_path: Path) -> None:
    head.make(tmp_path)
    with closing(Head(tmp_path)) as one, closing(Head(tmp_path)) as other:
        one.begin(9)
        one.loaded = position_of(8, 7)
        one.heartbeat_ms = 1_767_323_045_000
        one.kept = 3
        one.state = State.ABANDONED
        assert (other.segment, other.written, other.synced) == (9, position_of(9, 32), position_of(9, 32))
        assert (other.loaded, other.heartbeat_ms, other.kept) == (position_of(8, 7), 1_767_323_045_000, 3)
        assert other.state is State.ABANDONED


def test_synced_of_an_older_segment_is_no_offset_of_the_current_one(tmp_path: Path) -> None:
    head.make(tmp_path)
    with closing(Head(tmp_path)) as words:
        words.synced = position_of(1, 5000)
        words.written = position_of(2, 600)
        assert words.synced_offset == 32
        words.synced = position_of(2, 500)
        assert words.synced_offset == 500


def test_words_survive_making_the_head_again(tmp_path: Path) -> None:
    head.make(tmp_path)
    with closing(Head(tmp_path)) as words:
        words.loaded = 77
        head.make(tmp_path)
        assert words.loaded == 77


def test_blocks_of_the_head_are_allocated(tmp_path: Path) -> None:
    head.make(tmp_path)
    assert (tmp_path / "head").stat().st_blocks * 512 >= FILE_BYTES


def test_missing_short_and_foreign_heads_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be opened: No such file"):
        Head(tmp_path)
    (tmp_path / "head").write_bytes(b"short")
    with pytest.raises(StorageError, match="is not 4096 bytes long"):
        Head(tmp_path)
    (tmp_path / "head").write_bytes(bytes(4096))
    with pytest.raises(StorageError, match="is of another version"):
        Head(tmp_path)
