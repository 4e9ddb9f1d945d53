"""The tables of the migrations on a cluster: pure rewriting of the statements that make and change them.

A migration is written for one machine. On a cluster, each of its statements becomes one or two:

* CREATE TABLE makes a table with the engine's replicated variant on all nodes, in the database of the shards, and a
  table with the engine Distributed under the product's name. `sharding` has its key.
* ALTER TABLE changes the tables of the shards; a new column is also added to the Distributed one.
* A table in EVERYWHERE is one replicated table of all nodes.
"""

import re
from typing import Final

from trackway.store.cluster import Cluster
from trackway.store.sharding import EVERYWHERE, SHARDING

_STATEMENT: Final = re.compile(r"^(CREATE TABLE IF NOT EXISTS|ALTER TABLE) `?(\w+)`?", re.MULTILINE)
_ENGINE: Final = re.compile(r"^ENGINE = (\w*MergeTree)(?:\(([^()]*)\))?$", re.MULTILINE)
_NEW_COLUMN: Final = re.compile(r"\bADD COLUMN\b")
_TOKENS: Final = re.compile(r"\bnon_replicated_deduplication_window = (\d+)")
_TOKENS_KEPT_S: Final = 604_800
"""Of the inserts that a table remembers by their tokens, none is forgotten earlier because of its age."""
_EVERYWHERE_AT: Final = "'/clickhouse/tables/{uuid}/everywhere', '{shard}-{replica}'"
"""The place of a table that all nodes share, and the name of a node's replica: ClickHouse fills in the macros."""


def on_cluster(statement: str, cluster: Cluster) -> list[str]:
    """The statements that have a migration's effect on a cluster, in order. Each is idempotent, as the one given."""
    found = _STATEMENT.search(statement)
    assert found, f"no statement of a migration: {statement}"
    verb, table = found[1], found[2]
    assert (table in SHARDING) != (table in EVERYWHERE), f"{table} needs a sharding key, or to be everywhere"
    held = f"{verb} {cluster.holding(table)}"
    text = f"{statement[: found.start()]}{held}{statement[found.end() :]}"
    whole = f"`{cluster.database}`.`{table}` {cluster.everywhere}"
    if verb == "ALTER TABLE":
        if table in EVERYWHERE or not _NEW_COLUMN.search(statement):
            return [text]
        return [text, f"{verb} {whole}{statement[found.end() :]}"]
    made = _replicated(text, table)
    if table in EVERYWHERE:
        return [made]
    engine = f"Distributed('{cluster.name}', '{cluster.shards}', '{table}', {SHARDING[table]})"
    return [made, f"{verb} {whole} AS `{cluster.shards}`.`{table}` ENGINE = {engine}"]


def _replicated(text: str, table: str) -> str:
    """The statement that makes a table with the replicated variant of its engine."""
    engine = _ENGINE.search(text)
    assert engine, f"{table} has no engine of ClickHouse's MergeTree family"
    arguments = [each for each in (_EVERYWHERE_AT if table in EVERYWHERE else "", engine[2] or "") if each]
    replicated = f"ENGINE = Replicated{engine[1]}" + (f"({', '.join(arguments)})" if arguments else "")
    text = text.replace(engine[0], replicated)
    return _TOKENS.sub(
        rf"\g<0>,\n    replicated_deduplication_window = \1,\n"
        rf"    replicated_deduplication_window_seconds = {_TOKENS_KEPT_S}",
        text,
    )
