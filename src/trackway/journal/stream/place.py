"""Where a record is: the position of a sequence number, and back.

Pure. A position of a later generation is `generation << 56 | sequence << 16` (`domain.position`). A stream begins at
sequence number 1, and a record of several chunks has the position of its first.
"""

from typing import Final

from trackway.domain.position import SUB_POSITIONS, generation_of, position_at

FIRST: Final = 1
_SEQUENCE_BITS: Final = 40


def sequence_of(position: int) -> int:
    """The sequence number in a position of a later generation."""
    return position // SUB_POSITIONS & (1 << _SEQUENCE_BITS) - 1


def begin_in(generation: int, position: int) -> int:
    """The sequence number at which a reader of this generation begins that has read all before `position`.

    All of an earlier generation precedes the first record. The position must not be of a later generation.
    """
    assert generation_of(position) <= generation, f"position {position} is later than generation {generation}"
    return max(sequence_of(position), FIRST) if generation_of(position) == generation else FIRST


def sequences_between(begin: int, end: int) -> int:
    """Sequence numbers from one position up to another. Those of earlier generations are not counted."""
    if generation_of(begin) < generation_of(end):
        begin = position_at(generation_of(end), FIRST)
    return max(sequence_of(end) - sequence_of(begin), 0)
