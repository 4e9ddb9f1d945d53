"""Lookup tables in a real store: a table is the old one or the new one, whole, whoever is killed; leftovers go."""

import random
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.store.damaged_parts import active, empty_marks
from tests.support.store.process import RunningStore, migrated_store
from tests.support.store.questions import Tables
from trackway.domain.errors import StorageError
from trackway.domain.limits import LOOKUP_TABLES_MAX
from trackway.lookup import versions
from trackway.lookup.csv_table import InvalidTable
from trackway.lookup.versions import LookupTable, TooManyTables
from trackway.store.client import Store
from trackway.store.part_check import check_of

PROJECT = 7
KILLS = 6


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStore]:
    with migrated_store(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def store(running: RunningStore) -> Iterator[Store]:
    with closing(Store(running.url, answer_timeout_s=20)) as store:
        yield store


@pytest.fixture
def tables(store: Store) -> Tables:
    return Tables(store)


@pytest.fixture
def table_id(tables: Tables) -> uuid.UUID:
    return tables.create(PROJECT, uuid.uuid4().hex).table_id


def csv(number: int, rows: int = 3) -> bytes:
    """A table that can be told from others: its number is in every row, and in how many rows it has."""
    return b"id,number\n" + b"".join(b"%d,%d\n" % (row, number) for row in range(rows + number))


def number_of(store: Store, table: LookupTable | None, rows: int = 3) -> int:
    """Which table it is; it must be there as a whole."""
    assert table is not None
    found = [properties["number"] for _, properties in Tables(store).rows(PROJECT, table)]
    [number] = set(found)
    assert len(found) == table.row_count == rows + number
    return int(number)


def partitions(store: Store) -> set[str]:
    sql = "SELECT DISTINCT partition FROM system.parts WHERE active AND table = 'lookup_rows'"
    return {str(partition) for (partition,) in store.query(sql)}


def test_a_table_that_breaks_off_leaves_the_one_before(store: Store, tables: Tables, table_id: uuid.UUID) -> None:
    def breaking_off(error: Exception) -> Iterator[bytes]:
        yield csv(2, 200_000)
        raise error

    tables.replace(PROJECT, table_id, [csv(1)])
    for error in (OSError("gone"), KeyError("any")):
        with pytest.raises((KeyError, StorageError)):
            tables.replace(PROJECT, table_id, breaking_off(error))
        assert number_of(store, tables.find(PROJECT, table_id)) == 1
    with pytest.raises(InvalidTable):
        tables.replace(PROJECT, table_id, [csv(2, 200_000), b"0,2\n"])
    assert number_of(store, tables.find(PROJECT, table_id)) == 1
    assert tables.replace(PROJECT, table_id, [csv(3)]) == 6
    assert number_of(store, tables.find(PROJECT, table_id)) == 3


def test_a_former_version_can_be_read_until_its_time_is_over(store: Store, tables: Tables, table_id: uuid.UUID) -> None:
    tables.replace(PROJECT, table_id, [csv(1)])
    former = tables.find(PROJECT, table_id)
    tables.replace(PROJECT, table_id, [csv(2)])
    tables.drop_ended()
    assert number_of(store, former) == 1
    tables.drop_ended(kept_s=0)
    assert former is not None
    assert (Tables(store).rows(PROJECT, former)) == []
    assert number_of(store, tables.find(PROJECT, table_id)) == 2


def test_rows_that_are_no_tables_are_dropped(store: Store, tables: Tables, table_id: uuid.UUID) -> None:
    tables.replace(PROJECT, table_id, [csv(1)])
    other = tables.create(PROJECT, uuid.uuid4().hex).table_id
    tables.replace(PROJECT, other, [csv(2)])
    left_over = uuid.uuid4()
    store.command(
        "INSERT INTO lookup_rows SELECT {project:UInt32}, {version:UUID}, 'key', ['1']",
        {"project": PROJECT, "version": left_over},
    )
    tables.drop_ended()
    assert str(left_over) in partitions(store), "it may be on its way to become a table"
    everyone = "SELECT DISTINCT project_id FROM lookup_table_versions"
    projects = [int(project_id) for (project_id,) in store.query(everyone)]
    now = {str(table.version) for project in projects for table in tables.all(project) if table.row_count}
    tables.drop_ended(kept_s=0)
    assert partitions(store) == now
    tables.delete(PROJECT, other)
    assert tables.find(PROJECT, other) is None
    tables.drop_ended(kept_s=0)
    assert len(partitions(store)) == len(now) - 1
    assert number_of(store, tables.find(PROJECT, table_id)) == 1


def test_a_table_that_was_deleted_meanwhile_stays_deleted(tables: Tables, table_id: uuid.UUID) -> None:
    def deleting() -> Iterator[bytes]:
        yield csv(1)
        tables.delete(PROJECT, table_id)

    tables.replace(PROJECT, table_id, deleting())
    assert tables.find(PROJECT, table_id) is None


def test_a_table_made_again_is_empty(tables: Tables) -> None:
    table = tables.create(PROJECT, "again")
    tables.replace(PROJECT, table.table_id, [csv(1)])
    tables.delete(PROJECT, table.table_id)
    assert tables.create(PROJECT, "again").table_id == table.table_id
    made = tables.find(PROJECT, table.table_id)
    assert made is not None
    assert (made.columns, made.row_count) == ([], 0)


def test_a_project_has_no_more_tables_than_it_may(monkeypatch: pytest.MonkeyPatch, tables: Tables) -> None:
    assert LOOKUP_TABLES_MAX > 2
    monkeypatch.setattr(versions, "LOOKUP_TABLES_MAX", 2)
    first = tables.create(8, "first")
    tables.create(8, "second")
    with pytest.raises(TooManyTables):
        tables.create(8, "third")
    assert tables.create(8, "first").table_id == first.table_id
    tables.delete(8, first.table_id)
    tables.create(8, "third")


def test_replacements_are_counted_over_a_rolling_window(monkeypatch: pytest.MonkeyPatch, tables: Tables) -> None:
    one, two = tables.create(9, "one"), tables.create(9, "two")
    assert tables.wait_s(9, 1) == 0
    tables.replace(9, one.table_id, [csv(1)])
    tables.replace(9, two.table_id, [csv(1)])
    assert tables.wait_s(9, 3) == tables.wait_s(10, 1) == 0
    assert 86_300 < tables.wait_s(9, 2) <= tables.wait_s(9, 1) <= 86_400
    monkeypatch.setattr(versions, "LOOKUP_REPLACEMENTS_WINDOW_S", 1)
    while (waited_s := tables.wait_s(9, 2)) > 0:
        assert waited_s == 1
        time.sleep(0.05)


class _Replacing(threading.Thread):
    """Replaces a table by one after the other until told to stop; remembers the last that was acknowledged."""

    def __init__(self, tables: Tables, table_id: uuid.UUID, rows: int) -> None:
        super().__init__()
        self._tables, self._table_id, self._rows = tables, table_id, rows
        self.sent = self.acknowledged = self.failed = 0
        self.stop = threading.Event()

    def run(self) -> None:
        while not self.stop.is_set():
            self.sent += 1
            try:
                self._tables.replace(PROJECT, self._table_id, [csv(self.sent, self._rows)])
                self.acknowledged = self.sent
            except StorageError:
                self.failed += 1
                time.sleep(0.02)


def test_a_killed_store_has_the_old_table_or_the_new_one_whole(tmp_path: Path) -> None:
    rng, rows = random.Random(1), 3000
    with migrated_store(tmp_path / "store") as running, closing(Store(running.url, answer_timeout_s=20)) as store:
        tables = Tables(store)
        table_id = tables.create(PROJECT, "Songs").table_id
        tables.replace(PROJECT, table_id, [csv(0, rows)])
        replacing = _Replacing(tables, table_id, rows)
        replacing.start()
        try:
            for _ in range(KILLS):
                time.sleep(0.5 * rng.random())
                running.kill()
                acknowledged = replacing.acknowledged
                running.start()
                assert acknowledged <= number_of(store, tables.find(PROJECT, table_id), rows) <= replacing.sent
        finally:
            replacing.stop.set()
            replacing.join()
        assert replacing.acknowledged > 0
        assert replacing.acknowledged <= number_of(store, tables.find(PROJECT, table_id), rows) <= replacing.sent
        tables.drop_ended(kept_s=0)
        now = tables.find(PROJECT, table_id)
        assert now is not None
        assert partitions(store) == {str(now.version)}


@pytest.mark.one_machine
@pytest.mark.parametrize("table", ["lookup_rows", "lookup_table_versions"])
def test_a_replacement_whose_rows_cannot_be_read_fails_and_is_reported(
    running: RunningStore, monkeypatch: pytest.MonkeyPatch, tables: Tables, table_id: uuid.UUID, table: str
) -> None:
    """The store answers "done" for a part whose file of marks is empty, as on a full disk."""

    def spoil() -> None:
        empty_marks(Path(max(active(running.url, table), key=lambda part: part.last_block).path))

    def spoiling(name: str, part: str) -> str:
        if name == table:
            spoiler = threading.Thread(target=spoil)
            spoiler.start()
            spoiler.join()
        return check_of(name, part)

    with closing(Store(running.url)) as store:
        store.command(f"SYSTEM STOP MERGES {table}")
    monkeypatch.setattr(versions, "check_of", spoiling)
    with pytest.raises(StorageError, match=f"of {table} is not whole"):
        tables.replace(PROJECT, table_id, [csv(1)])
