"""Deletes aged events, partition by partition, and notes how many there were.

Parts with nothing else are dropped. The engine writes the others of a partition anew, at most once a day for all
projects together. Each step may be repeated.
"""

import threading
from collections.abc import Sequence
from typing import Final

import msgspec

from trackway.ageing import statements as sql
from trackway.ageing.horizon import Horizon
from trackway.domain.errors import StorageError
from trackway.store.client import Store
from trackway.store.mutations import Mutations
from trackway.store.parts import drop

EVENTS: Final = "events"
_COLUMNS: Final = ("project_id", "place", "sequence", "partition", "rows")


class EventDeletion:
    """The aged events of a store. Every method raises StorageError."""

    def __init__(self, store: Store, stop: threading.Event):
        self._store = store
        self._mutations = Mutations(store, stop)

    def delete(self, horizons: Sequence[Horizon]) -> int:
        """Delete the events before these horizons. Returns how many were there."""
        asked = sql.bound(horizons)
        self._mutations.wait(EVENTS)
        number = 0
        for (partition,) in self._store.query(sql.PARTITIONS, asked):
            number += self._delete_in(str(partition), horizons)
        [(left,)] = self._store.query(sql.LEFT, asked)
        if left:
            raise StorageError(f"store: {left} aged events are still there")
        return number

    def _delete_in(self, partition: str, horizons: Sequence[Horizon]) -> int:
        of_partition = {**sql.bound(horizons), "partition": partition}
        counts = {int(project): int(events) for project, events in self._store.query(sql.COUNTS, of_partition)}
        note_aged(self._store, EVENTS, {each: counts.get(each.project_id, 0) for each in horizons}, partition)
        if not self._store.cluster:  # whose nodes have parts of their own
            for (part,) in self._store.query(sql.PARTS, of_partition):
                drop(self._store, EVENTS, str(part))
        if self._store.query(sql.LEFT_IN, of_partition) != [(0,)]:
            self._mutations.run(EVENTS, sql.delete_in(partition), sql.bound(horizons))
        return sum(counts.values())


def note_aged(store: Store, place: str, rows: dict[Horizon, int], partition: str = "") -> None:
    """Note how many rows of a table are about to be deleted for each of some horizons."""
    lines = [
        msgspec.json.encode([each.project_id, place, each.sequence, partition, number])
        for each, number in rows.items()
        if number
    ]
    if lines:
        store.insert_rows("aged_rows", _COLUMNS, b"\n".join(lines), "JSONCompactEachRow")
