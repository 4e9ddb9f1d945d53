"""Find the end of a segment, and the damage before it, from its bytes alone.

A range without a valid record is corruption if a later record's `synced` covers it: then a client got a 200 for it. If
no record does, the range is a torn tail: no client got a 200, and the segment ends before it.
"""

from typing import NamedTuple

from trackway.journal.log import Damage
from trackway.journal.segments.format import HEADER_BYTES, Stop, find_record, parse, position_of


class Survey(NamedTuple):
    """`end`: the offset after the last record that counts. `torn`: bytes after it, without trailing zeros.

    `synced`: the offset below which everything is known to have been durable.
    """

    end: int
    synced: int
    records: int
    torn: int
    damage: list[Damage]


class _Run(NamedTuple):
    """Records one after another, from `start` up to `end`."""

    start: int
    end: int
    records: int


def survey(content: bytes, segment: int) -> Survey:
    """Read a whole segment whose end no later header fixes."""
    runs, synced, sealed = _runs(content, segment)
    end, records = HEADER_BYTES, 0
    gaps: list[tuple[int, int]] = []
    for run in runs:
        if run.start > end:
            if end >= synced:
                break
            gaps.append((end, run.start))
        end, records = run.end, records + run.records
    kept_whole = bool(runs) and end == runs[-1].end
    torn = 0 if sealed and kept_whole else len(content[end:].rstrip(b"\0"))
    return Survey(end, max(synced, HEADER_BYTES), records, torn, [lost(segment, *gap, _mean(runs)) for gap in gaps])


def lost(segment: int, start: int, end: int, record_bytes: int) -> Damage:
    """The report of an unreadable range, given the mean length of a record."""
    estimate = max(1, round((end - start) / record_bytes)) if record_bytes else 1
    return Damage(position_of(segment, start), end - start, estimate, "no valid record where synced ones were")


def _runs(content: bytes, segment: int) -> tuple[list[_Run], int, bool]:
    view = memoryview(content)
    runs: list[_Run] = []
    synced, at = 0, HEADER_BYTES
    while at >= 0:
        parsed = parse(view[at:], segment, at)
        end = at + parsed.length
        if parsed.length:
            runs.append(_Run(at, end, len(parsed.records)))
            synced = max(synced, parsed.synced)
        if parsed.stop is Stop.SEAL:
            return runs, synced, True
        at = find_record(content, segment, 0, end)
    return runs, synced, False


def _mean(runs: list[_Run]) -> int:
    records = sum(run.records for run in runs)
    return sum(run.end - run.start for run in runs) // records if records else 0
