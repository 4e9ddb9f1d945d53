from pathlib import Path

import pytest

from trackway.backup.leftovers import alone, engine_of, forget_killed
from trackway.domain.errors import StateError


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """With what a killed backup leaves."""
    for left in (engine_of(tmp_path) / "shadow/trackway_1x0", tmp_path / "run/backup-abc"):
        left.mkdir(parents=True)
        (left / "file").write_text("x")
    (engine_of(tmp_path) / "shadow/somebodys").mkdir()
    return tmp_path


def left(data_dir: Path) -> list[str]:
    return sorted(path.name for path in (*(engine_of(data_dir) / "shadow").iterdir(), *(data_dir / "run").glob("*-*")))


def test_what_a_killed_backup_left_is_removed_and_nothing_else(data_dir: Path) -> None:
    forget_killed(data_dir)
    assert left(data_dir) == ["somebodys"]


def test_a_backup_that_runs_keeps_its_files_and_others_away(data_dir: Path) -> None:
    with alone(data_dir):
        assert left(data_dir) == ["somebodys"]
        (engine_of(data_dir) / "shadow/trackway_2x0").mkdir()
        forget_killed(data_dir)
        assert "trackway_2x0" in left(data_dir)
        with pytest.raises(StateError, match="another backup"), alone(data_dir):
            pass
    assert left(data_dir) == ["somebodys"]
