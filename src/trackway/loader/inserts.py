"""Inserts: the rows of a batch, in their order, and those that waited.

Links come first, since they decide the profile of an update. Profiles come before events. When a refused record is
loaded once more, the updates in a profile are skipped, but events that are inserted would be both stored and rejected.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from trackway.domain.errors import StorageError
from trackway.loader import statements as tables
from trackway.loader.batch import Batch
from trackway.loader.canonical_ids import read_canonical_ids
from trackway.loader.cursor import Cursor
from trackway.loader.erased import Erased
from trackway.loader.lane import Lane
from trackway.loader.link_loading import Links
from trackway.loader.profile_loading import Changes, changes_of, insert_changes, insert_profiles
from trackway.store.client import Store
from trackway.store.errors import DataRefused
from trackway.telemetry import metrics


class Inserts:
    """The inserts of one loader. `step` is called between two slow ones. All methods raise StorageError."""

    def __init__(self, store: Store, cursor: Cursor, erased: Erased, step: Callable[[], None]):
        self._store = store
        self._cursor = cursor
        self._erased = erased
        self._step = step
        self._links = Links()
        self._erasures_seen = 0

    def begin(self) -> None:
        """Forget the links that the store had: the loader reads on from its cursor."""
        self._links = Links()

    def some(self, lane: Lane, batch: Batch) -> None:
        """Insert links, profiles and events, except those that wait. Raises DataRefused."""
        if batch.from_position < lane.wait_from:
            self.whole(batch)
            return
        self._insert_links(batch)
        with self._none_refused(lane):
            changes = changes_of(batch.placed, read_canonical_ids(self._store, batch.placed))
            self._insert_changes(lane, lane.waiting.changes_now(changes))
            self._step()
            tables.insert_events(self._store, lane.waiting.events_now(batch.events))
        self._step()

    def whole(self, batch: Batch) -> None:
        """As `some`, without deferred rows."""
        self._insert_links(batch)
        self._count_skipped(insert_profiles(self._store, batch.placed, self._cursor.verify))
        self._step()
        tables.insert_events(self._store, batch.events)
        self._step()

    def waiting(self, lane: Lane) -> None:
        """Insert some of the deferred rows."""
        with self._none_refused(lane):
            if months := lane.waiting.next_months():
                tables.insert_events(self._store, [each for some in months.values() for each in some], one_batch=False)
                lane.waiting.months_done(months)
                self._step()
            if changes := lane.waiting.due_profiles():
                self._insert_changes(lane, changes)
                lane.waiting.profiles_done(changes)
                self._step()
        self._cursor.add(lane.waiting.whole())

    def finish(self, lane: Lane, batch: Batch) -> None:
        """Insert the rest of a batch, whose links, profiles and events are in the store or deferred."""
        tables.insert_rest(self._store, batch)
        lane.oldest_us = max(lane.oldest_us, batch.newest_us)
        if not lane.waiting.hold(batch):
            self._cursor.add([batch])

    def count(self, batch: Batch) -> None:
        """Insert the rest of a batch before the cursor, and its counts."""
        tables.insert_rest(self._store, batch)
        self._cursor.count_again(batch)

    def _insert_links(self, batch: Batch) -> None:
        if self._erasures_seen != self._erased.changes:  # claims that the store had may be gone
            self._erasures_seen = self._erased.changes
            self._links = Links()
        self._links.insert(self._store, batch.placed, self._cursor.verify)
        self._step()

    def _insert_changes(self, lane: Lane, changes: Changes) -> None:
        self._count_skipped(insert_changes(self._store, changes, self._cursor.verify, lane.waiting.wrote))

    def _count_skipped(self, skipped: Counter[str]) -> None:
        for reason, number in skipped.items():
            metrics.properties_unchanged(reason, number)

    @contextmanager
    def _none_refused(self, lane: Lane) -> Iterator[None]:
        """A refused record is found by loading in parts. It may be among the deferred rows. So, if there are any, the
        loader starts again from the cursor, and defers no rows up to this position."""
        try:
            yield
        except DataRefused as error:
            if lane.waiting.is_empty:
                raise
            lane.wait_from = lane.position
            raise StorageError(f"loading again one by one: {error}") from error
