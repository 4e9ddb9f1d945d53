"""The key by which the operator's commands show that they may read the data directory."""

import stat
from pathlib import Path

import pytest

from trackway.domain.errors import StorageError
from trackway.runtime.operator_key import make_operator_key, operator_key


def test_key_is_read_again_and_private_and_new_at_each_start(tmp_path: Path) -> None:
    first = make_operator_key(tmp_path)
    assert operator_key(tmp_path) == first and len(first) == 64
    assert stat.S_IMODE((tmp_path / "operator.key").stat().st_mode) == 0o600
    assert make_operator_key(tmp_path) != first


def test_without_a_key_there_is_none(tmp_path: Path) -> None:
    assert operator_key(tmp_path) == ""
    with pytest.raises(StorageError, match=r"operator\.key cannot be written"):
        make_operator_key(tmp_path / "missing")
