import pytest

from trackway.domain.position import position_at
from trackway.journal.stream.place import begin_in, sequence_of, sequences_between

LOCAL = 5 << 32 | 32


def test_a_sequence_number_comes_back_from_its_position() -> None:
    for generation in (1, 127):
        for sequence in (1, 2, (1 << 40) - 1):
            assert sequence_of(position_at(generation, sequence)) == sequence
            assert sequence_of(position_at(generation, sequence) + 65_535) == sequence


@pytest.mark.parametrize(
    ("position", "begin"),
    [
        (0, 1),
        (LOCAL, 1),
        (position_at(1, 900), 1),
        (position_at(2, 0), 1),
        (position_at(2, 1), 1),
        (position_at(2, 900), 900),
    ],
)
def test_a_reader_begins_behind_what_was_read_in_its_own_generation(position: int, begin: int) -> None:
    assert begin_in(2, position) == begin


def test_sequences_between_positions_are_those_of_the_later_generation() -> None:
    assert sequences_between(position_at(1, 3), position_at(1, 10)) == 7
    assert sequences_between(position_at(1, 10), position_at(1, 3)) == 0
    assert sequences_between(LOCAL, position_at(1, 10)) == 9
    assert sequences_between(position_at(1, 500), position_at(2, 10)) == 9
