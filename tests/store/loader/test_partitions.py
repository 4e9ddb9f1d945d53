"""A loader loads each partition from its own cursor; none waits for another, and nothing counts twice."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.loader.event_requests import STORY
from tests.support.loader.partitioned import PartitionedPlace
from tests.support.loader.story import FailingStore, Killed, clear
from tests.support.store.damaged_parts import active, missing_column, path_of
from tests.support.store.process import RunningStore, migrated_store
from trackway.loader.repair import Repair
from trackway.loader.statements import read_cursor
from trackway.store.client import Store


@pytest.fixture
def place(running: RunningStore, tmp_path: Path) -> Iterator[PartitionedPlace]:
    made = PartitionedPlace(tmp_path, running.url)
    yield made
    made.close()
    with closing(Store(running.url)) as store:
        clear(store)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[PartitionedPlace]:
    """A place with a store of its own."""
    with migrated_store(tmp_path / "store") as running:
        made = PartitionedPlace(tmp_path / "place", running.url, running)
        yield made
        made.close()


def cursors(place: PartitionedPlace) -> list[int]:
    with closing(Store(place.url)) as store:
        return [read_cursor(store, number, 3) for number in range(3)]


def has_records(place: PartitionedPlace) -> list[bool]:
    found = []
    for each in place.several.partitions:
        with closing(each.source()) as source:
            found.append(bool(source.read(1)))
    return found


def test_what_all_partitions_hold_is_loaded_once(place: PartitionedPlace, small_batches: None) -> None:
    place.append(*STORY[:3])
    place.load()
    place.append(*STORY[3:])
    place.load()
    place.load()
    place.check()
    assert [each > 0 for each in cursors(place)] == has_records(place)
    assert sum(has_records(place)) == 2, "the two projects of the story are in two partitions"


@pytest.mark.parametrize("after", [False, True])
def test_a_loader_killed_at_any_insert_is_followed_by_one_that_repeats_nothing(
    place: PartitionedPlace, after: bool
) -> None:
    place.append(*STORY)
    at, failed = 0, True
    while failed:
        store = FailingStore(place.url, at, after=after, error=Killed())
        try:
            place.load(store)
        except Killed:
            at += 1
        failed = store.failed
    assert at > 4
    place.check()


def test_a_partition_that_is_away_stops_its_own_lane_alone(place: PartitionedPlace) -> None:
    place.append(*STORY[:4])
    away = has_records(place).index(True)
    place.several.partitions[away].is_away = True
    place.load()
    assert not cursors(place)[away] and sum(each > 0 for each in cursors(place)) == 1
    assert place.progress.partitions[away].failing
    place.several.partitions[away].is_away = False
    place.append(*STORY[4:])
    place.load()
    place.check()
    assert not place.progress.failing


def test_a_partition_from_which_nothing_can_be_removed_holds_up_no_loading(
    place: PartitionedPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, begin = list[int](), Repair.begin

    def counted(self: Repair) -> list[int]:
        begun.append(1)
        return begin(self)

    monkeypatch.setattr(Repair, "begin", counted)
    monkeypatch.setattr("trackway.loader.loop.REMOVAL_INTERVAL_S", 0.0)
    place.several.partitions[0].keeps = True
    place.append(*STORY)
    place.load()
    place.check()
    assert len(begun) == 1 and not place.progress.failing
    assert all(each.removals for each in place.several.partitions)


@pytest.mark.one_machine
def test_damage_of_the_store_is_loaded_again_from_every_partition(own: PartitionedPlace) -> None:
    own.append(*STORY)
    own.load()
    path = path_of(own.url, active(own.url, "events")[0])
    own.stop_store()
    missing_column(path)
    own.start_store()
    own.load()
    own.check()
