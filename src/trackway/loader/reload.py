"""Reloads the rows that a damaged table has lost from the journal.

It reads all records before the cursor that a partition still holds, in order, and inserts the rows of the damaged
tables. A damaged part may have rows of every partition, since merges mix them, so all partitions are read again. Rows
that exist replace themselves, so no record counts twice: an event is decided from the keys of earlier records, a link
from earlier links, and an update that is in a profile's row is skipped. Counts are inserted only for stretches of the
journal that are missing in `loads`.

A profile comes back whole if one of its older rows exists and the journal holds all later updates, or if the journal
holds all its updates. Otherwise it has the updates that the journal holds.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import closing, suppress
from typing import NamedTuple

from trackway.domain.errors import StorageError
from trackway.journal.log import Partition, Progress, Record
from trackway.loader import statements
from trackway.loader.batch import Batch, read_entries
from trackway.loader.batch_loading import Load
from trackway.loader.duplicates import WINDOW_US
from trackway.loader.erased import Erased
from trackway.loader.limits import LOAD_BATCH_BYTES_MAX
from trackway.loader.link_loading import Links
from trackway.loader.part_verification import Guard
from trackway.loader.profile_loading import insert_profiles
from trackway.loader.seen_keys import Window
from trackway.store.client import Store
from trackway.store.cursors import ALL_LOADS, PARTITION_LOADS, outcome_of

IDENTITY = frozenset({"identity_links", "identity_refusals"})
COUNTED = IDENTITY | {"events", "rejected_records"}
_FOREVER_US = 1 << 62
CLOCKS_MS = 60_000
"""By how much a store's clock may be behind ours."""
_EVENTS = """
SELECT uniqCombined64(17)(project_id, event, time, distinct_id, insert_id) FROM events
WHERE loaded >= fromUnixTimestamp64Milli({since:Int64})
"""
_ROWS = "SELECT count() FROM {table:Identifier} FINAL"


class Stretch(NamedTuple):
    """Records of the journal from one position up to, not including, another."""

    records: list[Record]
    from_position: int
    to_position: int


class Reload:
    """The reload of a partition, of so many. `check` is called after each batch and as a guard. It raises StorageError
    unless all inserted parts are whole."""

    def __init__(
        self, store: Store, partition: Partition, erased: Erased, check: Guard, number: int = 0, partitions: int = 1
    ):
        self._store = store
        self._erased = erased
        self._partition = partition
        self._check = check
        self._number = number
        self._partitions = partitions
        self._links = Links()

    def content(self, damaged: Collection[str], cursor: int) -> None:
        """Reload the rows of these tables from all records before the cursor. Idempotent. Raises StorageError."""
        begin = self.kept_from()
        window = self._window(begin, cursor)
        load = Load(self._store, window, self._erased, lambda batch: self._insert(damaged, batch), self._finish)
        for stretch in stretches(self._partition, begin, cursor):
            load.load(*stretch)

    def counts(self, cursor: int, insert: Callable[[Batch], None], finish: Callable[[Batch], None]) -> None:
        """Reload, and count, the stretches before the cursor that are missing in `loads`. Raises StorageError."""
        begin = self.kept_from()
        load = Load(self._store, self._window(begin, cursor), self._erased, insert, finish, self._number)
        for start, end in self._unknown(begin, cursor):
            for stretch in stretches(self._partition, start, end):
                load.load(*stretch)

    def kept_from(self) -> int:
        """The position at which the partition begins."""
        with closing(self._partition.progress()) as progress:
            return progress.kept_from

    def _unknown(self, begin: int, cursor: int) -> list[tuple[int, int]]:
        unknown, at = [], begin
        sql = ALL_LOADS if self._partitions == 1 else PARTITION_LOADS
        asked = {"begin": begin, "end": cursor, "outcome": outcome_of(self._number)}
        for start, end in self._store.query(sql, asked):
            if start > at:
                unknown.append((at, int(start)))
            at = max(at, int(end))
        return unknown

    def _window(self, begin: int, cursor: int) -> Window:
        """The keys of all events that may precede these records. The store decides by position."""
        window = Window(_FOREVER_US)
        first = next(stretches(self._partition, begin, cursor), None)
        if first is not None:
            oldest_us = min((each.entry.received_us for each in read_entries(first.records)), default=0)
            statements.fill_window(self._store, window, oldest_us - 2 * WINDOW_US, cursor)
        return window

    def _insert(self, damaged: Collection[str], batch: Batch) -> None:
        if IDENTITY & set(damaged):
            self._links.insert(self._store, batch.placed, self._check)
        if "profiles" in damaged:
            insert_profiles(self._store, batch.placed, self._check)
        if "events" in damaged:
            statements.insert_events(self._store, batch.events)
        if "event_keys" in damaged:
            statements.insert_keys(self._store, batch)
        if "rejected_records" in damaged:
            statements.insert_rejected(self._store, batch)

    def _finish(self, batch: Batch) -> None:
        self._check()


def rows_of(store: Store, progress: Progress, damaged: Collection[str]) -> dict[str, int]:
    """By table, the number of distinct rows that may come from records that the journal still holds."""
    since_ms = max(progress.kept_since_ms() - CLOCKS_MS, 0)  # no record of the journal was loaded before
    counted: dict[str, int] = {}
    for table in COUNTED & set(damaged):
        sql, asked = (_EVENTS, {"since": since_ms}) if table == "events" else (_ROWS, {"table": table})
        with suppress(StorageError):  # a failed count must not restart the reload
            counted[table] = int(store.query(sql, asked)[0][0])
    return counted


def stretches(partition: Partition, begin: int, end: int) -> Iterator[Stretch]:
    """The records of a partition from one position up to another, in stretches of one batch each."""
    with closing(partition.source(begin)) as source:
        while source.position < end and (records := source.read(LOAD_BATCH_BYTES_MAX)):
            within = [record for record in records if record.position < end]
            if within:
                yield Stretch(within, within[0].position, min(source.position, end))
