"""Hours of facts by value: what is derived of properties with many values, from several segments together.

A breakdown by such a property reads each of its values once, instead of each event. Where values hardly come again,
nothing is gained, and nothing is written. Properties with few values have counts instead (`compaction.derived`). Hours
are written with rollups alone, in quiet times: for five properties they cost some five times what times by person do.
"""

from collections.abc import Sequence
from typing import Final

from trackway.compaction.derived_rows import Deriving, grouping, written
from trackway.compaction.limits import (
    COUNTED_BYTES_MAX,
    HOURS_MEMORY_BYTES_MAX,
    HOURS_SHARE,
    HOURS_SLOTS_MAX,
    SURVEYED_ROWS,
)
from trackway.compaction.versions import Segment
from trackway.query.sql.facts import slot
from trackway.query.sql.scope import TIME_MS
from trackway.query.sql.segments import HOURS, HOURS_PERIOD_DAYS
from trackway.query.sql.tables import rows_from, rows_in
from trackway.store.client import Store

_FACTS: Final = rows_in("facts", "segment IN {old:Array(UInt64)}")
_HOUR: Final = f"toUInt32(intDiv({TIME_MS}, 3600000))"
_PERIOD: Final = f"toUInt16(intDiv({_HOUR}, {HOURS_PERIOD_DAYS * 24}))"
_INTO: Final = "project_id, segment, slot, event, period, raw, hours"
_SETTINGS: Final = grouping(HOURS_MEMORY_BYTES_MAX)


def derive_hours(
    store: Store, project_id: int, number: int, segments: Sequence[Segment], slots: Sequence[int]
) -> Deriving:
    """Write the hours of the facts of segments under a number, for those of some slots with far fewer values."""
    asked = {"project": project_id, "segment": number, "old": [each.number for each in segments]}
    largest = max(segments, key=lambda segment: segment.rows)
    every = max(sum(segment.rows for segment in segments) // SURVEYED_ROWS, 1)
    chosen = _with_few_values(store, project_id, largest, slots)[:HOURS_SLOTS_MAX]
    for each in chosen:
        store.command(_insert(slot(each), every), asked | {"slot": each})
        yield
    return written(store, HOURS, asked, chosen)


def _with_few_values(store: Store, project_id: int, segment: Segment, slots: Sequence[int]) -> list[int]:
    """Which of these slots have few rows for one segment, and so for several. Of its values a part is looked at, with
    all facts of these."""
    if not slots:
        return []
    every = max(segment.rows // SURVEYED_ROWS, 1)
    each = f"uniqIf(cityHash64(event, {_PERIOD}, raw), cityHash64(raw) % {every} = 0), max(length(raw))"
    columns = ", ".join(each.replace("raw", slot(number)) for number in slots)
    [sizes] = store.query(f"SELECT {columns} {_FACTS}", {"project": project_id, "old": [segment.number]})
    most = segment.rows // HOURS_SHARE
    found = zip(slots, sizes[::2], sizes[1::2], strict=True)
    return [number for number, groups, bytes in found if groups * every <= most and bytes <= COUNTED_BYTES_MAX]


def _insert(raw: str, every: int) -> str:
    """The statement for a slot, whose column is `raw`. The most frequent value has a row for each segment: one for all
    might take too much memory. It is looked for among one of so many facts."""
    some = f"SELECT {raw} AS raw {_FACTS} AND key % {every} = 0"
    heavy = f"(SELECT raw {rows_from(some)} GROUP BY raw ORDER BY count() DESC, raw LIMIT 1)"
    facts = f"SELECT segment AS own, event, {_PERIOD} AS period, {raw} AS raw, {_HOUR} AS hour {_FACTS}"
    row = "{project:UInt32}, {segment:UInt64}, {slot:UInt8}, event, period, raw, arraySort(groupArray(hour))"
    key = f"event, period, raw, if(raw = {heavy}, own, 0)"
    return f"INSERT INTO {HOURS} ({_INTO}) SELECT {row} {rows_from(facts)} GROUP BY {key} {_SETTINGS}"
