"""The store's tables as tests change them, on one machine as on a cluster."""

from collections.abc import Iterable

from trackway.store.client import Store


def emptied(store: Store, *tables: str) -> None:
    """Remove all rows of tables."""
    for table in tables:
        store.command(f"TRUNCATE TABLE {store.holding(table)}")


def empty_all(store: Store, tables: Iterable[str]) -> None:
    """Remove all rows of these tables. On one machine those without rows are left out: of twenty tables a test has rows
    in five."""
    if store.cluster is None:
        with_rows = store.query("SELECT DISTINCT table FROM system.parts WHERE active AND database = currentDatabase()")
        tables = {table for (table,) in with_rows}.intersection(tables)
    emptied(store, *tables)


def merge_all(store: Store, table: str) -> None:
    """Merge the parts of each partition of a table into one."""
    store.command(f"OPTIMIZE TABLE {store.holding(table)} FINAL")
