import contextlib
import struct
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.store.process import RunningStore, running_store
from trackway.domain.errors import StorageError
from trackway.loader.part_verification import CONTENT
from trackway.store.client import Store
from trackway.store.migrate import OldServer, migrate, migrations, require_usable

NAMES = [migration.name for migration in migrations()]
EVENT_COLUMNS = (
    "project_id received endpoint time event distinct_id insert_id device_id user_id properties".split()  # noqa: SIM905
)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[RunningStore]:
    with running_store(tmp_path / "store") as running:
        yield running


@pytest.fixture(scope="module")
def migrated(running: RunningStore) -> Iterator[Store]:
    store = Store(running.url)
    assert migrate(store) == NAMES
    yield store
    store.close()


def text(value: bytes) -> bytes:
    assert len(value) < 128
    return bytes([len(value)]) + value


def event(time_ms: int, insert_id: bytes, received: int = 0, properties: bytes = b"{}") -> bytes:
    head = struct.pack("<IqBq", 1, received, 1, time_ms)
    return head + b"".join(map(text, (b"Page View", b"ann", insert_id, b"", b"", properties)))


def tables(store: Store) -> dict[str, str]:
    sql = "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()"
    return dict(store.query(sql))


def test_second_run_changes_nothing(migrated: Store) -> None:
    before = tables(migrated)
    assert migrate(migrated) == []
    assert tables(migrated) == before
    assert {"events", "event_keys", "rejected_records", "loads", "profiles", "schema_migrations"} <= before.keys()


def test_what_was_merged_stays_until_the_merged_part_was_read(migrated: Store) -> None:
    # The embedded engine (26.5.1.1) lets go of it at once by default, ClickHouse servers after eight minutes.
    made = tables(migrated)
    assert [table for table in CONTENT if "old_parts_lifetime = 180" not in made[table]] == []


def test_migration_killed_before_it_was_recorded_runs_again(empty: RunningStore) -> None:
    store = Store(empty.url)
    for statement in migrations()[0].statements:
        store.command(statement)
    store.insert_rows("events", EVENT_COLUMNS, event(0, b"1"))
    assert migrate(store) == NAMES
    assert store.query("SELECT count() FROM events") == [(1,)]
    store.close()


def test_store_killed_at_any_moment_of_a_migration_ends_up_complete(empty: RunningStore) -> None:
    def kill_and_start() -> None:
        empty.kill()
        empty.start()

    store = Store(empty.url)
    store.ping()
    for delay in (0.01, 0.03, 0.06, 0.1):
        killer = threading.Timer(delay, kill_and_start)
        killer.start()
        with contextlib.suppress(StorageError):
            migrate(store)
        killer.join()
    migrate(store)
    assert migrate(store) == []
    assert store.query("SELECT DISTINCT name FROM schema_migrations ORDER BY number") == [(name,) for name in NAMES]
    assert {"events", "event_keys", "rejected_records", "loads"} <= tables(store).keys()
    store.close()


def test_store_of_a_newer_version_is_refused(empty: RunningStore) -> None:
    store = Store(empty.url)
    migrate(store)
    store.command("INSERT INTO schema_migrations (number, name) SELECT 9999, 'later'")
    with pytest.raises(StorageError, match="the store has migration 9999 of a newer version of trackway"):
        migrate(store)
    store.close()


def test_server_that_is_too_old_is_refused(migrated: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trackway.store.migrate.OLDEST_SERVER", (99, 1))
    for ask in (migrate, require_usable):
        with pytest.raises(OldServer, match=r"the store is ClickHouse 26\.\S*: upgrade it to 99.1 or newer"):
            ask(migrated)


def test_time_rejected_records_are_kept_follows_the_setting(migrated: Store) -> None:
    for days in (7, 30):
        migrate(migrated, rejected_days=days)
        assert f"toIntervalDay({days})" in tables(migrated)["rejected_records"]


def test_one_insert_may_span_six_hundred_months(migrated: Store) -> None:
    months = [datetime(1971 + n // 12, n % 12 + 1, 15, tzinfo=UTC) for n in range(660)]
    rows = b"".join(event(int(month.timestamp()) * 1000, b"month") for month in months)
    migrated.insert_rows("events", EVENT_COLUMNS, rows)
    sql = "SELECT count(), uniqExact(toYYYYMM(time)), min(time) FROM events WHERE insert_id = 'month'"
    ((count, distinct, first),) = migrated.query(sql)
    assert (count, distinct, first.year) == (660, 660, 1971)


def test_equal_events_are_one_and_the_last_received_stays(migrated: Store) -> None:
    rows = [event(5_000_000, b"same", received, b'{"n":%d}' % received) for received in (3, 1, 2)]
    for row in rows:
        migrated.insert_rows("events", EVENT_COLUMNS, row)
    sql = "SELECT properties FROM events FINAL WHERE insert_id = 'same'"
    assert migrated.query(sql) == [('{"n":3}',)]


def test_rejected_record_loaded_twice_is_one(migrated: Store) -> None:
    columns = ["project_id", "received", "position", "index", "endpoint", "reason", "field", "insert_id", "original"]
    row = struct.pack("<IqQIB", 1, 1_800_000_000_000_000, 7, 0, 1) + b"".join(map(text, (b"r", b"f", b"i", b"{}")))
    for _ in range(2):
        migrated.insert_rows("rejected_records", columns, row)
    assert migrated.query("SELECT count(), any(original) FROM rejected_records FINAL") == [(1, "{}")]


def test_cursor_is_read_without_the_rows(migrated: Store) -> None:
    columns = ["from_position", "to_position", "project_id", "minute", "endpoint", "outcome", "reason", "records"]
    for load in range(3):
        row = struct.pack("<QQIIB", load, load + 1, 1, 60, 1) + text(b"stored") + text(b"") + struct.pack("<Q", 5)
        migrated.insert_rows("loads", columns, row * 1000)
    settings = "SETTINGS force_optimize_projection = 1"
    assert migrated.query(f"SELECT max(to_position) FROM loads {settings}") == [(3,)]
    assert migrated.query("SELECT sum(records) FROM loads") == [(15_000,)]


def test_every_table_syncs_what_it_is_given(migrated: Store) -> None:
    for name, query in tables(migrated).items():
        if name in {"events", "event_keys", "rejected_records", "loads", "profiles", "schema_migrations"}:
            assert "fsync_after_insert = 1" in query, name
            assert "fsync_part_directory = 1" in query, name


def test_no_table_gathers_statistics_of_its_columns_by_itself(migrated: Store) -> None:
    assert migrated.query("SELECT count() FROM system.merge_tree_settings WHERE name = 'auto_statistics_types'") == [
        (1,)
    ]
    for name, query in tables(migrated).items():
        assert "auto_statistics_types = ''" in query, name


def test_an_insert_of_any_size_writes_one_file_of_data_and_a_merge_one_for_each_column(migrated: Store) -> None:
    rows = "number, now64(6), 'x', 'y', toString(number), repeat('p', 2000)"
    columns = "project_id, received, event, distinct_id, insert_id, properties"
    for _ in range(2):
        sql = f"INSERT INTO events ({columns}) SETTINGS optimize_on_insert = 0 SELECT {rows} FROM numbers(10000)"
        migrated.command(sql)
    migrated.command("OPTIMIZE TABLE events FINAL")
    kinds = "SELECT DISTINCT part_type FROM system.parts WHERE table = 'events' AND data_uncompressed_bytes > 15000000"
    assert migrated.query(f"{kinds} AND level = 0") == [("Compact",)]
    assert migrated.query(f"{kinds} AND level > 0") == [("Wide",)]
