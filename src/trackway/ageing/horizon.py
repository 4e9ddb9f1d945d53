"""Horizons: from which instant on a project keeps events, as rows of the store, and what the next horizon is.

The newest row of a project counts for all queries from its insert on. So events are gone everywhere at one moment, and
their rows are deleted after it.
"""

import struct
from typing import Final, NamedTuple, Protocol

from trackway.domain.data_age import first_kept_ms
from trackway.store.client import Store

_COLUMNS: Final = ("project_id", "sequence", "since", "position", "deleted", "made")
_NEWEST: Final = """
SELECT project_id, max(sequence), toUnixTimestamp64Milli(argMax(since, sequence)), argMax(position, sequence),
    argMax(deleted, sequence), toUnixTimestamp64Milli(argMax(made, sequence))
FROM event_ages GROUP BY project_id"""

_ROW: Final = struct.Struct("<IQqQ?q")


class Kept(Protocol):
    """A project that says how long it keeps events."""

    @property
    def project_id(self) -> int: ...
    @property
    def time_zone(self) -> str: ...
    def kept_event_days(self, default: int) -> int: ...


class Horizon(NamedTuple):
    """A row of `event_ages`; times in milliseconds since the epoch."""

    project_id: int
    sequence: int = 0
    since_ms: int = 0
    position: int = 0
    is_deleted: bool = True
    made_ms: int = 0


class Horizons:
    """The horizons of a store. Every method raises StorageError."""

    def __init__(self, store: Store):
        self._store = store

    def newest(self) -> dict[int, Horizon]:
        """The horizon that counts, by project."""
        return {
            int(project): Horizon(int(project), int(sequence), int(since), int(position), bool(deleted), int(made))
            for project, sequence, since, position, deleted, made in self._store.query(_NEWEST)
        }

    def write(self, horizon: Horizon) -> None:
        """Let a horizon count from now on."""
        self._store.insert_rows("event_ages", _COLUMNS, _ROW.pack(*horizon))


def next_horizon(now: Horizon, kept: Kept, default_days: int, position: int, now_ms: int) -> Horizon | None:
    """The horizon that follows, None where the present one stays. `position`: where the journal was before the settings
    were read. What came there or later may have been accepted under a longer retention, so it is not deleted.

    Each waits until everything before the one it follows is deleted. So nothing that was gone is there again where it
    goes back, and what is deleted is counted once.
    """
    since_ms = first_kept_ms(kept.kept_event_days(default_days), kept.time_zone, now_ms)
    if since_ms == now.since_ms:
        return None
    return Horizon(now.project_id, now.sequence + 1, since_ms, position, since_ms < now.since_ms, now_ms)
