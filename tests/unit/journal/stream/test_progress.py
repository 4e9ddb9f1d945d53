from contextlib import closing
from pathlib import Path

import pytest

from trackway.domain.errors import StorageError
from trackway.domain.position import position_at
from trackway.journal.limits import STREAM_APPENDERS_MAX
from trackway.journal.stream.progress import StreamProgress, make


def test_what_any_appender_has_acknowledged_is_synced(tmp_path: Path) -> None:
    make(tmp_path)
    with closing(StreamProgress(tmp_path)) as one, closing(StreamProgress(tmp_path)) as other:
        one.begin()
        one.saw(1, 1, 4, 400, 7)
        first, second = one.new_appender(), other.new_appender()
        assert one.synced == position_at(1, 5)
        one.appended(first, position_at(1, 8))
        other.appended(second, position_at(1, 7))
        other.appended(second, position_at(1, 6))
        assert one.synced == other.synced == position_at(1, 8)
        other.saw(1, 3, 2, 0, 9)  # a look that is older than the appends
        assert one.synced == position_at(1, 8)
        assert (one.kept_from, one.kept_since_ms()) == (position_at(1, 3), 9)


def test_more_appenders_than_words_share_them(tmp_path: Path) -> None:
    make(tmp_path)
    with closing(StreamProgress(tmp_path)) as progress:
        numbers = [progress.new_appender() for _ in range(STREAM_APPENDERS_MAX + 2)]
        assert numbers[-2:] == [0, 1]
        progress.appended(STREAM_APPENDERS_MAX - 1, position_at(1, 9))
        assert progress.synced == position_at(1, 9)


def test_bytes_are_estimated_by_the_mean_of_the_messages(tmp_path: Path) -> None:
    make(tmp_path)
    with closing(StreamProgress(tmp_path)) as progress:
        progress.saw(2, 11, 20, 5000, 0)
        assert progress.bytes_between(position_at(2, 11), position_at(2, 13)) == 1000
        assert progress.size_bytes() == 5000
        assert progress.lag_bytes(position_at(2, 21)) == 0
        assert progress.lag_bytes(position_at(1, 99)) == 10_000  # nothing of this generation is loaded


def test_a_start_forgets_what_another_noted(tmp_path: Path) -> None:
    make(tmp_path)
    with closing(StreamProgress(tmp_path)) as progress:
        progress.saw(1, 1, 9, 900, 0)
        progress.loaded = progress.synced
    make(tmp_path)
    with closing(StreamProgress(tmp_path)) as progress:
        progress.begin()
        assert (progress.synced, progress.loaded, progress.failing) == (0, 0, True)


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        StreamProgress(tmp_path)
    (tmp_path / "progress").write_bytes(bytes(4096))
    with pytest.raises(StorageError, match="version"):
        StreamProgress(tmp_path)
    (tmp_path / "progress").write_bytes(b"short")
    with pytest.raises(StorageError, match="bytes long"):
        StreamProgress(tmp_path)
