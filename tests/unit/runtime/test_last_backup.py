from pathlib import Path

import pytest

from trackway.runtime.last_backup import LastBackup, last_backup, note_backup


def test_the_last_backup_is_the_one_that_was_noted_last(tmp_path: Path) -> None:
    assert last_backup(tmp_path) is None
    for number in (1, 2):
        noted = LastBackup(f"id-{number}", "s3://b/k", number, 10, 5)
        note_backup(tmp_path, noted)
        assert last_backup(tmp_path) == noted
    assert [path.name for path in tmp_path.iterdir()] == ["backup.json"]


@pytest.mark.parametrize("content", [b"", b"{}", b'{"id":1}'])
def test_a_file_that_cannot_be_read_is_no_backup(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "backup.json").write_bytes(content)
    assert last_backup(tmp_path) is None


def test_a_note_that_cannot_be_written_fails_nothing(tmp_path: Path) -> None:
    note_backup(tmp_path / "gone", LastBackup("id", "here", 1, 1, 1))
