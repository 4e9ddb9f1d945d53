"""Restoring rows into an empty store elsewhere.

A table is the mark of an unfinished restore: no server uses a store that has it. The next restore drops all tables that
the unfinished one made, and begins anew.
"""

from contextlib import closing
from typing import Final

import msgspec

from trackway.backup.clones import make_tables, rows_in
from trackway.backup.making import Progress
from trackway.backup.manifest import Manifest, Stored
from trackway.backup.packs import Digesting
from trackway.backup.repository import Repository, check_digest
from trackway.domain.errors import StateError
from trackway.store.client import Store
from trackway.store.migrate import UNFINISHED_RESTORE

_TABLES: Final = "SELECT name FROM system.tables WHERE database = currentDatabase()"
_SETTINGS: Final = {"insert_deduplicate": "0", "optimize_on_insert": "0"}
"""Each row is inserted as it was, whatever the store remembers of inserts."""


def check_store_empty(store: Store) -> None:
    """Raise StateError unless the store has no tables, or those of an unfinished restore. Raises StorageError."""
    if store.cluster:
        raise StateError("rows cannot be restored to a cluster: restore it with ClickHouse's RESTORE")
    found = _tables(store)
    if found and UNFINISHED_RESTORE not in found:
        raise StateError(f"the store is not empty (it has the table {found[0]}): name an empty one with --store-url")


def restore_rows(
    store: Store, repository: Repository, manifest: Manifest, definitions: bytes, progress: Progress
) -> None:
    """Make the tables and insert all rows. Raises StateError and StorageError; then the store has the mark."""
    made_by = msgspec.json.decode(definitions, type=dict[str, str])
    store.command(f"CREATE TABLE IF NOT EXISTS {UNFINISHED_RESTORE} (made DateTime) ENGINE = MergeTree ORDER BY made")
    for table in _tables(store):
        if table != UNFINISHED_RESTORE:
            store.command("DROP TABLE {table:Identifier}", {"table": table})
    make_tables(store, made_by)
    for each in manifest.parts:
        _insert(store, repository, manifest, each)
        progress.advances(each.bytes)
    store.command(f"DROP TABLE {UNFINISHED_RESTORE}")


def _insert(store: Store, repository: Repository, manifest: Manifest, each: Stored) -> None:
    with closing(repository.place.open(each.name)) as file:
        digesting = Digesting(file)
        rows = store.insert_rows(each.table, manifest.columns[each.table], rows_in(digesting), "Native", _SETTINGS)
        check_digest(manifest, each, digesting.digest)
    if rows != each.rows:
        raise StateError(f"the store took {rows} rows of {each.name} in place of {each.rows}: run the command again")


def _tables(store: Store) -> list[str]:
    return sorted(str(name) for (name,) in store.query(_TABLES))
