"""The statements that delete events by their age. Those of several projects are deleted together, since the engine
writes whole parts anew."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from trackway.ageing.horizon import Horizon
from trackway.store.mutations import checked_partition

_SINCE: Final = "fromUnixTimestamp64Milli(transform(project_id, {aged:Array(UInt32)}, {since:Array(Int64)}, 0), 'UTC')"
_BEFORE: Final = "position < transform(project_id, {aged:Array(UInt32)}, {before:Array(UInt64)}, 0)"
_KEY: Final = "project_id IN {aged:Array(UInt32)} AND toDate(time) <= toDate({last_day:String})"
_AGED: Final = f"time < {_SINCE} AND {_BEFORE}"
AGED: Final = f"{_KEY} AND {_AGED}"
"""SQL of whether an event has aged. The primary key can use the first conditions. It binds the values of `bound`."""

_AGED_EVENTS: Final = f"FROM events WHERE {AGED}"
PARTITIONS: Final = f"SELECT DISTINCT _partition_id {_AGED_EVENTS} ORDER BY 1"
LEFT: Final = f"SELECT count() {_AGED_EVENTS}"
LEFT_IN: Final = f"{LEFT} AND _partition_id = {{partition:String}}"
_NEWEST: Final = f"FROM events FINAL PREWHERE {_KEY} WHERE {_AGED} AND _partition_id = {{partition:String}}"
COUNTS: Final = f"SELECT project_id, count() {_NEWEST} GROUP BY project_id"
"""Of a partition, how many events have aged, copies left out."""
_IN_PARTITION: Final = "FROM events WHERE _partition_id = {partition:String}"
PARTS: Final = f"SELECT _part {_IN_PARTITION} GROUP BY _part HAVING min({AGED}) = 1"
"""The parts of a partition that hold nothing else. A part never changes, so it may be dropped later."""


def bound(horizons: Sequence[Horizon]) -> dict[str, Any]:
    """The values of AGED."""
    last_ms = max(each.since_ms for each in horizons)
    return {
        "aged": [each.project_id for each in horizons],
        "since": [each.since_ms for each in horizons],
        "before": [each.position for each in horizons],
        "last_day": datetime.fromtimestamp(last_ms / 1000, UTC).date().isoformat(),
    }


def delete_in(partition: str) -> str:
    """What deletes the aged events of a partition from the table that ALTER TABLE names."""
    return f"DELETE IN PARTITION ID '{checked_partition(partition)}' WHERE {AGED}"
