"""The loader's loop: from the journal to the store, each record exactly once.

The loader reads each partition from its cursor in the store, makes a batch and inserts it. One more insert makes
batches count, and moves the cursor. After a kill at any moment, the loader starts again from the cursor, and repeats
idempotent inserts.
When the store is away, it backs off, and the journal grows meanwhile. A batch counts only after its parts have been
read whole (`loader.part_verification`). Before that neither the cursor moves nor the journal is trimmed. Batches that
follow each other quickly are verified together.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial

from trackway.domain.erased_id import KEY_BYTES
from trackway.domain.errors import StorageError
from trackway.domain.limits import HEARTBEAT_S, STOP_S_MAX
from trackway.journal.log import Damage, Journal, Lease, Record
from trackway.loader import damage
from trackway.loader import statements as tables
from trackway.loader.batch import read_entries
from trackway.loader.batch_loading import Load
from trackway.loader.cursor import Cursor
from trackway.loader.duplicates import WINDOW_US
from trackway.loader.erased import Erased
from trackway.loader.inserts import Inserts
from trackway.loader.lane import Lane
from trackway.loader.limits import (
    DISK_ASK_S,
    FIRST_READ_S_MAX,
    LOAD_BATCH_BYTES_MAX,
    LOADER_BACKOFF_S_MAX,
    LOADER_BACKOFF_S_MIN,
    LOADER_POLL_S,
    LOADER_STEP_S_MAX,
    REMOVAL_INTERVAL_S,
    REST_BYTES_MAX,
)
from trackway.loader.moments import Moments
from trackway.loader.part_verification import WATCHED, PartVerification
from trackway.loader.repair import Repair
from trackway.loader.seen_keys import Window
from trackway.loader.sweep import Sweep
from trackway.runtime.background import pause, start_thread
from trackway.settings.table import Settings
from trackway.store.client import Store
from trackway.store.migrate import UnusableStore, migrate
from trackway.store.parts import open_again
from trackway.telemetry import logs, metrics

DISORDER_US = 3_600_000_000
"""Most by which a record's arrival may precede that of an earlier record: processes write at once, clocks are set."""

_FOREVER_US = _END = 1 << 62
"""Longer than any window, and behind every position."""

_log = logs.get("loader")


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
        self._progress = journal.progress()
        partitions = journal.partitions
        self._lanes = [
            Lane(number, len(partitions), partition, progress)
            for number, (partition, progress) in enumerate(zip(partitions, self._progress.partitions, strict=True))
        ]
        self._lease = lease or journal.lease()
        self._moments = moments or Moments()
        self._verification = PartVerification()
        self.sweep = Sweep(journal, store, self._verification)
        self._cursor = Cursor(store, self._verification, self.sweep, self._progress, self._step)
        self._erased = erased or Erased(bytes(KEY_BYTES))
        self._inserts = Inserts(store, self._cursor, self._erased, self._step)
        self._repair = Repair(
            store, self._progress, self._lanes, self._verification, self._cursor, self._inserts, self._erased, lost
        )
        self._has_begun = False
        self._keys = Window(_FOREVER_US)
        """The keys that the store had at the beginning, of all partitions, since `_keys_since_us`."""
        self._keys_since_us = 0
        self._removed_s = 0.0

    def run(self) -> None:
        """Load, and back off while the store or the disk fails. Raises only programming errors."""
        self._progress.failing = True
        start_thread(self._beat_while_it_steps, "heartbeat")
        sweep = start_thread(self.sweep.run, "sweep")
        try:
            self._run()
        finally:  # after this the owner of the store may close it
            self.sweep.end()
            self._cursor.close()
            for lane in self._lanes:
                lane.end()
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
        if self._has_begun and self._lease.is_held:
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
        """Read each partition once: load its new records, else wait a moment."""
        if not self._has_begun:
            self._begin()
        if self._verification.is_damaged:
            raise StorageError("store: a part is not whole")
        started_s = time.monotonic()
        bytes_max = min(self._load_bytes_max(), LOAD_BATCH_BYTES_MAX)
        self._log_room(bool(bytes_max))
        if bytes_max and self._moments.is_due(tuple(lane.position for lane in self._lanes)):
            self._come_to_moment()
            return
        loaded = [self._load_lane(lane, -(-bytes_max // len(self._lanes))) for lane in self._lanes]
        if not bytes_max:
            for lane in self._lanes:
                self._publish(lane)
                lane.progress.failing = lane.position < lane.progress.synced or not lane.waiting.is_empty
            self._stop.wait(DISK_ASK_S)
        elif any(loaded):
            self._advance(idle=self._is_idle)
            self._publish_all()
            if self._may_rest:
                self._rest(started_s + self._settings.load_interval_ms / 1000)
        else:
            self._cursor.advance()
            for lane in self._lanes:
                self._pass_empty(lane)
            self._stop.wait(LOADER_POLL_S)
        self._repair.settle()
        self._remove()

    def _load_lane(self, lane: Lane, bytes_max: int) -> bool:
        """Load what a partition has now. Whether anything was loaded, or waits to be."""
        if lane.load is None and not self._join(lane):
            return False
        assert lane.load is not None, "a lane that has joined loads"
        records = lane.take(min(bytes_max, lane.waiting.room))
        self._note_damage(lane)
        if not bytes_max or not (records or not lane.waiting.is_empty):
            return False
        if records:
            lane.load.load(records, records[0].position, lane.position)
        self._inserts.waiting(lane)
        return True

    @property
    def _is_idle(self) -> bool:
        """Whether there is nothing more to load now."""
        return all(lane.is_idle for lane in self._lanes)

    @property
    def _may_rest(self) -> bool:
        """Whether little can be read that was not, and nothing that was read must be inserted on at once."""
        lag_bytes = sum(lane.progress.lag_bytes(lane.position) for lane in self._lanes if not lane.is_failing)
        return lag_bytes < REST_BYTES_MAX and not any(lane.waiting.has_months for lane in self._lanes)

    def _pass_empty(self, lane: Lane) -> None:
        """All batches count. Where nothing is left to read, the cursor reaches the end."""
        lane.progress.failing = lane.is_failing or lane.load is None
        if not lane.is_at_end:
            self._publish(lane)
            return
        self._cursor.pass_empty(lane.number, lane.position)  # the source may be in a new segment
        lane.progress.loaded = lane.position
        metrics.loader_lag(0, 0.0, lane.number)

    def _publish_all(self) -> None:
        for lane in self._lanes:
            lane.progress.failing = lane.is_failing or lane.load is None
            self._publish(lane)

    def _come_to_moment(self) -> None:
        """Read no further until all that was read counts, then let the work be done that waits for this."""
        for lane in self._lanes:
            self._inserts.waiting(lane)
        self._cursor.advance()
        if all(lane.waiting.is_empty for lane in self._lanes):
            self._cursor.verify()  # the part of the cursor, too
            self._moments.take()
        else:
            self._stop.wait(LOADER_POLL_S)
        for lane in self._lanes:
            self._publish(lane)
        self._repair.settle()

    def _advance(self, *, idle: bool) -> None:
        """Verify batches where that is due: while there are more to load, beside the next ones."""
        if not self._cursor.is_due(idle=idle):
            return
        if idle:
            self._cursor.advance()
        else:
            self._cursor.advance_beside()

    def _rest(self, until_s: float) -> None:
        """Wait between two batches, at most until enough waits for the next. If there are no new records, make all
        batches count."""
        self._stop.wait(max(min(until_s - time.monotonic(), LOADER_POLL_S), 0.0))
        if self._is_idle:
            self._cursor.advance()
            for lane in self._lanes:
                self._publish(lane)
        while (left_s := until_s - time.monotonic()) > 0 and self._may_rest:
            if self._stop.wait(min(left_s, LOADER_POLL_S)):
                return

    def _begin(self) -> None:
        """Read the cursors from the store, and load again the rows that the store has lost."""
        open_again(self._store, WATCHED)
        applied = migrate(self._store, self._settings.rejected_retention_days)
        self._erased.read(self._store)
        cursors = self._repair.begin()
        for lane, cursor in zip(self._lanes, cursors, strict=True):
            lane.begin(cursor)
        oldest_us = self._oldest_first_us()
        self._inserts.begin()
        self._keys, self._keys_since_us = Window(_FOREVER_US), oldest_us - WINDOW_US - DISORDER_US
        # Keys do not name their partition. Those of a crashed load do no harm: this window drops none, and a key is
        # looked up by its position.
        before = cursors[0] if len(cursors) == 1 else _END
        keys = tables.fill_window(self._store, self._keys, self._keys_since_us, before)
        self._cursor.begin(cursors)
        self._has_begun = True
        for lane in self._lanes:
            self._join(lane)
        _log.info("loading", from_position=cursors, keys_in_window=keys, migrations=applied)

    def _oldest_first_us(self) -> int:
        """Arrival of the first entry that is not loaded, of all partitions that can be read now. The dedup window
        reaches back from there."""
        until_s = time.monotonic() + FIRST_READ_S_MAX
        while not all(lane.first() or lane.is_failing for lane in self._lanes) and time.monotonic() < until_s:
            self._step()
            self._stop.wait(LOADER_POLL_S)
        found = [_arrival_us(first.record) for lane in self._lanes if (first := lane.first()) is not None]
        return min(*found, time.time_ns() // 1000)

    def _join(self, lane: Lane) -> bool:
        """Whether a lane may load, once its partition was reached. Raises StorageError unless that is the one that its
        cursor belongs to, and where all must begin again, for keys that are older than those which were read."""
        if (first := lane.first()) is None:
            return False
        if first.identity:
            tables.pin_journal(self._store, first.position, first.identity)
        lane.oldest_us = _arrival_us(first.record)
        if lane.oldest_us - WINDOW_US < self._keys_since_us:
            raise StorageError(f"partition {lane.number} has older records than the others: all begin again")
        window = self._keys.shared(WINDOW_US + DISORDER_US)
        lane.position = first.position
        lane.progress.loaded = self._cursor.counted[lane.number]
        insert, finish = partial(self._inserts.some, lane), partial(self._inserts.finish, lane)
        lane.load = Load(self._store, window, self._erased, insert, finish, lane.number)
        if all(each.load is not None for each in self._lanes):
            self._keys = Window(_FOREVER_US)  # each lane drops its keys as they age
        return True

    def _forget(self) -> None:
        """After a failure, read the cursors again: the store may or may not have made the last insert."""
        self._has_begun = False

    def _publish(self, lane: Lane) -> None:
        """Publish how far a partition is loaded, and by how much it lags."""
        position = lane.progress.loaded = self._cursor.loaded(lane.number, lane.progress.synced)
        lag_bytes = lane.progress.lag_bytes(position)
        oldest_us = self._oldest_unloaded_us(lane, position) if lag_bytes else 0
        metrics.loader_lag(lag_bytes, max(time.time() - oldest_us / 1e6, 0.0) if lag_bytes else 0.0, lane.number)

    def _oldest_unloaded_us(self, lane: Lane, position: int) -> int:
        """Arrival of the first entry that is not loaded. Of several partitions it is a time before that, since to
        ask one may take seconds."""
        if len(self._lanes) > 1:
            return lane.oldest_us
        with closing(lane.partition.source(position)) as source:
            return _arrival_us(next(iter(source.read(1)), None))

    def _log_room(self, room: bool) -> None:
        """Log when loading stops because the disk is nearly full, and when it continues."""
        if room == self._has_room:
            return
        self._has_room = room
        if room:
            _log.info("the disk has room again: loading goes on")
        else:
            _log.error("the disk is nearly full: what was acknowledged stays in the journal until there is room")

    def _note_damage(self, lane: Lane) -> None:
        while lane.damage:
            damage.note_journal(self._store, lane.damage[0], lane.number)
            lane.damage.pop(0)

    def _remove(self) -> None:
        """Delete journal segments that are old enough, and whose records are in whole parts of the store."""
        now_s = time.monotonic()
        if now_s - self._removed_s < REMOVAL_INTERVAL_S:
            return
        self._removed_s = now_s
        for lane, sound_to in zip(self._lanes, self.sweep.sound_to, strict=True):
            if not lane.is_failing:
                self._remove_from(lane, sound_to)

    def _remove_from(self, lane: Lane, sound_to: int) -> None:
        """Raises StorageError only where the partition is alone: another one must not stop the rest."""
        try:
            removed = lane.partition.remove_loaded(sound_to, self._settings.journal_retention_s)
        except StorageError as error:
            if len(self._lanes) == 1:
                raise
            fault = str(error)
            _log.warning("loaded records of a partition cannot be removed", partition=lane.number, error=fault)
            return
        if removed.pieces:
            what = {"partition": lane.number, "pieces": removed.pieces, "bytes": removed.bytes}
            _log.info("removed loaded records from the journal", **what)


def _arrival_us(record: Record | None) -> int:
    """Arrival of the first entry of a record; now where there is none."""
    entries = read_entries([record]) if record is not None else []
    return min((placed.entry.received_us for placed in entries), default=time.time_ns() // 1000)
