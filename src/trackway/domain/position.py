"""Positions: where a record is in the journal, as one integer that grows with the journal's order.

A position is opaque: compare positions, store them, and ask the journal for everything else. They lie below 2^63, since
ranks of links count up and down from there (`loader.link_rows`). Each position names one record for all time.

| Bits | generation 0: segment files | later generations |
|---|---|---|
| 56 to 62 | 0 | generation |
| 16 to 55 | segment number << 32, then offset (all 56 bits) | sequence number of the record in its stream |
| 0 to 15 | part of the offset | 0; the number of a sub-position |

A later generation begins when a server moves to another kind of journal, so its positions are larger than all earlier
ones. What one record holds is numbered by sub-positions: they follow the record's position and precede the next one.
"""

from typing import Final

SUB_POSITIONS: Final = 1 << 16
"""Sub-positions of a record in a later generation."""
_GENERATION_SHIFT: Final = 56
_GENERATION_MAX: Final = 127
_SEQUENCE_MAX: Final = (1 << 40) - 1


def position_at(generation: int, sequence: int) -> int:
    """The position of a record in a later generation, by its sequence number."""
    assert 1 <= generation <= _GENERATION_MAX, f"generation {generation}"
    assert 0 <= sequence <= _SEQUENCE_MAX, f"sequence {sequence}"
    return generation << _GENERATION_SHIFT | sequence * SUB_POSITIONS


def generation_of(position: int) -> int:
    return position >> _GENERATION_SHIFT


def generation_begin(position: int) -> int:
    """The position that precedes all records of the generation."""
    return generation_of(position) << _GENERATION_SHIFT


def sub_positions(position: int, payload_bytes: int) -> int:
    """How many sub-positions a record has, itself included.

    In generation 0 the next record begins behind the payload, so each of its bytes is one.
    """
    return payload_bytes if position < 1 << _GENERATION_SHIFT else SUB_POSITIONS


def sub_position(position: int, number: int, room: int) -> int:
    """The sub-position of a record's part, by its number from 0. `room`: `sub_positions` of the record."""
    assert 0 <= number < room, f"part {number} of the record at position {position} has no sub-position below {room}"
    return position + number
