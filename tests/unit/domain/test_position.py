import pytest

from trackway.domain.position import SUB_POSITIONS, generation_of, position_at, sub_position, sub_positions

SEGMENTS_END = 1 << 56


def test_positions_of_a_later_generation_follow_all_of_earlier_ones() -> None:
    first, last = position_at(1, 0), position_at(127, (1 << 40) - 1)
    assert SEGMENTS_END - 1 < first < position_at(1, 1) < position_at(2, 0) < last
    assert [generation_of(position) for position in (1 << 32 | 32, SEGMENTS_END - 1, first, last)] == [0, 0, 1, 127]


def test_every_sub_position_lies_before_the_next_record_and_below_two_to_the_63() -> None:
    for generation, sequence in ((1, 0), (1, 7), (127, (1 << 40) - 2)):
        position = position_at(generation, sequence)
        room = sub_positions(position, 1)
        assert sub_position(position, 0, room) == position
        assert sub_position(position, room - 1, room) < position_at(generation, sequence + 1)
    last = position_at(127, (1 << 40) - 1)
    assert sub_position(last, SUB_POSITIONS - 1, SUB_POSITIONS) < 1 << 63


def test_a_record_in_segment_files_has_a_sub_position_for_each_byte_of_its_payload() -> None:
    position = 7 << 32 | 32
    assert sub_positions(position, 5) == 5
    assert sub_position(position, 4, 5) == position + 4


@pytest.mark.parametrize(("generation", "sequence"), [(0, 1), (128, 1), (1, -1), (1, 1 << 40)])
def test_a_position_that_would_not_fit_is_not_made(generation: int, sequence: int) -> None:
    with pytest.raises(AssertionError):
        position_at(generation, sequence)


@pytest.mark.parametrize("position", [7 << 32 | 32, position_at(1, 7)])
def test_a_part_beyond_the_room_of_its_record_is_not_numbered(position: int) -> None:
    room = sub_positions(position, 20)
    with pytest.raises(AssertionError, match="no sub-position"):
        sub_position(position, room, room)
