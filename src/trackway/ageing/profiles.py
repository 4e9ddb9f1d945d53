"""Deletes profiles of users that nobody has seen or changed for as long as their project keeps them.

A deleted profile gets a row as `$delete` leaves one: newer than the last update that it has, and older than every
update that follows. An update that the loader is about to write counts more. Such a profile was changed just now.
"""

import threading
import time
from typing import Final, NamedTuple

from trackway.ageing.event_deletion import note_aged
from trackway.ageing.horizon import Horizon
from trackway.ageing.limits import PROFILES_AT_ONCE
from trackway.query.sql.tables import rows_in
from trackway.query.sql.unseen import UNSEEN
from trackway.store.client import Store
from trackway.store.mutations import Interrupted

PROFILES: Final = "profiles"
_COUNT: Final = f"SELECT count() {rows_in(PROFILES, UNSEEN, final=True)}"
_DELETE: Final = f"""
INSERT INTO profiles (project_id, group_key, profile_id, position, deleted, updated, properties)
SELECT project_id, group_key, profile_id, position + 1, 1, now64(6, 'UTC'), '{{}}'
{rows_in(PROFILES, UNSEEN, final=True)} LIMIT {PROFILES_AT_ONCE} SETTINGS optimize_on_insert = 0"""


class UnseenProfiles(NamedTuple):
    """The profiles of a project that were not seen or changed since an instant, in milliseconds since the epoch."""

    project_id: int
    since_ms: int

    def count(self, store: Store) -> int:
        """How many there are. Raises StorageError."""
        [(number,)] = store.query(_COUNT, self._asked())
        return int(number)

    def delete(self, store: Store, number: int, stop: threading.Event) -> None:
        """Delete so many of them, PROFILES_AT_ONCE at a time. Raises StorageError."""
        for _ in range(0, number, PROFILES_AT_ONCE):
            if stop.is_set():
                raise Interrupted("profiles age on after the next start")
            store.command(_DELETE, self._asked())

    def note(self, store: Store, number: int) -> None:
        """Note that so many are about to be deleted. Raises StorageError."""
        now_ms = time.time_ns() // 1_000_000
        note_aged(store, PROFILES, {Horizon(self.project_id, self.since_ms, made_ms=now_ms): number})

    def _asked(self) -> dict[str, int]:
        return {"project": self.project_id, "unseen_since": self.since_ms}
