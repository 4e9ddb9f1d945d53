"""How long the store keeps rejected records and their replays: a time to live of their tables."""

from trackway.store.client import Store

REJECTED_DAYS_DEFAULT = 30
_TABLE = """
SELECT create_table_query FROM system.tables
WHERE database IN (currentDatabase(), {shards:String}) AND engine LIKE '%MergeTree' AND name = {table:String}"""


def keep_rejected(store: Store, days: int) -> None:
    """Set the retention, in days after the arrival. Raises StorageError."""
    assert days >= 1, "rejected records are kept for at least a day"
    for table in ("rejected_records", "replays"):
        ((query,),) = store.query(_TABLE, {"table": table, "shards": store.shards})
        if f"toIntervalDay({days})" not in query:
            store.command(f"ALTER TABLE {store.holding(table)} MODIFY TTL toDateTime(received) + toIntervalDay({days})")
