"""From the journal to the store, each record exactly once.

The loader reads on from the cursor that stands in the store, makes a batch, inserts it, and the batch's last insert
moves the cursor. Killed anywhere, it starts again from the cursor and repeats inserts that change nothing. When the
store is away it waits, longer each time, and the journal keeps growing meanwhile.
"""

import threading
import time
from itertools import compress
from pathlib import Path

import msgspec

from trackway import logs, metrics
from trackway.errors import StorageError
from trackway.journal.entry import NO_EVENTS, Entry, Rejection
from trackway.journal.format import Record, distance_bytes
from trackway.journal.head import Head
from trackway.journal.reader import Reader
from trackway.journal.removal import remove_loaded
from trackway.limits import (
    LOAD_BATCH_BYTES_MAX,
    LOADER_BACKOFF_S_MAX,
    LOADER_BACKOFF_S_MIN,
    LOADER_POLL_S,
    REMOVAL_INTERVAL_S,
)
from trackway.loader import tables
from trackway.loader.apply import readable as readable_operations
from trackway.loader.batch import NOT_STORABLE, WINDOW_US, Batch, Placed, make_batch, read_entries
from trackway.loader.event_block import each_alone
from trackway.loader.links import Links
from trackway.loader.profiles import insert_profiles
from trackway.loader.window import Window
from trackway.settings import Settings
from trackway.store.client import DataRefused, Store
from trackway.store.migrate import migrate

DISORDER_US = 3_600_000_000
"""How much earlier than a record before it one may have arrived: processes write at the same time, clocks are set."""

_log = logs.get("loader")


class Loader:
    """Loads until `stop` is set. Make it in the process that runs it."""

    def __init__(self, settings: Settings, journal: Path, store: Store, stop: threading.Event):
        self._settings = settings
        self._journal = journal
        self._store = store
        self._stop = stop
        self._head = Head(journal)
        self._window = Window(WINDOW_US + DISORDER_US)
        self._links = Links()
        self._reader: Reader | None = None
        self._removed_s = 0.0
        self._damage_told = 0

    def run(self) -> None:
        """Load, and back off while the store or the disk gives trouble. Raises only programmers' errors."""
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        wait_s = LOADER_BACKOFF_S_MIN
        while not self._stop.is_set():
            try:
                self._load_on()
                wait_s = LOADER_BACKOFF_S_MIN
            except StorageError as error:
                metrics.store_error("load")
                _log.warning("cannot load, will try again", error=str(error), wait_s=wait_s)
                self._forget()
                self._stop.wait(wait_s)
                wait_s = min(wait_s * 2, LOADER_BACKOFF_S_MAX)

    def _beat(self) -> None:
        """Tell the other processes that this one lives, also during a long insert."""
        while not self._stop.wait(1.0):
            self._head.heartbeat_ms = time.time_ns() // 1_000_000

    def _load_on(self) -> None:
        """One look at the journal: load what is there, else wait a moment."""
        reader = self._reader or self._begin()
        started_s = time.monotonic()
        records = reader.read(LOAD_BATCH_BYTES_MAX)
        self._tell_damage(reader)
        if records:
            self._load(records, records[0].position, reader.position)
            self._publish(reader.position)
            full = sum(len(record.payload) for record in records) >= LOAD_BATCH_BYTES_MAX // 2
            rest_s = 0.0 if full else self._settings.load_interval_ms / 1000 - (time.monotonic() - started_s)
            self._stop.wait(max(rest_s, 0.0))
        else:
            self._head.loaded = reader.position  # it may have gone on to a new segment
            metrics.loader_lag(0, 0.0)
            self._stop.wait(LOADER_POLL_S)
        self._remove()

    def _begin(self) -> Reader:
        """Find out from the store where to go on."""
        applied = migrate(self._store, self._settings.rejected_retention_days)
        cursor = tables.read_cursor(self._store)
        reader = Reader(self._journal, cursor)
        since_us = min(self._oldest_unloaded_us(cursor), time.time_ns() // 1000) - WINDOW_US - DISORDER_US
        self._window = Window(WINDOW_US + DISORDER_US)
        self._links = Links()
        keys = tables.fill_window(self._store, self._window, since_us, cursor)
        self._reader = reader
        self._head.loaded = cursor
        _log.info("loading", from_position=cursor, keys_in_window=keys, migrations=applied)
        return reader

    def _oldest_unloaded_us(self, cursor: int) -> int:
        """Arrival of the first entry that is still to be loaded: the window reaches back from there."""
        reader = Reader(self._journal, cursor)
        try:
            entries = read_entries(reader.read(1)[:1])
        finally:
            reader.close()
        return min((placed.entry.received_us for placed in entries), default=time.time_ns() // 1000)

    def _forget(self) -> None:
        """After trouble, ask the store again where we are: an insert may or may not have happened."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _load(self, records: list[Record], from_position: int, to_position: int) -> None:
        batch = self._make(read_entries(records), from_position, to_position)
        try:
            self._insert(batch)
        except DataRefused as error:
            self._load_in_parts(records, from_position, to_position, error)
            return
        self._finish(batch)

    def _make(self, placed: list[Placed], from_position: int, to_position: int) -> Batch:
        return make_batch(
            placed,
            from_position,
            to_position,
            self._window,
            lambda keys, before: tables.known_keys(self._store, keys, before),
        )

    def _load_in_parts(self, records: list[Record], from_position: int, to_position: int, error: DataRefused) -> None:
        """Single out the record whose events the store refuses, so that it does not hold up the rest."""
        if len(records) > 1:
            middle = len(records) // 2
            between = records[middle].position
            self._load(records[:middle], from_position, between)
            self._load(records[middle:], between, to_position)
            return
        _log.error("the store refuses a record; it is kept as rejected", position=records[0].position, error=str(error))
        placed = [Placed(each.position, _refused(each.entry)) for each in read_entries(records)]
        batch = self._make(placed, from_position, to_position)
        self._insert(batch)
        self._finish(batch)

    def _insert(self, batch: Batch) -> None:
        """Insert links, profiles and events. Raises DataRefused.

        Links come first, since they say whose profile an update is for. Profiles come before events: what is in them is
        passed over when a refused record is loaded once more, whereas events already inserted would be both stored and
        rejected.
        """
        self._links.insert(self._store, batch.placed)
        for reason, number in insert_profiles(self._store, batch.placed).items():
            metrics.left_alone(reason, number)
        tables.insert_events(self._store, batch.events)

    def _finish(self, batch: Batch) -> None:
        """With its events and profiles in the store, make the batch count, and remember its keys."""
        tables.insert_rest(self._store, batch, time.time_ns() // 1_000_000)
        self._window.add(batch.new_keys, batch.newest_us)
        for count, number in batch.counts.items():
            metrics.loaded(count.outcome, number)

    def _publish(self, position: int) -> None:
        self._head.loaded = position
        lag_bytes = distance_bytes(position, self._head.synced)
        oldest_us = self._oldest_unloaded_us(position) if lag_bytes else 0
        metrics.loader_lag(lag_bytes, max(time.time() - oldest_us / 1e6, 0.0) if lag_bytes else 0.0)

    def _tell_damage(self, reader: Reader) -> None:
        for damage in reader.damage[self._damage_told :]:
            _log.critical("journal is damaged: acknowledged records are lost", **damage._asdict())
        self._damage_told = len(reader.damage)

    def _remove(self) -> None:
        """Delete journal segments that are loaded and old enough."""
        now_s = time.monotonic()
        if now_s - self._removed_s < REMOVAL_INTERVAL_S:
            return
        self._removed_s = now_s
        segments, size = remove_loaded(self._journal, self._head.loaded, self._settings.journal_retention_s)
        if segments:
            _log.info("removed loaded journal segments", segments=segments, bytes=size)


def _refused(entry: Entry) -> Entry:
    """The same entry with its events turned into rejected records that hold what the journal holds of them.

    Of profile updates only those that cannot be read: the others may already be in their profiles.
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
