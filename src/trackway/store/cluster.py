"""A ClickHouse cluster as the store: what statements about its tables name, and the settings of its requests.

Each node has the tables of the product under their names. Most of them hold no rows: the engine Distributed sends what
they are given to the shards, whose tables of the same names are in a database of their own (`cluster_tables`). So every
statement that reads or inserts rows is the same on one machine and on a cluster. What names parts or alters a table is
not: it names the tables of the shards, on all nodes.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, Self
from urllib.parse import SplitResult, parse_qs

from trackway.domain.errors import ConfigError
from trackway.store.diagnosis import database_of
from trackway.store.sharding import EVERYWHERE
from trackway.store.workload import COMPACTION, ERASURE, LOADER, Workload

PARAMETER: Final = "cluster"
"""The parameter of a store's URL that names its cluster (`Settings.store_at`)."""
ACTIVE_PARTS: Final = "FROM system.parts WHERE active AND database = currentDatabase()"
"""How every statement asks for parts, where it may be asked of a cluster."""
MUTATIONS: Final = "FROM system.mutations WHERE database = currentDatabase()"
KILL_MUTATION: Final = "KILL MUTATION WHERE database = currentDatabase()"
"""The same of deletions that are under way."""
SHARDS_SUFFIX: Final = "_shards"
_OF_ERASED: Final = "FROM erasure_ids WHERE"
"""A deletion looks for this table in the database of the table that it deletes from, unless a database is named."""
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ALWAYS: Final = {
    # An answer means that the rows are on the shards, not in the spool of the node that was asked.
    "distributed_foreground_insert": "1",
    # The node that was asked runs a subquery over a sharded table once, and sends its result to the shards.
    "distributed_product_mode": "global",
    # An INSERT … SELECT runs once, on the node that was asked. With 2, the default, each shard runs it on its own rows:
    # `max(sequence) + 1` would be counted for each shard.
    "parallel_distributed_insert_select": "0",
    # Half of a result is no result.
    "skip_unavailable_shards": "0",
    # Rows are acknowledged when most replicas have them.
    "insert_quorum": "auto",
}
_SEEING: Final = {
    # What this process has inserted it sees in every later read, whichever replica answers. That needs inserts which
    # wait for each other.
    "insert_quorum_parallel": "0",
    "select_sequential_consistency": "1",
    # A deletion may look up ids in a table that every node has whole.
    "allow_nondeterministic_mutations": "1",
}


class Cluster(NamedTuple):
    """A cluster by its name in `remote_servers`, and the database of the product's tables there."""

    name: str
    database: str

    @classmethod
    def of_url(cls, parts: SplitResult) -> Self | None:
        """The cluster that a store's URL names, None for one server. Raises ConfigError."""
        names = parse_qs(parts.query).get(PARAMETER)
        if not names:
            return None
        made = cls(names[0], database_of(parts))
        for text in made:
            if not _NAME.fullmatch(text):
                raise ConfigError(f"a cluster and its database need names of letters, digits, _ and -, not {text!r}")
        return made

    @property
    def shards(self) -> str:
        """The database of the shards' tables."""
        return self.database + SHARDS_SUFFIX

    @property
    def everywhere(self) -> str:
        """What lets a statement about a table run on all nodes."""
        return f"ON CLUSTER `{self.name}`"

    def holding(self, table: str) -> str:
        """The tables that hold the rows of a table, on all nodes, as ALTER, TRUNCATE and OPTIMIZE name them."""
        database = self.database if table in EVERYWHERE else self.shards
        return f"`{database}`.`{table}` {self.everywhere}"

    def statement(self, sql: str) -> str:
        """The statement for a cluster. Active parts are those of all shards, each of one replica; deletions under way
        are those of all nodes."""
        databases = f"database IN ('{self.database}', '{self.shards}')"
        for here, there in (
            (ACTIVE_PARTS, f"FROM cluster('{self.name}', system.parts) WHERE active AND {databases}"),
            (MUTATIONS, f"FROM clusterAllReplicas('{self.name}', system.mutations) WHERE {databases}"),
            (_OF_ERASED, f"FROM `{self.database}`.erasure_ids WHERE"),
            (KILL_MUTATION, f"KILL MUTATION {self.everywhere} WHERE {databases}"),
        ):
            sql = sql.replace(here, there)
        return sql

    def settings(self, workload: Workload) -> Mapping[str, str]:
        """The settings of every request of a workload."""
        return _ALWAYS | _SEEING if workload in (LOADER, COMPACTION, ERASURE) else _ALWAYS
