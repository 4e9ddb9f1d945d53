"""The snapshot over its socket, with a loader and a store that answer at once."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import wait_until
from trackway.backup import snapshot_client
from trackway.backup.snapshot import SnapshotServer
from trackway.backup.snapshot_client import _connected, with_snapshot
from trackway.backup.snapshot_words import place_digest
from trackway.domain.errors import StateError, StorageError
from trackway.loader.moments import Moments
from trackway.settings.table import Settings

TABLES = [("events", "11111111-a"), ("facts", "22222222-b"), ("loads", "33333333-c")]


def nothing(_: int = 0) -> str:
    return ""


class FakeStore:
    """Knows three tables, and which of them were frozen."""

    def __init__(self) -> None:
        self.frozen: list[tuple[str, str]] = []
        self.failures = 0

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        if "system.tables" in sql:
            return [(name, f"/data/store/{uuid[:3]}/{uuid}/") for name, uuid in TABLES]
        return [(20,)] if "schema_migrations" in sql else [(500,)]

    def command(self, sql: str, parameters: Mapping[str, str]) -> None:
        if self.failures:
            self.failures -= 1
            raise StorageError("the store is away")
        self.frozen.append((parameters["table"], sql.split("'")[1]))


class FakeProgress:
    def ends(self) -> tuple[int, ...]:
        return (700,)

    def lags(self) -> list[int]:
        return [300]


class Place:
    """A server of snapshots, whose loader comes to its moment while `loads` is set."""

    def __init__(self, run_dir: Path):
        self.run_dir = run_dir
        self.store, self.erasure, self.loads = FakeStore(), threading.Lock(), threading.Event()
        self.moments = Moments()
        self.unread: list[str] = []
        self.loads.set()
        server = SnapshotServer(
            Settings(data_dir=run_dir.parent, projects_url="postgresql://h/d"),
            self.store,  # type: ignore[arg-type]
            self.moments,
            FakeProgress(),  # type: ignore[arg-type]
            self.erasure,
            self._read_unread,
        )
        threading.Thread(target=server.run, daemon=True).start()
        threading.Thread(target=self._load, daemon=True).start()
        wait_until((run_dir / "snapshot.sock").exists, 10, lambda: "no socket")

    def _read_unread(self) -> None:
        assert self.store.frozen, "what is read first may be merged before it is frozen"
        if self.unread:
            raise StorageError(self.unread.pop())

    def _load(self) -> None:
        while True:
            self.loads.wait()
            if self.moments.is_due((700,)):
                self.moments.take()
            threading.Event().wait(0.01)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(snapshot_client, "SNAPSHOT_AGAIN_S", 0.01)
    monkeypatch.setattr("trackway.backup.snapshot.SNAPSHOT_TELL_S", 0.1)
    (tmp_path / "run").mkdir()
    made = Place(tmp_path / "run")
    yield made
    made.loads.set()


def test_a_snapshot_has_all_tables_but_those_that_are_made_anew_and_erasures_rest_meanwhile(place: Place) -> None:
    seen: list[bool] = []

    def look() -> str:
        seen.append(place.erasure.locked())
        return "done"

    frozen, done = with_snapshot(place.run_dir, "trackway_a", nothing, look)
    assert seen == [True] and done == "done"
    assert (frozen.tables, frozen.empty_tables) == (dict(TABLES[::2]), dict(TABLES[1:2]))
    assert (frozen.cursor, frozen.end, frozen.migration) == (500, 700, 20)
    assert (frozen.store, frozen.projects) == (place_digest(""), place_digest("postgresql://h/d"))
    assert place.store.frozen == [("events", "trackway_ax0"), ("loads", "trackway_ax0")]
    wait_until(lambda: not place.erasure.locked(), 10, lambda: "erasures still rest")


def test_a_backup_hears_how_much_is_left_and_waits_for_erasures(place: Place) -> None:
    heard: list[int] = []
    place.loads.clear()
    place.erasure.acquire()
    taking = threading.Thread(target=lambda: with_snapshot(place.run_dir, "trackway_a", heard.append, str), daemon=True)
    taking.start()
    wait_until(lambda: bool(heard), 10, lambda: "nothing was heard")
    assert heard[0] == 300 and place.store.frozen == []
    place.erasure.release()
    place.loads.set()
    taking.join(10)
    assert not taking.is_alive() and place.store.frozen


def test_a_failure_of_the_store_is_tried_again_and_shown_at_last(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.store.failures = 1
    assert with_snapshot(place.run_dir, "trackway_a", nothing, str)[0].name == "trackway_ax1"
    place.store.failures = 1000
    with pytest.raises(StateError, match="no snapshot: the store is away"):
        with_snapshot(place.run_dir, "trackway_b", nothing, str)


def test_a_part_that_is_not_whole_is_in_no_snapshot(place: Place) -> None:
    place.unread = ["202611_1_3_1 of events is not whole"]
    assert with_snapshot(place.run_dir, "trackway_a", nothing, str)[0].name == "trackway_ax1"
    place.unread = ["202611_1_3_1 of events is not whole"] * 1000
    with pytest.raises(StateError, match="no snapshot: 202611_1_3_1 of events is not whole"):
        with_snapshot(place.run_dir, "trackway_b", nothing, str)


def test_a_backup_that_was_killed_gives_its_snapshot_up(place: Place) -> None:
    place.loads.clear()
    killed = _connected(place.run_dir, "trackway_a")
    wait_until(place.erasure.locked, 10, lambda: "the snapshot has not begun")
    killed.close()
    wait_until(lambda: not place.erasure.locked(), 10, lambda: "erasures still rest")
    place.loads.set()
    assert with_snapshot(place.run_dir, "trackway_b", nothing, str)[0].name == "trackway_bx0"
    assert {name for _, name in place.store.frozen} == {"trackway_bx0"}


def test_a_name_that_would_change_the_statement_is_refused(place: Place) -> None:
    with pytest.raises(StateError, match="letters and digits"):
        with_snapshot(place.run_dir, "trackway_a' b", nothing, str)
    assert place.store.frozen == []


def test_without_a_server_there_is_no_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_client, "SNAPSHOT_AGAIN_S", 0.0)
    with pytest.raises(StateError, match="no server runs"):
        with_snapshot(tmp_path, "trackway_a", nothing, str)
