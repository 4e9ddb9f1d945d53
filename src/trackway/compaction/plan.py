"""What to compact next: pure decisions over numbers of rows."""

from collections.abc import Sequence
from typing import Final, NamedTuple

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
from trackway.compaction.versions import Rollup, Segment
from trackway.query.sql.segments import HOURS, PERSONS

ROLLUP_SIZES: Final = {HOURS: [ROLLUP_ROWS_MAX], PERSONS: [PERSONS_ROLLUP_ROWS_MAX, ROLLUP_ROWS_MAX]}
"""By table, of how many facts rollups are at most: the next size is for what could not be put together in the one
before."""


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


def to_roll_up(segments: Sequence[Segment], rollups: Sequence[Rollup], table: str, rows_max: int) -> list[Segment]:
    """Segments of which what a table of ROLLUP_SIZES has should be put together, none if all is well. `rows_max`: one
    of its sizes.

    These are new ones, where they are enough, with those of the smallest rollup; or those of several rollups that have
    grown; or those of an old rollup, when newer links have been looked for in all of them. Segments of
    a rollup of several tables, which an older build made, count as new.

    The time of a fact is written again about once for each time that its rollup grows by half, and twice more until it
    is in the largest.
    """
    of = {segment.number: segment for segment in segments}
    new = [each for each in segments if each.rows >= ROLLED_UP_ROWS_MIN]
    held = []
    for rollup in (each for each in rollups if table in each.tables):
        own = [of[number] for number in rollup.segments]
        if rollup.is_old and min(each.links for each in own) >= rollup.made:
            return own
        if rollup.tables == [table]:
            new = [each for each in new if each.number not in rollup.segments]
            held.append(own)
    rows = _rows(new)
    held.sort(key=_rows)
    if held and _rows(held[0]) + rows <= ROLLUP_ROWS_MAX:
        if rows * ROLLUP_GROWTH >= _rows(held[0]):
            return held[0] + new
        new = []
    while _rows(new) > rows_max:
        new.pop()
    return new if len(new) > 1 else _several(held, rows_max)


def _several(held: Sequence[list[Segment]], rows_max: int) -> list[Segment]:
    """The segments of the smallest rollups that have grown, of as many as have no more rows together; none of too
    few. `held`: those of each rollup, the smallest first."""
    chosen: list[list[Segment]] = []
    left = rows_max
    for own in (each for each in held if _rows(each) > ROLLUP_ROWS_MAX // 2):
        left -= _rows(own)
        if left < 0:
            break
        chosen.append(own)
    return [segment for own in chosen for segment in own] if len(chosen) >= ROLLUPS_AT_ONCE else []


def _rows(segments: Sequence[Segment]) -> int:
    return sum(segment.rows for segment in segments)
