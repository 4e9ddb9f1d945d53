"""A snapshot of a store in which a merge left a damaged part that no sweep has read yet."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.compaction.damaged_facts import flipped_byte
from tests.support.loader.event_requests import STORY
from tests.support.loader.story import Place
from tests.support.store.damaged_parts import Damaging, active, merge, path_of, truncated_data, unsound
from tests.support.store.process import RunningStore, migrated_store
from tests.support.waiting import wait_until
from trackway.backup import snapshot_client
from trackway.backup.frozen_parts import table_directory
from trackway.backup.snapshot import SnapshotServer
from trackway.backup.snapshot_client import with_snapshot
from trackway.loader.moments import Moments
from trackway.loader.part_verification import CONTENT
from trackway.store.client import Store
from trackway.store.damage_table import all_damage

pytestmark = pytest.mark.one_machine

LOADED_S_MAX = 60


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningStore]:
    with migrated_store(tmp_path / "store") as made:
        yield made


@pytest.mark.parametrize("damage", [flipped_byte, truncated_data])
def test_a_damaged_part_that_no_sweep_has_read_is_repaired_and_in_no_snapshot(
    running: RunningStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Damaging
) -> None:
    monkeypatch.setattr("trackway.loader.sweep.SWEEP_INTERVAL_S", 3600)
    monkeypatch.setattr(snapshot_client, "SNAPSHOT_AGAIN_S", 0.1)
    place = Place(tmp_path / "place", running.url, running)
    run_dir = place.settings.run_dir
    run_dir.mkdir(parents=True)
    moments = Moments()
    with closing(Store(running.url)) as other, place.loading(moments) as loader:
        for some in (STORY[:2], STORY[2:4], STORY[4:]):
            place.append(*some)
            wait_until(lambda: place.head.loaded >= place.head.synced, LOADED_S_MAX, lambda: "not loaded")
        merge(running.url, "events")
        damage(path_of(running.url, active(running.url, "events")[0]))
        damaged = active(running.url, "events")[0].name
        server = SnapshotServer(
            place.settings,
            other,
            moments,
            place.journal.progress(),
            threading.Lock(),
            lambda: loader.sweep.read_unread(other),
        )
        threading.Thread(target=server.run, daemon=True).start()
        wait_until((run_dir / "snapshot.sock").exists, LOADED_S_MAX, lambda: "no socket")
        frozen, _ = with_snapshot(run_dir, "trackway_a", lambda left_bytes: None, str)
    assert frozen.name != "trackway_ax0"
    copied = running.directory.rglob(f"shadow/{frozen.name}/{table_directory(frozen.tables['events'])}/*")
    names = {each.name for each in copied if each.is_dir()}
    assert names and damaged not in names
    assert unsound(running.url, CONTENT) == []
    with closing(Store(running.url)) as store:
        assert [each.place for each in all_damage(store)] == ["events"]
    place.check()
    place.close()
