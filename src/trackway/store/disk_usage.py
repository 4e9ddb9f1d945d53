"""The store's disk usage: its size, what running merges may still write, and the disk of an external store."""

from trackway.runtime.disk_room import StoreRoom
from trackway.store.client import Store

# The disk with the most room among those of the tables.
_ROOM = """
SELECT
    (SELECT (max(free_space), argMax(total_space, free_space)) FROM system.disks WHERE name IN (
        SELECT arrayJoin(disks) FROM system.storage_policies WHERE policy_name IN (
            SELECT DISTINCT storage_policy FROM system.tables WHERE database = currentDatabase()))) AS disk,
    (SELECT sum(total_size_bytes_compressed * (1 - progress)) FROM system.merges) AS wanted,
    (SELECT sum(bytes_on_disk) FROM system.parts WHERE database = currentDatabase()) AS stored"""


def room_of(store: Store, *, elsewhere: bool) -> StoreRoom:
    """`elsewhere`: its disk is not the data directory's. Raises StorageError."""
    [((free, total), wanted, stored)] = store.query(_ROOM)
    return StoreRoom(int(free) if elsewhere else 0, int(total) if elsewhere else 0, int(wanted), int(stored))
