from pathlib import Path

import pytest

from trackway.journal.segments.file_calls import OsDisk


def test_write_and_read_anywhere_in_a_file(tmp_path: Path) -> None:
    disk = OsDisk()
    file = disk.create(tmp_path / "file")
    disk.write(file, b"there", 10)
    disk.write(file, b"here", 0)
    disk.sync(file)
    assert disk.size(file) == 15
    assert disk.read(file, 100, 0) == b"here" + bytes(6) + b"there"
    assert disk.read(file, 100, 15) == b""
    disk.close(file)


def test_create_keeps_what_is_there_and_open_makes_nothing(tmp_path: Path) -> None:
    disk = OsDisk()
    (tmp_path / "file").write_bytes(b"kept")
    file = disk.create(tmp_path / "file")
    assert disk.read(file, 4, 0) == b"kept"
    disk.close(file)
    with pytest.raises(FileNotFoundError):
        disk.open(tmp_path / "other")
    assert disk.names(tmp_path) == ["file"]


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    disk = OsDisk()
    disk.close(disk.create(tmp_path / "file"))
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_reserve_allocates_zeros_and_never_shortens(tmp_path: Path) -> None:
    disk = OsDisk()
    file = disk.create(tmp_path / "file")
    disk.write(file, b"x" * 100, 0)
    disk.reserve(file, 50)
    assert disk.size(file) == 100
    disk.reserve(file, 10_000)
    assert disk.read(file, 20_000, 0) == b"x" * 100 + bytes(9_900)
    assert (tmp_path / "file").stat().st_blocks * 512 >= 10_000
    disk.truncate(file, 7)
    assert disk.size(file) == 7
    disk.close(file)


def test_names_change_by_rename_and_unlink(tmp_path: Path) -> None:
    disk = OsDisk()
    disk.close(disk.create(tmp_path / "a"))
    disk.rename(tmp_path / "a", tmp_path / "b")
    disk.sync_directory(tmp_path)
    assert disk.names(tmp_path) == ["b"]
    disk.unlink(tmp_path / "b")
    assert disk.names(tmp_path) == []
