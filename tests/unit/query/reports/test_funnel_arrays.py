"""Many persons followed at once count as each of them alone."""

import random
from collections.abc import Sequence
from datetime import date
from itertools import accumulate, chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.query.reports import funnel_arrays, funnel_medians, funnel_places
from trackway.query.reports.funnel import Count, Funnel, FunnelNumbers, FunnelQuestion, Step
from trackway.query.reports.funnel_arrays import FunnelArrays, all_of
from trackway.query.reports.funnel_events import BITS
from trackway.query.reports.funnel_totals import FunnelTotals
from trackway.query.reports.funnel_tries import path_of
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import Days
from trackway.query.sql.selector import Selector
from trackway.store.native_arrays import read_blocks

FIRST, LAST = date(2025, 3, 29), date(2025, 3, 31)  # the clocks of Berlin change between them
DAY_MS = 86_400_000
BEGIN_MS = Days("Europe/Berlin").start_ms(FIRST) - DAY_MS
STEPS = [Step(Selector(name, None), name) for name in ("a", "b", "c")]

# Close together, so that the grace, ends of windows and bounds of days are met.
MOMENTS = st.one_of(
    st.integers(0, 8).map(lambda number: 2 * DAY_MS - 4000 + 1000 * number),
    st.integers(0, 20).map(lambda number: number * DAY_MS // 4),
    st.integers(0, 5 * DAY_MS),
)
EVENTS = st.tuples(MOMENTS, st.sampled_from([1, 2, 4, 1, 3, 6]))
WHO = [7, 2**64 - 1, 2**63, 1, 2**63 - 1, 8]
PERSONS = st.lists(st.lists(EVENTS, min_size=1, max_size=12), max_size=6)


def question(window_ms: int, counted: Count, interval: int) -> FunnelQuestion:
    buckets = Buckets(Days("Europe/Berlin"), FIRST, LAST, interval=interval)
    return FunnelQuestion(1, Funnel(STEPS, window_ms, counted), buckets)


def codes(person: Sequence[tuple[int, int]]) -> list[int]:
    return sorted((BEGIN_MS + at_ms) << BITS | bits for at_ms, bits in person)


def alone(asked: FunnelQuestion, persons: Sequence[list[int]]) -> FunnelNumbers:
    totals = FunnelTotals(asked)
    totals.add([(person,) for person in persons])
    return totals.all()


def column(name: bytes, lists: Sequence[Sequence[int]]) -> bytes:
    """A column of Array(UInt64) in the Native format."""
    ends = accumulate(map(len, lists))
    values = b"".join(each.to_bytes(8, "little") for each in (*ends, *chain(*lists)))
    return bytes([len(name)]) + name + b"\x0dArray(UInt64)" + values


def block(rows: Sequence[Sequence[tuple[int, int]]]) -> bytes:
    """Rows of some persons' numbers and events each."""
    who, events = ([[event[place] for event in row] for row in rows] for place in (0, 1))
    return bytes([2, len(rows)]) + column(b"who", who) + column(b"each", events)


def native(persons: Sequence[list[int]], chosen: random.Random) -> bytes:
    """The persons in some rows and blocks, the events of a row in any order."""
    rows: list[list[tuple[int, int]]] = [[] for _ in range(chosen.randint(1, 4))]
    for number, person in enumerate(persons):
        row = chosen.choice(rows)
        for code in person:
            row.append((WHO[number], code >> BITS << len(STEPS) | code & (1 << BITS) - 1))
    for row in rows:
        chosen.shuffle(row)
    cut = chosen.randint(0, len(rows))
    return block(rows[:cut]) + block(rows[cut:])


def at_once(
    asked: FunnelQuestion, persons: Sequence[list[int]], piece_bytes: int, chosen: random.Random
) -> FunnelNumbers:
    parts = [FunnelArrays(asked, path_of(asked)) for _ in range(chosen.randint(1, 3))]
    text = native(persons, chosen)
    for blocks in read_blocks(text[at : at + piece_bytes] for at in range(0, len(text), piece_bytes)):
        chosen.choice(parts).add(blocks)
    for each in parts:
        each.end()
    return all_of(parts)


@pytest.mark.parametrize("interval", [1, 3])
@pytest.mark.parametrize("counted", Count)
@given(
    persons=PERSONS,
    window_ms=st.sampled_from([2000, 3000, DAY_MS // 4, DAY_MS, 3 * DAY_MS]),
    piece_bytes=st.integers(1, 200),
    events_at_once=st.sampled_from([1, 6, 1 << 16]),
    packed_bits=st.sampled_from([0, 64]),
    times_at_once=st.sampled_from([1, 5, 1 << 19]),
    rounds_max=st.sampled_from([0, 1, 50]),
    walked_max=st.sampled_from([0, 1, 8]),
    loose_max=st.sampled_from([0, 2, 1 << 16]),
    chosen=st.randoms(use_true_random=False),
)
def test_persons_at_once_count_as_each_alone(
    persons: list[list[tuple[int, int]]],
    counted: Count,
    interval: int,
    window_ms: int,
    piece_bytes: int,
    events_at_once: int,
    packed_bits: int,
    times_at_once: int,
    rounds_max: int,
    walked_max: int,
    loose_max: int,
    chosen: random.Random,
) -> None:
    asked, given_codes = question(window_ms, counted, interval), [codes(person) for person in persons]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(funnel_arrays, "_EVENTS_AT_ONCE", events_at_once)
        patch.setattr(funnel_places, "_PACKED_BITS", packed_bits)
        patch.setattr(funnel_arrays, "_TIMES_AT_ONCE", times_at_once)
        patch.setattr(funnel_arrays, "_ROUNDS_MAX", rounds_max)
        patch.setattr(funnel_places, "_WALKED_MAX", walked_max)
        patch.setattr(funnel_medians, "_LOOSE_MAX", loose_max)
        found = at_once(asked, given_codes, piece_bytes, chosen)
    assert found == alone(asked, given_codes)
