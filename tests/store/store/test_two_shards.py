"""Two shards in one engine are what tests take them for, and the product's tables on them are what it says."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.store.process import RunningStore, running_store
from tests.support.store.tables import emptied, merge_all
from tests.support.store.two_shards import PAIRS, QUERY
from trackway.domain.errors import StorageError
from trackway.store.client import Store
from trackway.store.disk_usage import room_of
from trackway.store.migrate import OtherLayout, migrate, migrations, require_usable
from trackway.store.sharding import SHARDING

EVENT = "project_id, received, endpoint, time, event, distinct_id, insert_id"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStore]:
    with running_store(tmp_path_factory.mktemp("store"), two_shards=True) as store:
        yield store


@pytest.fixture(scope="module")
def store(running: RunningStore) -> Iterator[Store]:
    with closing(Store(running.url)) as client:
        migrate(client)
        yield client


@pytest.fixture
def events(store: Store) -> Iterator[Store]:
    """A store with two copies of each of 100 events, of as many users."""
    rows = "1, now64(6), 1, toDateTime64(1e9, 3), 'e', toString(number), 'i' FROM numbers(100)"
    for _ in range(2):
        store.command(f"INSERT INTO events ({EVENT}) SELECT {rows}")
    yield store
    emptied(store, "events")


def rows_of_shards(store: Store, table: str, *, final: bool = False) -> dict[int, int]:
    sql = f"SELECT _shard_num, count() FROM {table}{' FINAL' if final else ''} GROUP BY _shard_num"
    return {int(shard): int(rows) for shard, rows in store.query(sql)}


def test_rows_are_on_both_shards_and_a_read_past_them_finds_none(events: Store) -> None:
    found = rows_of_shards(events, "events")
    assert found.keys() == {1, 2} and sum(found.values()) == 200
    assert min(found.values()) > 40
    assert events.query("SELECT count() FROM default_shards.events") == [(0,)]


@pytest.mark.parametrize(("sharding", "rows"), [("id", 50), ("number", 100)])
def test_copies_meet_on_one_shard_and_not_on_two(store: Store, sharding: str, rows: int) -> None:
    """Two copies of 50 ids: sharded by their id each pair is one row, sharded by a number that differs it is two."""
    columns = f"id UInt64, number UInt64, _shard UInt64 MATERIALIZED {sharding} % 2 + 1"
    made = f"CREATE TABLE default_shards.{PAIRS} ({columns}) ENGINE = ReplacingMergeTree ORDER BY (id, _shard)"
    distributed = f"ENGINE = Distributed('two', 'default_shards', '{PAIRS}', {sharding})"
    store.command(made)
    store.command(f"CREATE TABLE {PAIRS} AS default_shards.{PAIRS} {distributed}")
    try:
        store.command(f"INSERT INTO {PAIRS} (id, number) SELECT number % 50, intDiv(number, 50) FROM numbers(100)")
        assert store.query(f"SELECT count(), uniqExact(id) FROM {PAIRS} FINAL") == [(rows, 50)]
        store.command(f"OPTIMIZE TABLE default_shards.{PAIRS} FINAL")
        assert store.query(f"SELECT count(), uniqExact(id) FROM {PAIRS}") == [(rows, 50)]
    finally:
        store.command(f"DROP TABLE {PAIRS}")
        store.command(f"DROP TABLE default_shards.{PAIRS}")


def test_merges_leave_rows_of_two_shards_apart(events: Store) -> None:
    before = rows_of_shards(events, "events", final=True)
    merge_all(events, "events")
    assert rows_of_shards(events, "events") == before


def test_parts_of_a_cluster_are_counted_once(events: Store) -> None:
    merge_all(events, "events")
    sql = "SELECT sum(rows) FROM system.parts WHERE active AND database = currentDatabase() AND table = 'events'"
    assert events.query(sql) == [(100,)]


def test_an_insert_with_a_token_counts_once(store: Store) -> None:
    for records in (3, 4):
        store.insert_rows(
            "loads",
            ["from_position", "to_position", "records"],
            b"[7,9,%d]" % records,
            "JSONCompactEachRow",
            {"insert_deduplication_token": "7"},
        )
    assert store.query("SELECT sum(records), max(to_position) FROM loads") == [(3, 9)]
    assert rows_of_shards(store, "loads").keys() == {1}
    emptied(store, "loads")


def test_an_insert_from_its_own_table_runs_once(store: Store) -> None:
    insert = "INSERT INTO facts_counts (project_id, segment, events) SELECT 1, max(segment) + 1, 1 FROM facts_counts"
    for _ in range(5):
        store.command(insert)
    assert store.query("SELECT count(), max(segment) FROM facts_counts") == [(5, 5)]
    emptied(store, "facts_counts")


def test_a_subquery_over_another_sharded_table_is_of_all_shards(events: Store) -> None:
    links = "1, toString(number), 0, 'c', 1, 1, 0, now64(6), '' FROM numbers(100)"
    events.command(f"INSERT INTO identity_links SELECT {links}")
    sql = "SELECT count() FROM events FINAL WHERE distinct_id IN (SELECT id FROM identity_links WHERE project_id = 1)"
    assert events.query(sql) == [(100,)]
    emptied(events, "identity_links")


def test_second_migration_changes_nothing_and_every_change_has_come_to_the_shards(store: Store) -> None:
    sql = "SELECT name, create_table_query FROM system.tables WHERE database = {database:String}"
    made = {database: dict(store.query(sql, {"database": database})) for database in ("default", "default_shards")}
    assert migrate(store) == []
    assert {database: dict(store.query(sql, {"database": database})) for database in made} == made
    assert made["default_shards"].keys() == SHARDING.keys()
    assert all("ENGINE = Distributed" in made["default"][table] for table in SHARDING)
    events = made["default_shards"]["events"]
    assert "INDEX loaded_within" in events and "old_parts_lifetime = 180" in events
    assert "auto_statistics_types = ''" in events and "min_level_for_wide_part = 1" in events
    assert all("`position` UInt64" in made[database]["events"] for database in made)
    assert store.query("SELECT count() FROM schema_migrations") == [(len(migrations()),)]


def test_time_rejected_records_are_kept_follows_the_setting(store: Store) -> None:
    sql = "SELECT create_table_query FROM system.tables WHERE database = 'default_shards' AND name = 'rejected_records'"
    for days in (7, 30):
        migrate(store, rejected_days=days)
        assert f"toIntervalDay({days})" in store.query(sql)[0][0]


def test_room_is_that_of_the_nodes(events: Store) -> None:
    room = room_of(events, elsewhere=True)
    assert 0 < room.free <= room.total
    assert room.stored > 0 and room.wanted >= 0


def test_tables_of_a_cluster_and_of_one_machine_are_not_taken_for_each_other(
    running: RunningStore, store: Store
) -> None:
    with closing(Store(running.url.replace(QUERY, ""))) as without:
        for ask in (migrate, require_usable):
            with pytest.raises(OtherLayout, match="are those of a cluster: name it in store_cluster"):
                ask(without)
    with closing(Store(running.url.replace(QUERY, "?cluster=three"))) as other:
        for ask in (migrate, require_usable):
            with pytest.raises(OtherLayout, match="the store knows no cluster 'three'"):
                ask(other)


def test_a_cluster_does_not_use_tables_that_one_machine_has_made(tmp_path: Path) -> None:
    with running_store(tmp_path / "store", two_shards=True) as running:
        with closing(Store(running.url.replace(QUERY, ""))) as alone:
            migrate(alone)
        with closing(Store(running.url)) as node, pytest.raises(OtherLayout, match="are those of one machine"):
            migrate(node)


def test_a_node_that_is_no_cluster_says_so(tmp_path: Path) -> None:
    with (
        running_store(tmp_path / "store", two_shards=False) as running,
        closing(Store(running.url + QUERY)) as node,
        pytest.raises(StorageError),
    ):
        migrate(node)
