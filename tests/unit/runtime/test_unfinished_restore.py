from pathlib import Path

import pytest

from trackway.domain.errors import StateError
from trackway.runtime.unfinished_restore import MARK, refuse_unfinished


def test_a_directory_with_an_unfinished_restore_is_refused(tmp_path: Path) -> None:
    refuse_unfinished(tmp_path)
    (tmp_path / MARK).touch()
    with pytest.raises(StateError, match="trackway restore"):
        refuse_unfinished(tmp_path)
