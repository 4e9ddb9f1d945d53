"""Where the lines lie that keep the engine away from a full disk, and what each of them holds up."""

import pytest

from trackway.runtime.disk_room import Disk, is_held, kept_by_engine, load_bytes_max, mark_of

MIB, GIB = 1 << 20, 1 << 30
MARK = 1024 * MIB


def disk(free: int, wanted: int = 0) -> Disk:
    return Disk(free, 100 * GIB, wanted, MARK)


@pytest.mark.parametrize(
    ("total", "mark"),
    [
        (400 * MIB, 100 * MIB),
        (4 * GIB, GIB),
        (10 * GIB, GIB),
        (100 * GIB, 5 * GIB),
        (1000 * GIB, 10 * GIB),
    ],
)
def test_default_is_a_part_of_the_disk_within_bounds(total: int, mark: int) -> None:
    assert mark_of(0, total) == mark
    assert mark_of(7 * MIB, total) == 7 * MIB


def test_nothing_is_taken_in_below_the_mark_of_any_disk() -> None:
    assert not is_held([disk(MARK), disk(50 * GIB)], was_held=False)
    assert is_held([disk(50 * GIB), disk(MARK - 1)], was_held=False)


def test_what_merges_may_still_write_counts_as_taken() -> None:
    assert is_held([disk(MARK + 500 * MIB, wanted=501 * MIB)], was_held=False)


def test_what_was_held_goes_on_only_some_way_above_the_mark() -> None:
    assert is_held([disk(MARK + 127 * MIB)], was_held=True)
    assert not is_held([disk(MARK + 128 * MIB)], was_held=True)


def test_loader_loads_below_the_mark_and_stops_before_the_room_is_gone() -> None:
    assert load_bytes_max([disk(MARK)]) == MARK // 16
    assert 0 < load_bytes_max([disk(MARK // 2 + 8 * MIB)]) <= MIB
    assert load_bytes_max([disk(MARK // 2)]) == 0
    assert load_bytes_max([disk(50 * GIB), disk(0)]) == 0


def test_engine_keeps_less_free_than_the_loader_leaves() -> None:
    assert kept_by_engine(MARK) < MARK // 2
