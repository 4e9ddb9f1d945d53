"""Rows that are derived from the facts of a segment: how many facts have a name, lie in an hour and have a value.

A report that reads nothing else of an event finds the answer in a few thousand rows. They are made of the segment that
was just written, before the version that names it, so they count with it or not at all. Only slots whose rows are far
fewer than the facts get any: of others a report reads the facts.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from trackway.compaction.limits import COUNTED_AT_ONCE, COUNTED_BYTES_MAX, COUNTED_FEW_ROWS, COUNTED_SHARE
from trackway.query.sql.facts import slot
from trackway.query.sql.segments import COUNTS, NO_SLOT
from trackway.query.sql.tables import rows_from, rows_in
from trackway.store.client import Store

_HOUR_MS: Final = 3_600_000
_HOUR: Final = f"fromUnixTimestamp64Milli(intDiv(toUnixTimestamp64Milli(time), {_HOUR_MS}) * {_HOUR_MS}, 'UTC')"
_SEGMENT: Final = "segment = {segment:UInt64}"
_INSERT: Final = f"INSERT INTO {COUNTS} (project_id, segment, slot, event, day, time, raw, events)"
# Facts lie in the order of names and days, so the groups of one name and day are all that is in memory.
_SETTINGS: Final = "SETTINGS optimize_aggregation_in_order = 1, max_block_size = 16384, max_insert_threads = 1"


def counted_slots(store: Store, project_id: int, segment: int, slots: int) -> list[int]:
    """The slots of a segment that have few rows, of the first so many and NO_SLOT. Raises StorageError."""
    columns = [slot(number) for number in range(slots)]
    groups = [f"uniq(event, hour, {column}), max(length({column}))" for column in columns]
    facts = f"SELECT event, {_HOUR} AS hour{''.join(f', {each}' for each in columns)} {rows_in('facts', _SEGMENT)}"
    sql = f"SELECT count(), {', '.join(['uniq(event, hour), 0', *groups])} {rows_from(facts)} {_SETTINGS}"
    [(rows, *found)] = store.query(sql, {"project": project_id, "segment": segment})
    most = max(int(rows) // COUNTED_SHARE, COUNTED_FEW_ROWS)
    sizes = zip([NO_SLOT, *range(slots)], found[::2], found[1::2], strict=True)
    return [number for number, groups, bytes in sizes if groups <= most and bytes <= COUNTED_BYTES_MAX]


def counts(slots: Sequence[int]) -> Iterator[str]:
    """The statements that count a segment's facts by these slots. Each binds `project` and `segment`."""
    for begin in range(0, len(slots), COUNTED_AT_ONCE):
        yield f"{_INSERT} {' UNION ALL '.join(map(_of_slot, slots[begin : begin + COUNTED_AT_ONCE]))} {_SETTINGS}"


def _of_slot(number: int) -> str:
    raw = "''" if number == NO_SLOT else slot(number)
    facts = f"SELECT event, day, {_HOUR} AS hour, {raw} AS raw {rows_in('facts', _SEGMENT)}"
    columns = f"{{project:UInt32}}, {{segment:UInt64}}, {number}, event, day, hour, raw, count()"
    return f"SELECT {columns} {rows_from(facts)} GROUP BY event, day, hour, raw"
