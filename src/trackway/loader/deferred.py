"""Deferred inserts: the slow parts of a batch, which wait while later batches pass.

Events of many months make one part of the store for each month, 20 ms each. An update of a fat profile writes the whole
profile again. Both would make all clients wait for one. So a batch inserts its quick rows at once, and its slow rows
wait here. Months take turns, some at once. A fat profile is written once in some seconds, with all updates of that
time. A batch counts, and the cursor passes it, when all its rows are in the store, in the order of the journal. After a
crash the loader repeats it from the cursor, as each batch that does not count.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence

from trackway.domain.entry import Entry
from trackway.loader.batch import Batch
from trackway.loader.limits import FAT_PROFILE_BYTES, FAT_PROFILE_S, MONTHS_AT_ONCE_MAX, WAITING_BYTES_MAX
from trackway.loader.months import by_month, most_common, spans_many
from trackway.loader.placed import Placed
from trackway.loader.profile_loading import Change, Changes, ProfileKey

_ENTRY_BYTES, _UPDATE_BYTES = 1000, 400
"""Approximate memory of an entry and of an update, beside their own bytes."""


class _Held:
    """A batch, and its months and profiles that are not in the store yet."""

    def __init__(self) -> None:
        self.batch: Batch | None = None
        self.months: set[int] = set()
        self.profiles: set[ProfileKey] = set()

    def waits(self) -> bool:
        return bool(self.months or self.profiles)


class Waiting:
    """The deferred rows of one partition, until its cursor is read again. `clock_s` is any monotonic clock."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic, bytes_max: int = WAITING_BYTES_MAX):
        self._clock_s = clock_s
        self._bytes_max = bytes_max
        self._months: dict[int, list[Placed]] = {}
        self._profiles: Changes = {}
        self._written_s: dict[ProfileKey, float] = {}
        self._held: deque[_Held] = deque()
        self._next = _Held()
        self._bytes = 0

    @property
    def has_months(self) -> bool:
        return bool(self._months)

    @property
    def is_empty(self) -> bool:
        """Whether no batch waits."""
        return not self._held and not self._next.waits()

    @property
    def room(self) -> int:
        """Journal bytes that may pass now. 0 while as many wait as may."""
        return max(self._bytes_max - self._bytes, 0)

    def events_now(self, placed: Sequence[Placed]) -> Sequence[Placed]:
        """The events of a batch to insert now. The others wait. Raises DataRefused when an entry cannot be split."""
        entries = [each.entry for each in placed]
        if not spans_many(entries, MONTHS_AT_ONCE_MAX):
            return placed
        chosen = most_common(entries, MONTHS_AT_ONCE_MAX)
        now: list[Placed] = []
        for each in placed:
            for month, part in by_month(each.entry).items():
                if month in chosen:
                    now.append(each._replace(entry=part))
                else:
                    self._months.setdefault(month, []).append(each._replace(entry=_events_alone(part)))
                    self._next.months.add(month)
                    self._bytes += _size(part)
        return now

    def changes_now(self, changes: Changes) -> Changes:
        """The changes of a batch to insert now. New changes of a profile that waits wait behind the earlier ones."""
        now_s = self._clock_s()
        self._written_s = {key: at_s for key, at_s in self._written_s.items() if now_s - at_s < FAT_PROFILE_S}
        now: Changes = {}
        for key, new in changes.items():
            if key in self._profiles or key in self._written_s:
                self._profiles.setdefault(key, []).extend(new)
                self._next.profiles.add(key)
                self._bytes += _updates_size(new)
            else:
                now[key] = new
        return now

    def wrote(self, key: ProfileKey, size: int) -> None:
        """Note that a row of `size` bytes was written for this profile."""
        if size > FAT_PROFILE_BYTES:
            self._written_s[key] = self._clock_s()

    def hold(self, batch: Batch) -> bool:
        """Hold the batch that was just inserted until it may count. False when it may count at once."""
        if self.is_empty:
            return False
        self._next.batch = batch.without_rows()
        self._held.append(self._next)
        self._next = _Held()
        return True

    def next_months(self) -> dict[int, list[Placed]]:
        """The events of the months whose turn it is."""
        return {month: self._months[month] for month in list(self._months)[:MONTHS_AT_ONCE_MAX]}

    def months_done(self, months: Collection[int]) -> None:
        """Drop the events of these months, which are in the store."""
        for month in months:
            self._bytes -= sum(_size(each.entry) for each in self._months.pop(month))
        for held in self._held:
            held.months.difference_update(months)

    def due_profiles(self) -> Changes:
        """The updates of profiles whose last row is older than FAT_PROFILE_S. All updates while there is no room."""
        latest_s = self._clock_s() - FAT_PROFILE_S
        never_s = float("-inf")
        return {
            key: changes
            for key, changes in self._profiles.items()
            if not self.room or self._written_s.get(key, never_s) <= latest_s
        }

    def profiles_done(self, keys: Collection[ProfileKey]) -> None:
        """Drop the updates of these profiles, which are in the store."""
        for key in keys:
            self._bytes -= _updates_size(self._profiles.pop(key))
        for held in self._held:
            held.profiles.difference_update(keys)

    def whole(self) -> list[Batch]:
        """Release the batches that may count, in the order of the journal."""
        found: list[Batch] = []
        while self._held and not self._held[0].waits():
            batch = self._held.popleft().batch
            assert batch is not None, "only `hold` appends"
            found.append(batch)
        return found


def _events_alone(entry: Entry) -> Entry:
    """The entry with its events alone. Its other content is in the store already, and may be much longer."""
    return Entry(entry.version, entry.project_id, entry.received_us, entry.endpoint, events=entry.events)


def _size(entry: Entry) -> int:
    return _ENTRY_BYTES + len(entry.events.times_ms) + sum(map(len, entry.events.strings))


def _updates_size(changes: Sequence[Change]) -> int:
    return sum(_UPDATE_BYTES + len(change.update.operations) for change in changes)
