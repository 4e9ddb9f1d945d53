import time

import pytest

from trackway.backup.schedule import _is_due
from trackway.runtime.last_backup import LastBackup


@pytest.mark.parametrize(
    ("ago_s", "place", "due"),
    [(10, "here", False), (3590, "here", False), (3610, "here", True), (10, "elsewhere", True), (-600, "here", True)],
)
def test_a_backup_is_due_by_the_last_one_at_its_place(ago_s: float, place: str, due: bool) -> None:
    last = LastBackup("id", place, int((time.time() - ago_s) * 1000), 1, 1)
    assert _is_due(last, "here", 3600) is due


def test_the_first_backup_is_due_at_once() -> None:
    assert _is_due(None, "here", 3600)
