"""Two shards of a ClickHouse cluster in one embedded engine, with the real engine Distributed.

A node treats a shard at its own address as local and does not connect to it, so one process can be both shards of a
cluster. Both shards then have the same tables. So each table of the shards gets a column `_shard`, which is computed as
Distributed computes the shard, and every read of it is filtered by the number of the shard that reads. The column is in
the sorting key, so rows of different shards never are one row to FINAL. A read that bypasses Distributed finds nothing.

The product sends the statements of a real cluster. What one process has not is taken out of them here: replicas, and a
queue for statements ON CLUSTER. So replication, quorum inserts, Keeper, connections between nodes and a shard that is
away are not tested. Parts are those of both shards.
"""

import re
import socket
from pathlib import Path
from typing import Any, Final

from trackway.embedded import engine, process, query_request, statement
from trackway.embedded.engine import Handle
from trackway.store.cluster import SHARDS_SUFFIX, Cluster
from trackway.store.sharding import SHARDING
from trackway.store.workload import LOADER

CLUSTER: Final = Cluster("two", "default")
QUERY: Final = f"?cluster={CLUSTER.name}"
_NOBODY: Final = 9000
"""A port of ours, as the engine believes. Nothing listens there."""
_CONFIG: Final = f"""<clickhouse>
  <tcp_port>{_NOBODY}</tcp_port>
  <remote_servers><{CLUSTER.name}>{
    f"<shard><replica><host>127.0.0.1</host><port>{_NOBODY}</port></replica></shard>" * 2
}</{CLUSTER.name}></remote_servers>
</clickhouse>
"""
_EVERYWHERE: Final = f" {CLUSTER.everywhere}"
_REPLICATED: Final = re.compile(r"ENGINE = Replicated(\w*MergeTree)(\('/clickhouse/[^']*', '[^']*'(?:, )?)?")
_OF_SHARDS: Final = re.compile(rf"CREATE TABLE IF NOT EXISTS `\w+{SHARDS_SUFFIX}`\.`(\w+)`\s*\(")
_ORDER: Final = re.compile(r"^ORDER BY \(?([^()\n]*(?:\([^()]*(?:\([^()]*\))?[^()]*\)[^()\n]*)*)\)?$", re.MULTILINE)
PAIRS: Final = "pairs"
"""A table of the shards that no migration makes, for the check that shards are apart."""
_FILTERS: Final = {f"{CLUSTER.shards}.{table}": "_shard = shardNum()" for table in (*SHARDING, PAIRS)} | {
    "system.parts": "shardNum() < 2",  # both shards see all of them
}
_FILTERING: Final = "SET additional_table_filters = {" + ", ".join(f"'{t}': '{f}'" for t, f in _FILTERS.items()) + "}"


def statement_of_one(sql: str) -> str:
    """The statement of a cluster's node as the one process of two shards can run it."""
    if "Replicated" in sql or _EVERYWHERE in sql:
        sql = sql.replace(_EVERYWHERE, "")
        sql = _REPLICATED.sub(lambda found: f"ENGINE = {found[1]}{'(' if found[2] else ''}", sql)
        if made := _OF_SHARDS.search(sql):
            column = f" _shard UInt64 MATERIALIZED ({SHARDING[made[1]]}) % 2 + 1, "
            sql = sql[: made.end()] + column + sql[made.end() :]
            sql, number = _ORDER.subn(r"ORDER BY (\1, _shard)", sql)
            assert number == 1, f"one sorting key is expected: {sql}"
    return sql


class _Handle:
    """A connection to the engine that is a node of the cluster."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        handle.query(_FILTERING, "TSV", params={})

    def query(self, sql: str, format: str, params: dict[str, str]) -> Any:
        return self._handle.query(statement_of_one(sql), format, params=params)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handle, name)


class _Module:
    def __init__(self, module: Any, config: Path) -> None:
        self._module = module
        self._config = config

    def connect(self, address: str) -> Any:
        return _Handle(self._module.connect(f"{address}&config-file={self._config}"))


def run(sock: socket.socket, directory: Path, password: str) -> None:
    """As `embedded.process.run`, with a store that is both shards of a cluster. For a process of its own."""
    config = directory / "cluster.xml"
    directory.mkdir(parents=True, exist_ok=True)
    config.write_text(_CONFIG)
    module = _Module(engine.load(), config)
    engine.load = lambda: module
    query_request.SETTINGS |= CLUSTER.settings(LOADER).keys()
    statement._OUTSIDE -= {"cluster", "clusterallreplicas"}
    process.run(sock, directory, password)
