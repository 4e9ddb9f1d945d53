"""Files of rows for a store on this machine: whole while they are needed, gone afterwards."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from trackway.store.limits import SPOOL_LOOK_BYTES
from trackway.store.spool import Spool, file_of


def test_a_file_has_all_rows_while_it_is_needed_and_is_gone_after_that(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with spool.rows([b"one", b"", b"two" * SPOOL_LOOK_BYTES]) as name:
        path = file_of(tmp_path, name)
        assert path is not None and path.read_bytes() == b"one" + b"two" * SPOOL_LOOK_BYTES
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_gone_when_its_rows_or_its_insert_fail(tmp_path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield b"row"
        raise ValueError("no more rows")

    spool = Spool(tmp_path)
    with pytest.raises(ValueError, match="no more rows"), spool.rows(failing()):
        pytest.fail("the rows are not complete")
    with pytest.raises(ValueError, match="refused"), spool.rows([b"row"]):
        raise ValueError("refused")
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_written_where_the_merges_need_the_room(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught, Spool(tmp_path, keep_free_bytes=1 << 60).rows([b"row"]):
        pytest.fail("there is no room")
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_files_of_a_killed_client_are_removed_and_those_of_the_store_stay(tmp_path: Path) -> None:
    left, own = tmp_path / f"client-{'a' * 32}", tmp_path / ("b" * 32)
    left.write_bytes(b"rows")
    own.write_bytes(b"rows")
    Spool(tmp_path).remove_left()
    assert list(tmp_path.iterdir()) == [own]


@pytest.mark.parametrize(
    "name", ["", "client-", "../x", f"client-{'0' * 31}", f"client-{'G' * 32}", f"client-{'0' * 32}\n"]
)
def test_only_names_that_a_client_gives_are_files(tmp_path: Path, name: str) -> None:
    assert file_of(tmp_path, name) is None
