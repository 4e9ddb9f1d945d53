"""The loader's loop: from the journal to the store, each record exactly once.

The loader reads from the cursor in the store, makes a batch and inserts it. One more insert makes batches count, and
moves the cursor. After a kill at any moment, the loader starts again from the cursor, and repeats idempotent inserts.
When the store is away, it backs off, and the journal grows meanwhile. A batch counts only after its parts have been
read whole (`loader.part_verification`). Before that neither the cursor moves nor the journal is trimmed. Batches that
follow each other quickly are verified together.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple

from trackway.domain.erased_id import KEY_BYTES
from trackway.domain.errors import StorageError
from trackway.domain.limits import HEARTBEAT_S, STOP_S_MAX
from trackway.journal.log import Damage, Journal, Lease, Source
from trackway.loader import damage
from trackway.loader import statements as tables
from trackway.loader.batch import Batch, read_entries
from trackway.loader.batch_loading import Load
from trackway.loader.canonical_ids import read_canonical_ids
from trackway.loader.cursor import Cursor
from trackway.loader.deferred import Waiting
from trackway.loader.duplicates import WINDOW_US
from trackway.loader.erased import Erased
from trackway.loader.limits import (
    DISK_ASK_S,
    LOAD_BATCH_BYTES_MAX,
    LOADER_BACKOFF_S_MAX,
    LOADER_BACKOFF_S_MIN,
    LOADER_POLL_S,
    LOADER_STEP_S_MAX,
    REMOVAL_INTERVAL_S,
    REST_BYTES_MAX,
)
from trackway.loader.link_loading import Links
from trackway.loader.moments import Moments
from trackway.loader.part_verification import WATCHED, PartVerification
from trackway.loader.profile_loading import Changes, changes_of, insert_changes, insert_profiles
from trackway.loader.reload import Reload
from trackway.loader.seen_keys import Window
from trackway.loader.sweep import Sweep
from trackway.runtime.background import pause, start_thread
from trackway.settings.table import Settings
from trackway.store import damage_table
from trackway.store.client import Store
from trackway.store.errors import DataRefused
from trackway.store.migrate import UnusableStore, migrate
from trackway.store.parts import Part, open_again
from trackway.telemetry import logs, metrics

DISORDER_US = 3_600_000_000
"""Most by which a record's arrival may precede that of an earlier record: processes write at once, clocks are set."""

_log = logs.get("loader")


class _Repair(NamedTuple):
    """Damage whose rows are all loaded again when the loader has reached `until`. `before`: rows by table at first."""

    pending: Sequence[damage_table.Damage]
    before: dict[str, int]
    until: int


class Loader:
    """Loads until `stop` is set. Make it in the process that runs it. `beat` is called while it makes progress.

    `load_bytes_max`: journal bytes for which the disk of the store has room now, 0 when loading must wait. `lost` is
    the damage of the journal that recovery found. A later read of the journal does not find it again. `erased`: the
    erasures that other threads add to; without it only those of the store count, which have hashes of no key. `lease`
    is closed at the end; by default it is asked of the journal. `moments`: work that others want done between two
    batches.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        store: Store,
        stop: threading.Event,
        beat: Callable[[], None] = lambda: None,
        load_bytes_max: Callable[[], int] = lambda: LOAD_BATCH_BYTES_MAX,
        lost: Sequence[Damage] = (),
        erased: Erased | None = None,
        lease: Lease | None = None,
        moments: Moments | None = None,
    ):
        self._settings = settings
        self._journal = journal
        self._store = store
        self._stop = stop
        self._beat = beat
        self._steps = 0
        self._load_bytes_max = load_bytes_max
        self._has_room = True
        self._lost = list(lost)
        self._progress = journal.progress()
        self._lease = lease or journal.lease()
        self._moments = moments or Moments()
        self._verification = PartVerification()
        self._sweep = Sweep(journal, store, self._verification)
        self._cursor = Cursor(store, self._verification, self._sweep, self._progress, self._step)
        self._links = Links()
        self._erased = erased or Erased(bytes(KEY_BYTES))
        self._erasures_seen = 0
        self._load = Load(store, Window(WINDOW_US + DISORDER_US), self._erased, self._insert, self._finish)
        self._repair: _Repair | None = None
        self._waiting = Waiting()
        self._wait_from = 0
        """Records before this position are inserted whole, since the store refused rows that waited."""
        self._source: Source | None = None
        self._removed_s = 0.0
        self._damage_noted = 0

    def run(self) -> None:
        """Load, and back off while the store or the disk fails. Raises only programming errors."""
        self._progress.failing = True
        start_thread(self._beat_while_it_steps, "heartbeat")
        sweep = start_thread(self._sweep.run, "sweep")
        try:
            self._run()
        finally:  # after this the owner of the store may close it
            self._sweep.end()
            self._cursor.close()
            self._lease.close()
            sweep.join(STOP_S_MAX / 2)

    def _run(self) -> None:
        wait_s = LOADER_BACKOFF_S_MIN
        while not self._stop.is_set():
            self._step()
            if not self._lease.is_held:
                self._stand_by()
                continue
            try:
                self._load_on()
                wait_s = LOADER_BACKOFF_S_MIN
            except UnusableStore as error:
                self._progress.failing = True
                _log.critical("loading has stopped: this version cannot use the store", error=str(error))
                while not self._stop.wait(HEARTBEAT_S):
                    self._step()  # the process lives, and waits for another version
            except StorageError as error:
                self._progress.failing = True
                metrics.store_error("load")
                _log.warning("cannot load, will try again", error=str(error), wait_s=wait_s)
                self._forget()
                self._stop.wait(wait_s)
                wait_s = min(wait_s * 2, LOADER_BACKOFF_S_MAX)
        if self._source is not None and self._lease.is_held:
            with suppress(StorageError):  # then the next loader loads it again
                self._cursor.advance()

    def _stand_by(self) -> None:
        """Another machine loads. Forget all that may be out of date when this one's turn comes."""
        self._forget()
        self._moments.refuse("another machine loads: ask that one")
        self._stop.wait(LOADER_POLL_S)

    def _step(self) -> None:
        """Note progress of the loader, between two slow operations."""
        self._steps += 1

    def _beat_while_it_steps(self) -> None:
        """Beat for the supervisor and the edge processes, also during a long insert, but at most LOADER_STEP_S_MAX."""
        steps, waited_s = self._steps, 0.0
        while not self._stop.is_set():
            waited_s = waited_s + HEARTBEAT_S if steps == self._steps else 0.0
            steps = self._steps
            if waited_s < LOADER_STEP_S_MAX:
                if self._lease.is_held:  # else it is that of the machine that loads
                    self._progress.heartbeat_ms = time.time_ns() // 1_000_000
                self._beat()
            pause(HEARTBEAT_S)

    def _load_on(self) -> None:
        """Read the journal once: load its new records, else wait a moment."""
        source = self._source or self._begin()
        if self._verification.is_damaged:
            raise StorageError("store: a part is not whole")
        started_s = time.monotonic()
        bytes_max = min(self._load_bytes_max(), LOAD_BATCH_BYTES_MAX)
        self._log_room(bool(bytes_max))
        if bytes_max and self._moments.is_due(source.position):
            self._come_to_moment(source)
            return
        may_read = min(bytes_max, self._waiting.room)
        records = source.read(may_read) if may_read else []
        self._note_damage(source)
        if not bytes_max:
            self._publish(self._cursor.loaded(self._progress.synced))
            self._progress.failing = source.position < self._progress.synced or not self._waiting.is_empty
            self._stop.wait(DISK_ASK_S)
        elif records or not self._waiting.is_empty:
            if records:
                self._load.load(records, records[0].position, source.position)
            self._insert_waiting()
            self._advance(idle=source.position >= self._progress.synced)
            self._progress.failing = False
            self._publish(self._cursor.loaded(self._progress.synced))
            if not (self._waiting.has_months or self._progress.lag_bytes(source.position) >= REST_BYTES_MAX):
                self._rest(source, started_s + self._settings.load_interval_ms / 1000)
        else:
            self._cursor.advance()
            self._cursor.pass_empty(source.position)  # the source may be in a new segment
            self._progress.failing = False
            self._progress.loaded = source.position
            metrics.loader_lag(0, 0.0)
            self._stop.wait(LOADER_POLL_S)
        self._settle()
        self._remove()

    def _come_to_moment(self, source: Source) -> None:
        """Read no further until all that was read counts, then let the work be done that waits for this."""
        self._insert_waiting()
        self._cursor.advance()
        if self._waiting.is_empty:
            self._cursor.verify()  # the part of the cursor, too
            self._moments.take()
        else:
            self._stop.wait(LOADER_POLL_S)
        self._publish(self._cursor.loaded(self._progress.synced))
        self._settle()

    def _advance(self, *, idle: bool) -> None:
        """Verify batches where that is due: while there are more to load, beside the next ones."""
        if not self._cursor.is_due(idle=idle):
            return
        if idle:
            self._cursor.advance()
        else:
            self._cursor.advance_beside()

    def _rest(self, source: Source, until_s: float) -> None:
        """Wait between two batches. If there are no new records, make all batches count."""
        self._stop.wait(max(min(until_s - time.monotonic(), LOADER_POLL_S), 0.0))
        if source.position >= self._progress.synced:
            self._cursor.advance()
            self._publish(self._cursor.loaded(self._progress.synced))
        self._stop.wait(max(until_s - time.monotonic(), 0.0))

    def _begin(self) -> Source:
        """Read the cursor from the store, and load again the rows that the store has lost."""
        open_again(self._store, WATCHED)
        applied = migrate(self._store, self._settings.rejected_retention_days)
        self._erased.read(self._store)
        cursor = self._repair_store()
        source = self._open(cursor)
        since_us = min(self._oldest_unloaded_us(cursor), time.time_ns() // 1000) - WINDOW_US - DISORDER_US
        window = Window(WINDOW_US + DISORDER_US)
        self._links = Links()
        keys = tables.fill_window(self._store, window, since_us, cursor)
        self._load = Load(self._store, window, self._erased, self._insert, self._finish)
        self._source, self._damage_noted = source, 0
        self._waiting = Waiting()
        self._cursor.begin(cursor)
        self._progress.loaded = cursor
        _log.info("loading", from_position=cursor, keys_in_window=keys, migrations=applied)
        return source

    def _open(self, cursor: int) -> Source:
        """The journal from the cursor on. Raises StorageError unless it is the one that the cursor belongs to."""
        source = self._journal.source(cursor)
        try:
            if source.identity:
                tables.pin_journal(self._store, source.position, source.identity)
        except StorageError:
            source.close()
            raise
        return source

    def _repair_store(self) -> int:
        """Repair damage of the store. Returns the cursor."""
        self._cursor.reset()
        self._verification.drop_unfinished(self._store)
        damage.take_out(self._store, self._verification.take_unsound())
        found, damages = damage.find(self._store)
        self._verification.begin(found.active, found.broken)
        self._check_loads(found.active)
        self._cursor.generation = sum(each.place == "loads" for each in damages)
        cursor = tables.read_cursor(self._store)
        self._reload([each for each in damages if each.pending], cursor)
        if self._cursor.generation:  # earlier records may be loaded, and cannot be read again
            cursor = max(cursor, self._reloading().kept_from())
        while self._lost:
            if self._lost[0].position >= cursor:
                damage.note_journal(self._store, self._lost[0])
            self._lost.pop(0)
        return cursor

    def _check_loads(self, active: Sequence[Part]) -> None:
        """Verify the parts that hold the cursor: a killed loader may not have read them."""
        for part in self._verification.unread(part for part in active if part.table == "loads"):
            if fault := self._verification.check(self._store, part):
                self._verification.report(part, fault)
        if self._verification.unsound:
            raise StorageError("store: a part is not whole")

    def _reload(self, pending: Sequence[damage_table.Damage], cursor: int) -> None:
        """Load again the records before the cursor. Those after it are loaded in any case."""
        damaged = {each.place for each in pending}
        if not pending:
            self._repair = None
            return
        _log.warning("loading again what damaged tables have lost", tables=sorted(damaged))
        before = self._reloading().rows(damaged)
        if self._repair and set(self._repair.pending) == set(pending):  # an earlier attempt has loaded some of it
            before |= self._repair.before
        self._repair = _Repair(pending, before, self._progress.synced)
        self._reloading().content(damaged, cursor)
        if "loads" in damaged:
            self._reloading().counts(cursor, self._insert_whole, self._count)

    def _settle(self) -> None:
        """Log the lost rows, after the loader has loaded all records that the journal had at the repair."""
        repair = self._repair
        if repair is not None and self._cursor.counted >= repair.until:
            after = self._reloading().rows(repair.before)
            came_back = {table: max(rows - repair.before[table], 0) for table, rows in after.items()}
            damage.settle(self._store, repair.pending, came_back)
            self._repair = None

    def _reloading(self) -> Reload:
        return Reload(self._store, self._journal, self._erased, self._cursor.verify)

    def _oldest_unloaded_us(self, cursor: int) -> int:
        """Arrival of the first entry that is not loaded. The dedup window reaches back from there."""
        with closing(self._journal.source(cursor)) as source:
            entries = read_entries(source.read(1)[:1])
        return min((placed.entry.received_us for placed in entries), default=time.time_ns() // 1000)

    def _forget(self) -> None:
        """After a failure, read the cursor again: the store may or may not have made the last insert."""
        if self._source is not None:
            self._source.close()
            self._source = None

    def _insert(self, batch: Batch) -> None:
        """Insert links, profiles and events, except those that wait. Raises DataRefused.

        Links come first, since they decide the profile of an update. Profiles come before events. When a refused record
        is loaded once more, the updates in a profile are skipped, but events that are inserted would be both stored and
        rejected.
        """
        if batch.from_position < self._wait_from:
            self._insert_whole(batch)
            return
        self._insert_links(batch)
        with self._none_refused():
            changes = changes_of(batch.placed, read_canonical_ids(self._store, batch.placed))
            self._insert_changes(self._waiting.changes_now(changes))
            self._step()
            tables.insert_events(self._store, self._waiting.events_now(batch.events))
        self._step()

    def _insert_whole(self, batch: Batch) -> None:
        """As `_insert`, without deferred rows."""
        self._insert_links(batch)
        self._count_skipped(insert_profiles(self._store, batch.placed, self._cursor.verify))
        self._step()
        tables.insert_events(self._store, batch.events)
        self._step()

    def _insert_links(self, batch: Batch) -> None:
        if self._erasures_seen != self._erased.changes:  # claims that the store had may be gone
            self._erasures_seen = self._erased.changes
            self._links = Links()
        self._links.insert(self._store, batch.placed, self._cursor.verify)
        self._step()

    def _insert_changes(self, changes: Changes) -> None:
        self._count_skipped(insert_changes(self._store, changes, self._cursor.verify, self._waiting.wrote))

    def _count_skipped(self, skipped: Counter[str]) -> None:
        for reason, number in skipped.items():
            metrics.properties_unchanged(reason, number)

    @contextmanager
    def _none_refused(self) -> Iterator[None]:
        """A refused record is found by loading in parts. It may be among the deferred rows. So, if there are any, the
        loader starts again from the cursor, and defers no rows up to this position."""
        try:
            yield
        except DataRefused as error:
            if self._waiting.is_empty or self._source is None:
                raise
            self._wait_from = self._source.position
            raise StorageError(f"loading again one by one: {error}") from error

    def _insert_waiting(self) -> None:
        """Insert some of the deferred rows."""
        with self._none_refused():
            if months := self._waiting.next_months():
                tables.insert_events(self._store, [each for some in months.values() for each in some], one_batch=False)
                self._waiting.months_done(months)
                self._step()
            if changes := self._waiting.due_profiles():
                self._insert_changes(changes)
                self._waiting.profiles_done(changes)
                self._step()
        self._cursor.add(self._waiting.whole())

    def _finish(self, batch: Batch) -> None:
        """Insert the rest of a batch, whose links, profiles and events are in the store or deferred."""
        tables.insert_rest(self._store, batch)
        if not self._waiting.hold(batch):
            self._cursor.add([batch])

    def _count(self, batch: Batch) -> None:
        """Insert the rest of a batch before the cursor, and its counts."""
        tables.insert_rest(self._store, batch)
        self._cursor.count_again(batch)

    def _publish(self, position: int) -> None:
        self._progress.loaded = position
        lag_bytes = self._progress.lag_bytes(position)
        oldest_us = self._oldest_unloaded_us(position) if lag_bytes else 0
        metrics.loader_lag(lag_bytes, max(time.time() - oldest_us / 1e6, 0.0) if lag_bytes else 0.0)

    def _log_room(self, room: bool) -> None:
        """Log when loading stops because the disk is nearly full, and when it continues."""
        if room == self._has_room:
            return
        self._has_room = room
        if room:
            _log.info("the disk has room again: loading goes on")
        else:
            _log.error("the disk is nearly full: what was acknowledged stays in the journal until there is room")

    def _note_damage(self, source: Source) -> None:
        for each in source.damage[self._damage_noted :]:
            damage.note_journal(self._store, each)
            self._damage_noted += 1

    def _remove(self) -> None:
        """Delete journal segments that are old enough, and whose records are in whole parts of the store."""
        now_s = time.monotonic()
        if now_s - self._removed_s < REMOVAL_INTERVAL_S:
            return
        self._removed_s = now_s
        removed = self._journal.remove_loaded(self._sweep.sound_to, self._settings.journal_retention_s)
        if removed.pieces:
            _log.info("removed loaded records from the journal", pieces=removed.pieces, bytes=removed.bytes)
