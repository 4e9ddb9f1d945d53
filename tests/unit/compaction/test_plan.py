import random
from collections.abc import Sequence

import pytest

from trackway.compaction.limits import (
    MERGED_AT_ONCE,
    PERSONS_ROLLUP_ROWS_MAX,
    ROLLED_UP_ROWS_MIN,
    ROLLUP_GROWTH,
    ROLLUP_ROWS_MAX,
    ROLLUPS_AT_ONCE,
    SEGMENT_ROWS_MAX,
    STEP_EVENTS_MAX,
)
from trackway.compaction.plan import Days, next_days, next_position, to_merge, to_roll_up
from trackway.compaction.versions import Rollup, Segment, Version
from trackway.query.sql.segments import HOURS, NO_SLOT, PERSONS, Derived


def test_days_fill_a_step_and_a_large_day_is_split() -> None:
    half = STEP_EVENTS_MAX // 2
    assert next_days([]) is None
    assert next_days([("2026-01-01", half), ("2026-01-03", half), ("2026-01-04", 1)]) == Days(
        "2026-01-01", "2026-01-03", 1
    )
    assert next_days([("2026-01-01", 4 * half + 1), ("2026-01-02", 1)]) == Days("2026-01-01", "2026-01-01", 3)


def test_a_step_ends_at_a_batch_and_has_at_least_one() -> None:
    assert next_position([]) is None
    assert next_position([(10, STEP_EVENTS_MAX), (20, 1)]) == 10
    assert next_position([(10, 2 * STEP_EVENTS_MAX), (20, 1)]) == 10
    assert next_position([(10, 1), (20, 1)]) == 20


def test_steps_of_any_size_end_in_few_segments_and_each_fact_is_written_a_few_times() -> None:
    rng = random.Random(1)
    segments: list[Segment] = []
    written = taken = 0
    for number in range(3000):
        rows = rng.choice((10, 1000, 50_000, STEP_EVENTS_MAX // 4))
        segments.append(Segment(number * 10, rows, 0))
        taken += rows
        while old := to_merge(segments):
            rows = sum(segment.rows for segment in old)
            assert 2 <= len(old) <= MERGED_AT_ONCE and rows <= SEGMENT_ROWS_MAX
            segments = [segment for segment in segments if segment not in old] + [Segment(number * 10 + 1, rows, 0)]
            written += rows
    assert sum(segment.rows for segment in segments) == taken
    assert len(segments) <= 2 * taken / SEGMENT_ROWS_MAX + 5 * MERGED_AT_ONCE
    assert written <= 5 * taken


def of_rows(number: int, rows: int, links: int = 0, *, by_person: bool = True) -> Segment:
    """A segment with times by person, or without."""
    return Segment(number, rows, links, (Derived(number, PERSONS, 1, (NO_SLOT,) if by_person else ()),))


def rolled_up(number: int, some: Sequence[Segment], made: int = 0, table: str = PERSONS) -> Rollup:
    derived = Derived(number, table, 1, (NO_SLOT,))
    return Rollup(number, tuple(each.number for each in some), 0, made, (derived,))


@pytest.mark.parametrize(("table", "rows_max"), [(HOURS, ROLLUP_ROWS_MAX), (PERSONS, PERSONS_ROLLUP_ROWS_MAX)])
def test_most_facts_are_rolled_up_and_each_a_few_times(table: str, rows_max: int) -> None:
    rng = random.Random(2)
    segments: list[Segment] = []
    rollups: list[Rollup] = []
    written = taken = 0
    for number in range(400):
        segments.append(of_rows(number * 10, rng.randint(ROLLED_UP_ROWS_MIN, SEGMENT_ROWS_MAX)))
        taken += segments[-1].rows
        while some := to_roll_up(segments, rollups, table, rows_max):
            rows = sum(each.rows for each in some)
            assert rows <= rows_max and len(some) > 1
            new = rolled_up(max(each.number for each in some) + 1, some, table=table)
            rollups = [each for each in rollups if set(each.segments).isdisjoint(new.segments)] + [new]
            written += rows
    covered = [number for rollup in rollups for number in rollup.segments]
    assert len(covered) == len(set(covered))
    alone = sum(each.rows for each in segments if each.number not in covered)
    assert alone <= ROLLUP_ROWS_MAX // ROLLUP_GROWTH + SEGMENT_ROWS_MAX
    assert len(rollups) <= 2 * taken / rows_max + (1 if table == HOURS else ROLLUPS_AT_ONCE)
    assert written <= 5 * taken


def test_many_new_segments_are_rolled_up_at_once() -> None:
    many = [of_rows(number, SEGMENT_ROWS_MAX) for number in range(10, 510, 10)]
    assert to_roll_up(many, [], PERSONS, PERSONS_ROLLUP_ROWS_MAX) == many
    assert sum(each.rows for each in to_roll_up(many, [], PERSONS, ROLLUP_ROWS_MAX)) == ROLLUP_ROWS_MAX


def test_small_segments_stay_alone_and_those_without_times_by_person_do_not() -> None:
    small, without = of_rows(10, ROLLED_UP_ROWS_MIN - 1), of_rows(20, ROLLED_UP_ROWS_MIN, by_person=False)
    large = [of_rows(number, ROLLED_UP_ROWS_MIN) for number in (30, 40)]
    assert to_roll_up([small, without, *large], [], PERSONS, PERSONS_ROLLUP_ROWS_MAX) == [without, *large]
    assert to_roll_up([small, large[0]], [], PERSONS, PERSONS_ROLLUP_ROWS_MAX) == []


def test_what_did_not_pay_is_tried_again_with_more_segments() -> None:
    some = [of_rows(number, ROLLED_UP_ROWS_MIN, by_person=False) for number in range(10, 60, 10)]
    empty = rolled_up(100, some[:4])._replace(derived=(Derived(100, PERSONS, 0, ()),))
    assert to_roll_up(some[:4], [empty], PERSONS, PERSONS_ROLLUP_ROWS_MAX) == []
    assert to_roll_up(some, [empty], PERSONS, PERSONS_ROLLUP_ROWS_MAX) == []
    more = [*some, of_rows(110, ROLLED_UP_ROWS_MIN, by_person=False)]
    assert to_roll_up(more, [empty], PERSONS, PERSONS_ROLLUP_ROWS_MAX) == more


def test_an_old_rollup_is_made_anew_when_links_were_looked_for_in_all_its_segments() -> None:
    first, second = of_rows(10, ROLLED_UP_ROWS_MIN, links=5), of_rows(20, ROLLED_UP_ROWS_MIN, links=5)
    rollup = rolled_up(30, [first, second], made=7)
    assert to_roll_up([first, second], [rollup], PERSONS, PERSONS_ROLLUP_ROWS_MAX) == []
    again = first._replace(number=40, links=8)
    (old,) = Version(1, segments=(first, second), rollups=(rollup,)).with_rewritten(again, [first], 0.0).rollups
    assert to_roll_up([second, again], [old], PERSONS, PERSONS_ROLLUP_ROWS_MAX) == []
    looked_for = second._replace(links=9)
    assert to_roll_up([looked_for, again], [old], PERSONS, PERSONS_ROLLUP_ROWS_MAX) == [looked_for, again]


def test_each_table_has_rollups_of_its_own_and_those_of_several_that_an_older_build_made_count_as_none() -> None:
    some = [of_rows(number, ROLLED_UP_ROWS_MIN) for number in (10, 20)]
    rollup, hours = rolled_up(30, some), rolled_up(30, some, table=HOURS)
    assert to_roll_up(some, [rollup], PERSONS, PERSONS_ROLLUP_ROWS_MAX) == []
    assert to_roll_up(some, [rollup], HOURS, ROLLUP_ROWS_MAX) == some
    both = rollup._replace(derived=rollup.derived + hours.derived)
    for table in (HOURS, PERSONS):
        assert to_roll_up(some, [both], table, ROLLUP_ROWS_MAX) == some
    merged = of_rows(40, 2 * ROLLED_UP_ROWS_MIN, links=9)
    (old,) = Version(1, segments=tuple(some), rollups=(both,)).with_rewritten(merged, some, 0.0).rollups
    assert to_roll_up([merged], [old], PERSONS, ROLLUP_ROWS_MAX) == [merged]
