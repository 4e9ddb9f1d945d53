"""What to compact next: pure decisions over numbers of rows."""

from collections.abc import Sequence
from typing import NamedTuple

from trackway.compaction.limits import MERGED_AT_ONCE, SEGMENT_ROWS_MAX, STEP_EVENTS_MAX
from trackway.compaction.versions import Segment


class Days(NamedTuple):
    """Days from the first to the last, as ISO dates. A day with too many events alone is split into pieces."""

    first: str
    last: str
    pieces: int


def next_days(rows: Sequence[tuple[str, int]]) -> Days | None:
    """The first of these days that fit one step; None if there are none."""
    if not rows:
        return None
    first, number = rows[0]
    if number > STEP_EVENTS_MAX:
        return Days(first, first, -(-number // STEP_EVENTS_MAX))
    last = first
    for day, more in rows[1:]:
        number += more
        if number > STEP_EVENTS_MAX:
            break
        last = day
    return Days(first, last, 1)


def next_position(batches: Sequence[tuple[int, int]]) -> int | None:
    """The end of the first batches that fit one step, at least one; None if there are none. `batches`: the end of each,
    and its number of events."""
    end, number = None, 0
    for to_position, more in batches:
        number += more
        if end is not None and number > STEP_EVENTS_MAX:
            break
        end = to_position
    return end


def to_merge(segments: Sequence[Segment]) -> list[Segment]:
    """Segments of about one size that should be one, none if there are too few. Each fact is written again about once
    for each power of MERGED_AT_ONCE."""
    tiers: dict[int, list[Segment]] = {}
    for segment in sorted(segments):
        tier, rows = 0, segment.rows
        while rows >= MERGED_AT_ONCE * 1000:
            tier, rows = tier + 1, rows // MERGED_AT_ONCE
        tiers.setdefault(tier, []).append(segment)
    for _, same in sorted(tiers.items()):
        for at in range(len(same) - 1):
            chosen = same[at : at + MERGED_AT_ONCE]
            while sum(segment.rows for segment in chosen) > SEGMENT_ROWS_MAX:
                chosen.pop()
            if len(chosen) == MERGED_AT_ONCE or (len(chosen) > 1 and len(same) > MERGED_AT_ONCE):
                return chosen
    return []
