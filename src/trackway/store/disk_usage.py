"""The store's disk usage: its size, what running merges may still write, and the disk of an external store."""

from trackway.runtime.disk_room import StoreRoom
from trackway.store.client import Store

_WANTED_AND_STORED = """
    (SELECT sum(total_size_bytes_compressed * (1 - progress)) FROM system.merges) AS wanted,
    (SELECT sum(bytes_on_disk) FROM system.parts WHERE database = currentDatabase()) AS stored"""
# The disk with the most room among those of the tables.
_DISK = """
    (SELECT (max(free_space), argMax(total_space, free_space)) FROM system.disks WHERE name IN (
        SELECT arrayJoin(disks) FROM system.storage_policies WHERE policy_name IN (
            SELECT DISTINCT storage_policy FROM system.tables WHERE database = currentDatabase()))) AS disk"""
_USAGE = f"SELECT {_WANTED_AND_STORED}"
_ROOM = f"SELECT {_DISK}, {_WANTED_AND_STORED}"


# Of all nodes the one with the least room; the size is that of one replica of each shard.
_ROOM_OF_CLUSTER = """
SELECT
    (SELECT (min(free), argMin(total, free)) FROM
        (SELECT hostName() AS host, max(free_space) AS free, argMax(total_space, free_space) AS total
        FROM clusterAllReplicas({cluster:String}, system.disks) GROUP BY host)) AS disk,
    (SELECT max(wanted) FROM
        (SELECT hostName() AS host, sum(total_size_bytes_compressed * (1 - progress)) AS wanted
        FROM clusterAllReplicas({cluster:String}, system.merges) GROUP BY host)) AS wanted,
    (SELECT sum(bytes_on_disk)
        FROM system.parts WHERE active AND database = currentDatabase()) AS stored"""


def room_of(store: Store, *, elsewhere: bool) -> StoreRoom:
    """`elsewhere`: its disk is not the data directory's. Otherwise its disk is not asked for, which would be two fifths
    of the time. Raises StorageError."""
    free = total = 0
    if store.cluster:
        [((free, total), wanted, stored)] = store.query(_ROOM_OF_CLUSTER, {"cluster": store.cluster.name})
    elif elsewhere:
        [((free, total), wanted, stored)] = store.query(_ROOM)
    else:
        [(wanted, stored)] = store.query(_USAGE)
    return StoreRoom(int(free) if elsewhere else 0, int(total) if elsewhere else 0, int(wanted), int(stored))
