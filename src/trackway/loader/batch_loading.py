"""Loads consecutive journal records as one batch. When the store refuses a record, it loads them in parts.

A loaded batch goes to `loader/cursor.py`, which counts it after verification.
"""

from collections.abc import Callable, Sequence
from itertools import compress

import msgspec

from trackway.domain.entry import NO_EVENTS, Entry, Rejection
from trackway.journal.log import Record
from trackway.loader import statements
from trackway.loader.batch import NOT_STORABLE, Batch, make_batch, read_entries
from trackway.loader.erased import Erased
from trackway.loader.event_block import each_alone
from trackway.loader.fold import readable as readable_operations
from trackway.loader.placed import Placed
from trackway.loader.seen_keys import Window
from trackway.store.client import Store
from trackway.store.errors import DataRefused
from trackway.telemetry import logs

_log = logs.get("loader")


class Load:
    """Drops what is erased, decides each other record of a partition, and hands batches to `insert` and then to
    `finish`. `insert` may raise DataRefused."""

    def __init__(
        self,
        store: Store,
        window: Window,
        erased: Erased,
        insert: Callable[[Batch], None],
        finish: Callable[[Batch], None],
        partition: int = 0,
    ) -> None:
        self._store = store
        self._erased = erased
        self._window = window
        self._insert = insert
        self._finish = finish
        self._partition = partition

    def load(self, records: Sequence[Record], from_position: int, to_position: int) -> None:
        """Load journal records from `from_position` up to, not including, `to_position`. Raises StorageError."""
        try:
            batch = self._make(read_entries(records), from_position, to_position)
            self._insert(batch)
        except DataRefused as error:
            self._load_in_parts(records, from_position, to_position, error)
            return
        self._end(batch)

    def _make(self, placed: list[Placed], from_position: int, to_position: int) -> Batch:
        left, dropped = self._erased.without(placed)
        batch = make_batch(
            left,
            from_position,
            to_position,
            self._window,
            lambda keys, before: statements.known_keys(self._store, keys, before),
        )
        batch.counts.update(dropped)
        return batch._replace(partition=self._partition)

    def _load_in_parts(
        self, records: Sequence[Record], from_position: int, to_position: int, error: DataRefused
    ) -> None:
        """Find the record whose events the store refuses by bisection, so that it does not block the rest."""
        if len(records) > 1:
            middle = len(records) // 2
            between = records[middle].position
            self.load(records[:middle], from_position, between)
            self.load(records[middle:], between, to_position)
            return
        _log.error("the store refuses a record; it is kept as rejected", position=records[0].position, error=str(error))
        placed = [each._replace(entry=_refused(each.entry)) for each in read_entries(records)]
        batch = self._make(placed, from_position, to_position)
        self._insert(batch)
        self._end(batch)

    def _end(self, batch: Batch) -> None:
        self._finish(batch)
        self._window.add(batch.new_keys, batch.newest_us)


def _refused(entry: Entry) -> Entry:
    """The same entry with its events as rejected records. These hold the bytes that the journal has of the events.

    Profile updates are rejected only when they cannot be read: the others may already be in their profiles.
    """
    events = each_alone(entry.events) if entry.events.number else []
    readable = [readable_operations(update.operations) for update in entry.updates]
    rejections = [
        *entry.rejections,
        *(Rejection(index, NOT_STORABLE, "", "", event) for index, event in enumerate(events)),
        *(
            Rejection(index, NOT_STORABLE, "", "", update.operations)
            for index, update in enumerate(entry.updates)
            if not readable[index]
        ),
    ]
    updates = list(compress(entry.updates, readable))
    return msgspec.structs.replace(entry, events=NO_EVENTS, rejections=rejections, updates=updates)
