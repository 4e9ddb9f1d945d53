"""The tables of the store, made and changed by numbered SQL files.

A store of any age gets every migration of this version. A migration counts as applied when its row in
`schema_migrations` exists. A process killed before that runs the migration again, so every statement is idempotent
(IF NOT EXISTS). ClickHouse has no transactions around DDL.
"""

import re
from dataclasses import dataclass
from importlib.resources import files

from trackway.domain.errors import StorageError
from trackway.store.client import Store
from trackway.store.cluster_tables import on_cluster
from trackway.store.rejected_retention import REJECTED_DAYS_DEFAULT, keep_rejected
from trackway.store.sharding import EVERYWHERE, SHARDING

OLDEST_SERVER = (26, 5)
"""The version of the embedded engine. Older servers were not tested."""

_NAME = re.compile(r"(\d{4})_\w+\.sql")
_STATEMENT_END = re.compile(r";\s*$", re.MULTILINE)

_WHERE_KNOWN = {
    # Statistics of every column cost a tenth of an insert, and no query uses them.
    "auto_statistics_types": "''",
    # An insert of events writes one file of data, and the first merge a file for each column. So an insert syncs fewer
    # files, and checking its part costs a sixth: of a file for each column the check unpacks every block.
    "min_level_for_wide_part": "1",
}

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


# On a cluster two databases have tables with rows, on one machine one.
_LACKING = """
SELECT name FROM system.tables
WHERE database IN (currentDatabase(), {shards:String}) AND engine LIKE '%MergeTree'
  AND position(create_table_query, {setting:String}) = 0"""
_CLUSTERS = "SELECT count() FROM system.clusters WHERE cluster = {cluster:String}"
_ENGINES = "SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = 'events'"


UNFINISHED_RESTORE = "unfinished_restore"
"""A table that a restore makes first and drops last. With it the store is nobody's."""
_UNFINISHED = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = {table:String}"


class UnusableStore(StorageError):
    """This version cannot use the store. Waiting does not help."""


class NewerStore(UnusableStore):
    """The store has tables of a newer version, which this version cannot fill."""


class OldServer(UnusableStore):
    """The ClickHouse server is too old for the statements of this version."""


class UnfinishedStore(UnusableStore):
    """A backup is being restored into the store."""


class OtherLayout(UnusableStore):
    """The store's tables are not those that the settings speak of: of one machine, or of a cluster."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file. `statements` run in order; each is idempotent."""

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
    """Migrate the store to this version; rejected records are kept for `rejected_days`. Returns the applied names.

    Raises StorageError; UnusableStore when the tables are newer than this version, or the server is too old.
    """
    _require_server(store)
    _require_layout(store)
    known = migrations()
    for statement in _databases(store):
        store.command(statement)
    _run(store, _HISTORY)
    applied = {number for (number,) in store.query("SELECT DISTINCT number FROM schema_migrations")}
    _refuse_newer(applied)
    missing = [migration for migration in known if migration.number not in applied]
    for migration in missing:
        for statement in migration.statements:
            _run(store, statement)
        store.command(
            "INSERT INTO schema_migrations (number, name) SELECT {number:UInt32}, {name:String}",
            {"number": migration.number, "name": migration.name},
        )
    keep_rejected(store, rejected_days)
    _set_what_is_known(store)
    return [migration.name for migration in missing]


def _run(store: Store, statement: str) -> None:
    for each in on_cluster(statement, store.cluster) if store.cluster else [statement]:
        store.command(each)


def _databases(store: Store) -> list[str]:
    """The statements that make the databases of a cluster; one machine's is there."""
    if not (cluster := store.cluster):
        return []
    return [
        f"CREATE DATABASE IF NOT EXISTS `{name}` {cluster.everywhere}" for name in (cluster.database, cluster.shards)
    ]


def _refuse_newer(applied: set[int]) -> None:
    if newer := applied - {migration.number for migration in migrations()}:
        number = max(newer)
        raise NewerStore(f"the store has migration {number} of a newer version of trackway: start that version")


def require_usable(store: Store) -> None:
    """Raises UnusableStore as `migrate`, StorageError when the store does not answer."""
    _require_server(store)
    _require_layout(store)
    there = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'schema_migrations'"
    if store.query(there) != [(0,)]:
        _refuse_newer({number for (number,) in store.query("SELECT DISTINCT number FROM schema_migrations")})


def _require_server(store: Store) -> None:
    ((version,),) = store.query("SELECT version()")
    if tuple(map(int, version.split(".")[:2])) < OLDEST_SERVER:
        least = ".".join(map(str, OLDEST_SERVER))
        raise OldServer(f"the store is ClickHouse {version}: upgrade it to {least} or newer")


def _require_layout(store: Store) -> None:
    """Refuse tables of one machine on a cluster, and those of a cluster without its settings: both would lose rows."""
    cluster = store.cluster
    if store.query(_UNFINISHED, {"table": UNFINISHED_RESTORE}) != [(0,)]:
        raise UnfinishedStore("a restore into the store was not finished: run `trackway restore` again")
    if cluster and store.query(_CLUSTERS, {"cluster": cluster.name}) == [(0,)]:
        raise OtherLayout(f"the store knows no cluster {cluster.name!r}: correct store_cluster, or its remote_servers")
    engines = [engine for (engine,) in store.query(_ENGINES)]
    if cluster and any(engine != "Distributed" for engine in engines):
        raise OtherLayout("the store's tables are those of one machine: give another database, or no store_cluster")
    if not cluster and "Distributed" in engines:
        raise OtherLayout("the store's tables are those of a cluster: name it in store_cluster")


def _set_what_is_known(store: Store) -> None:
    """Set the settings of all tables that older stores refuse, which a migration could not."""
    known = "SELECT count() FROM system.merge_tree_settings WHERE name = {setting:String}"
    for setting, value in _WHERE_KNOWN.items():
        if store.query(known, {"setting": setting}) != [(0,)]:
            for (table,) in store.query(_LACKING, {"setting": setting, "shards": store.shards}):
                if store.cluster and table not in SHARDING.keys() | EVERYWHERE:
                    continue  # somebody else's, of whose place nothing is known
                store.command(f"ALTER TABLE {store.holding(table)} MODIFY SETTING {setting} = {value}")
