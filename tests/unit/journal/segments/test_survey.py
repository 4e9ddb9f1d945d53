"""The truth table of damage: which bytes of a segment are hurt, and what must be said of it."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from trackway.journal.segments import format
from trackway.journal.segments.survey import survey

SEGMENT = 3
SIZE = 400
Hurt = Callable[[bytearray], None]


def segment(seal: bool = False) -> bytearray:
    """Batches [a b] [c] [d] at 32, 52 | 72 | 92, the last two written when 72 bytes were durable; then zeros."""
    content = bytearray(format.encode_header(format.Header(SEGMENT, 0, 0)))
    for synced, payloads in ((32, [b"aaaa", b"bbbb"]), (72, [b"cccc"]), (72, [b"dddd"])):
        content += format.encode(SEGMENT, len(content), synced, payloads)[0][:-4]
    if seal:
        content += format.encode_seal(SEGMENT, len(content), len(content))
    return content + bytes(SIZE - len(content))


def zero(start: int, end: int) -> Hurt:
    def hurt(content: bytearray) -> None:
        content[start:end] = bytes(end - start)

    return hurt


def flip(at: int) -> Hurt:
    def hurt(content: bytearray) -> None:
        content[at] ^= 4

    return hurt


def cut(at: int) -> Hurt:
    def hurt(content: bytearray) -> None:
        del content[at:]

    return hurt


def nothing(content: bytearray) -> None:
    pass


class Case(NamedTuple):
    name: str
    hurt: Hurt
    sealed: bool
    end: int
    records: int
    torn: int
    damage: list[tuple[int, int, int]]
    """Of each: offset, bytes, estimated records."""


CASES = [
    Case("whole", nothing, False, 112, 4, 0, []),
    Case("whole and sealed", nothing, True, 128, 4, 0, []),
    Case("header invalid, records whole", flip(3), False, 112, 4, 0, []),
    Case("empty", zero(32, SIZE), False, 32, 0, 0, []),
    Case("nothing but zeros", zero(0, SIZE), False, 32, 0, 0, []),
    Case("no file content", cut(0), False, 32, 0, 0, []),
    Case("file ends after a record", cut(112), False, 112, 4, 0, []),
    Case("file ends within a payload", cut(110), False, 92, 3, 18, []),
    Case("file ends within a frame", cut(100), False, 92, 3, 5, []),
    Case("last record torn", zero(108, 112), False, 92, 3, 16, []),
    Case("last record flipped", flip(110), False, 92, 3, 20, []),
    Case("unsynced record flipped, a later one whole", flip(80), False, 72, 2, 40, []),
    Case("unsynced record missing, a later one whole", zero(72, 92), False, 72, 2, 40, []),
    Case("synced record flipped, a later one proves it", flip(60), False, 112, 3, 0, [(52, 20, 1)]),
    Case("synced record missing, a later one proves it", zero(52, 72), False, 112, 3, 0, [(52, 20, 1)]),
    Case("first record flipped", flip(40), False, 112, 3, 0, [(32, 20, 1)]),
    Case("all synced records missing", zero(32, 72), False, 112, 2, 0, [(32, 40, 2)]),
    Case("proof and one unsynced record missing", zero(52, 92), False, 112, 2, 0, [(52, 40, 2)]),
    Case("synced record missing, proof too", zero(52, 112), False, 52, 1, 0, []),
    Case("length of a synced record too large", flip(59), False, 112, 3, 0, [(52, 20, 1)]),
    Case("two synced records, one by one", lambda content: (flip(40)(content), flip(60)(content))[0], False, 112, 2, 0,
         [(32, 40, 2)]),
    Case("synced record and unsynced tail", lambda content: (flip(40)(content), flip(100)(content))[0], False, 92, 2,
         20, [(32, 20, 1)]),
    Case("synced and unsynced record, whole tail", lambda content: (flip(40)(content), flip(80)(content))[0], False, 72,
         1, 40, [(32, 20, 1)]),
    Case("last record flipped, but sealed", flip(110), True, 128, 3, 0, [(92, 20, 1)]),
    Case("seal flipped", flip(120), True, 112, 4, 16, []),
    Case("seal and last record flipped", lambda content: (flip(120)(content), flip(110)(content))[0], True, 92, 3, 36,
         []),
    Case("everything before the seal missing", zero(32, 112), True, 128, 0, 0, [(32, 80, 1)]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_survey_tells_corruption_from_torn_tail(case: Case) -> None:
    content = segment(case.sealed)
    case.hurt(content)
    found = survey(bytes(content), SEGMENT)
    assert (found.end, found.records, found.torn) == (case.end, case.records, case.torn)
    base = format.position_of(SEGMENT, 0)
    assert [(damage.position - base, damage.bytes, damage.records) for damage in found.damage] == case.damage


def test_remains_of_a_longer_batch_do_not_count() -> None:
    """A writer died within a batch; the next wrote a shorter one over its beginning."""
    content = segment()
    remains, _ = format.encode(SEGMENT, 112, 112, [b"eeee", b"ffff", b"gggg"])
    content[112 : 112 + len(remains)] = remains
    over, _ = format.encode(SEGMENT, 112, 112, [b"EEEE"])
    content[112 : 112 + len(over)] = over
    found = survey(bytes(content), SEGMENT)
    assert (found.end, found.records, found.damage) == (132, 5, [])
    assert found.torn > 0
