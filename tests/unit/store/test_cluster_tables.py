import re
from pathlib import Path

import pytest

import trackway
from trackway.store.cluster import ACTIVE_PARTS, KILL_MUTATION, MUTATIONS, Cluster
from trackway.store.cluster_tables import on_cluster
from trackway.store.migrate import migrations
from trackway.store.sharding import EVERYWHERE, SHARDING

CLUSTER = Cluster("four", "trackway")
SOURCES = sorted(Path(trackway.__file__).parent.rglob("*.py"))
CREATE = """-- What it is; of t.
CREATE TABLE IF NOT EXISTS events
(
    project_id UInt32
)
ENGINE = ReplacingMergeTree(received)
ORDER BY project_id"""


def statements() -> list[str]:
    return [statement for migration in migrations() for statement in migration.statements]


def test_a_table_is_made_of_replicas_on_all_nodes_and_reached_through_one_that_is_distributed() -> None:
    held, distributed = on_cluster(CREATE, CLUSTER)
    assert held == CREATE.replace("EXISTS events", "EXISTS `trackway_shards`.`events` ON CLUSTER `four`").replace(
        "ENGINE = Replacing", "ENGINE = ReplicatedReplacing"
    )
    assert distributed == (
        "CREATE TABLE IF NOT EXISTS `trackway`.`events` ON CLUSTER `four` AS `trackway_shards`.`events`"
        " ENGINE = Distributed('four', 'trackway_shards', 'events', cityHash64(project_id, distinct_id))"
    )


def test_a_table_that_is_everywhere_is_one_replicated_table_of_all_nodes() -> None:
    [made] = on_cluster(CREATE.replace("events", "damage"), CLUSTER)
    assert "`trackway`.`damage` ON CLUSTER `four`" in made
    place = "'/clickhouse/tables/{uuid}/everywhere', '{shard}-{replica}'"
    assert f"ENGINE = ReplicatedReplacingMergeTree({place}, received)" in made


def test_a_new_column_is_added_to_both_and_all_else_to_the_shards_alone() -> None:
    held = "ALTER TABLE `trackway_shards`.`events` ON CLUSTER `four` "
    column = "ADD COLUMN IF NOT EXISTS position UInt64 DEFAULT 0"
    assert on_cluster(f"ALTER TABLE events {column}", CLUSTER) == [
        held + column,
        f"ALTER TABLE `trackway`.`events` ON CLUSTER `four` {column}",
    ]
    for change in ("ADD INDEX IF NOT EXISTS i a TYPE minmax", "MODIFY SETTING old_parts_lifetime = 180"):
        assert on_cluster(f"ALTER TABLE events {change}", CLUSTER) == [held + change]
    assert on_cluster(f"ALTER TABLE facts_versions {column}", CLUSTER) == [
        f"ALTER TABLE `trackway`.`facts_versions` ON CLUSTER `four` {column}"
    ]


def test_tokens_of_inserts_are_remembered_by_replicas_for_a_week() -> None:
    [loads] = [each for each in statements() if "EXISTS loads" in each]
    made = on_cluster(loads, CLUSTER)[0]
    assert "replicated_deduplication_window = 1000," in made
    assert "replicated_deduplication_window_seconds = 604800," in made


@pytest.mark.parametrize("statement", statements(), ids=range(len(statements())))
def test_every_statement_of_the_migrations_has_its_form_on_a_cluster(statement: str) -> None:
    for made in on_cluster(statement, CLUSTER):
        assert made.count("ON CLUSTER `four`") == 1
        engine = re.search(r"ENGINE = (\w+)", made)
        assert engine is None or engine[1].startswith(("Replicated", "Distributed"))


def test_every_table_is_sharded_or_everywhere_and_no_other_is_named() -> None:
    made = {found[1] for each in statements() if (found := re.search(r"CREATE TABLE IF NOT EXISTS (\w+)", each))}
    assert made | {"schema_migrations"} == SHARDING.keys() | EVERYWHERE
    assert not SHARDING.keys() & EVERYWHERE


def test_rows_that_are_one_to_a_replacing_table_have_one_sharding_key() -> None:
    """Each column of a sharding key is in the sorting key, so rows that are equal to FINAL are on one shard."""
    for statement in statements():
        made = re.search(r"CREATE TABLE IF NOT EXISTS (\w+)", statement)
        if made and "ENGINE = Replacing" in statement and made[1] in SHARDING:
            [order] = re.findall(r"^ORDER BY (.*)$", statement, re.MULTILINE)
            columns = set(re.findall(r"\b[a-z_]+\b", SHARDING[made[1]]))
            assert columns <= set(re.findall(r"\b[a-z_]+\b", order)), made[1]


def test_parts_are_asked_for_by_the_words_that_a_cluster_replaces() -> None:
    """Parts of one node alone are asked for where a cluster has another statement, or none."""
    assert SOURCES and [str(source) for source in SOURCES if not _asks_by_the_words(source)] == []


def _asks_by_the_words(source: Path) -> bool:
    if source.name in {"parts.py", "disk_usage.py", "cluster.py"} and source.parent.name == "store":
        return True
    if source.parent.name == "backup":  # which refuses a cluster
        return True
    text = source.read_text()
    words = (("system.parts", ACTIVE_PARTS), ("system.mutations", MUTATIONS), ("KILL MUTATION", KILL_MUTATION))
    return all(text.count(own) == text.count(replaced) for own, replaced in words)
