"""The store's tables as tests change them, on one machine as on a cluster."""

from trackway.store.client import Store


def emptied(store: Store, *tables: str) -> None:
    """Remove all rows of tables."""
    for table in tables:
        store.command(f"TRUNCATE TABLE {store.holding(table)}")


def merge_all(store: Store, table: str) -> None:
    """Merge the parts of each partition of a table into one."""
    store.command(f"OPTIMIZE TABLE {store.holding(table)} FINAL")
