"""The tables of the store, made and changed by numbered SQL files.

In comes a store of any age, out goes one with every migration of this version applied. A migration counts as applied
once its row in `schema_migrations` is there; being killed before that means that it runs again, so every statement in
it can be repeated (IF NOT EXISTS). ClickHouse has no transactions around DDL.
"""

import re
from dataclasses import dataclass
from importlib.resources import files

from trackway.errors import StorageError
from trackway.store.client import Store

REJECTED_DAYS_DEFAULT = 30

_NAME = re.compile(r"(\d{4})_\w+\.sql")
_STATEMENT_END = re.compile(r";\s*$", re.MULTILINE)

_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    number  UInt32,
    name    String,
    applied DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY number
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file. `statements` are run in order, each can be run again."""

    number: int
    name: str
    statements: tuple[str, ...]


def migrations() -> list[Migration]:
    """All migrations of this version, in the order of their numbers."""
    found = []
    for file in files("trackway.store").joinpath("migrations").iterdir():
        if match := _NAME.fullmatch(file.name):
            statements = _STATEMENT_END.split(file.read_text(encoding="utf-8"))
            texts = tuple(text.strip() for text in statements if text.strip())
            found.append(Migration(int(match.group(1)), file.name, texts))
    found.sort(key=lambda migration: migration.number)
    numbers = [migration.number for migration in found]
    assert len(set(numbers)) == len(numbers), "two migrations have one number"
    return found


def migrate(store: Store, rejected_days: int = REJECTED_DAYS_DEFAULT) -> list[str]:
    """Bring the store's tables to this version; rejected records are kept `rejected_days`. Returns what was applied.

    Raises StorageError, also when the tables are newer than this version.
    """
    assert rejected_days >= 1, "rejected records are kept for at least a day"
    known = migrations()
    store.command(_HISTORY)
    applied = {number for (number,) in store.query("SELECT DISTINCT number FROM schema_migrations")}
    if newer := applied - {migration.number for migration in known}:
        raise StorageError(f"the store was made by a newer version: it has migration {max(newer)}")
    missing = [migration for migration in known if migration.number not in applied]
    for migration in missing:
        for statement in migration.statements:
            store.command(statement)
        store.command(
            "INSERT INTO schema_migrations (number, name) SELECT {number:UInt32}, {name:String}",
            {"number": migration.number, "name": migration.name},
        )
    _keep_rejected(store, rejected_days)
    _leave_out_statistics(store)
    return [migration.name for migration in missing]


def _keep_rejected(store: Store, days: int) -> None:
    """Rejected records, and what became of them, by the setting."""
    sql = "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = {table:String}"
    for table in ("rejected_records", "replays"):
        ((query,),) = store.query(sql, {"table": table})
        if f"toIntervalDay({days})" not in query:
            store.command(f"ALTER TABLE {table} MODIFY TTL toDateTime(received) + toIntervalDay({days})")


def _leave_out_statistics(store: Store) -> None:
    """Stores that gather statistics of every column by themselves need not here: no query would be planned by them.

    They cost a tenth of an insert. A setting that older stores refuse, hence no migration.
    """
    asked = "SELECT count() FROM system.merge_tree_settings WHERE name = 'auto_statistics_types'"
    if store.query(asked) == [(0,)]:
        return
    gathering = (
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
        " AND create_table_query NOT LIKE '%auto_statistics_types%'"
    )
    for (table,) in store.query(gathering):
        store.command(f"ALTER TABLE `{table}` MODIFY SETTING auto_statistics_types = ''")
