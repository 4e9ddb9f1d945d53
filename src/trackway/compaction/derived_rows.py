"""What all statements that derive rows from facts have in common: their settings, and the look at what they wrote."""

from collections.abc import Generator, Iterable, Mapping
from typing import Any

from trackway.query.sql.segments import Derived
from trackway.query.sql.tables import rows_in
from trackway.store.client import Store

Deriving = Generator[None, None, Derived]
"""Writes rows under a number, with one statement between two of its steps, and returns what was written. Raises
StorageError."""


def grouping(memory_bytes_max: int) -> str:
    """The settings of a statement whose groups take so much memory; more go to the disk."""
    # In the order of the table, a group of its own for each name and day would take longer than all that is counted.
    return (
        "SETTINGS optimize_aggregation_in_order = 0, max_block_size = 16384, max_insert_threads = 1,"
        f" max_bytes_before_external_group_by = {memory_bytes_max}"
    )


def written(store: Store, table: str, asked: Mapping[str, Any], slots: Iterable[int]) -> Derived:
    """What a table has of some slots under a number. `asked`: `project` and, under `segment`, the number. Raises
    StorageError."""
    ((rows,),) = store.query(f"SELECT count() {rows_in(table, 'segment = {segment:UInt64}')}", asked)
    return Derived(asked["segment"], table, int(rows), tuple(sorted(slots)))


def at_once(deriving: Deriving) -> Derived:
    """All steps, and what was written. Raises StorageError."""
    while True:
        try:
            next(deriving)
        except StopIteration as done:
            derived: Derived = done.value
            return derived
