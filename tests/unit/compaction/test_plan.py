import random

from trackway.compaction.limits import MERGED_AT_ONCE, SEGMENT_ROWS_MAX, STEP_EVENTS_MAX
from trackway.compaction.plan import Days, next_days, next_position, to_merge
from trackway.compaction.versions import Segment


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
