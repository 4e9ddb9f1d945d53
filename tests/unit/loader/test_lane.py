"""A lane whose partition cannot be read stands still, tries again from the same place, and raises nothing."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from tests.support.waiting import wait_until
from trackway.domain.errors import StorageError
from trackway.journal.log import Damage, Partition, PartitionProgress, Record
from trackway.loader.batch_loading import Load
from trackway.loader.lane import Lane

RECORDS = [Record(10, memoryview(b"a")), Record(20, memoryview(b"b"))]


class FakeSource:
    """Gives each record once; its position is behind the last."""

    identity = ""

    def __init__(self, position: int):
        self.position = position
        self.damage: list[Damage] = []

    def read(self, _bytes_max: int) -> list[Record]:
        found = [record for record in RECORDS if record.position >= self.position][:1]
        if found:
            self.position = found[0].position + 10
        return found

    def close(self) -> None:
        """Nothing is open."""


class FakePartition:
    def __init__(self) -> None:
        self.faults: list[str] = []
        self.opened: list[int] = []

    def source(self, position: int = 0) -> FakeSource:
        if self.faults:
            raise StorageError(self.faults.pop(0))
        self.opened.append(position)
        return FakeSource(position)


class FakeProgress:
    synced, loaded, failing = 30, 0, False


def lane_of(of: int) -> tuple[Lane, FakePartition, FakeProgress]:
    partition, progress = FakePartition(), FakeProgress()
    lane = Lane(0, of, cast("Partition", partition), cast("PartitionProgress", progress))
    lane.begin(10)
    lane.load = cast("Load", object())  # it has joined
    return lane, partition, progress


def soon(found: Callable[[], Any]) -> Any:
    results: list[Any] = []

    def look() -> bool:
        results.append(found())
        return bool(results[-1])

    wait_until(look, 10, lambda: "nothing was read")
    return results[-1]


def test_one_of_several_stands_still_and_goes_on_where_it_was() -> None:
    lane, partition, progress = lane_of(2)
    assert [each.position for each in soon(lambda: lane.take(100))] == [10]
    lane.begin(20)
    lane.load = cast("Load", object())
    partition.faults = ["no leader"]
    soon(lambda: lane.take(100) or lane.is_failing)
    assert lane.is_failing and progress.failing and lane.is_idle and lane.position == 20
    assert [each.position for each in soon(lambda: lane.take(100))] == [20]
    assert not lane.is_failing and lane.position == 30 and partition.opened[-1] == 20
    lane.end()


def test_the_only_one_raises_what_its_journal_raises() -> None:
    lane, partition, _ = lane_of(1)
    partition.faults = ["the disk"]
    with pytest.raises(StorageError, match="the disk"):
        lane.take(100)
    assert [each.position for each in lane.take(100)] == [10]


def test_its_end_is_known_only_after_a_read_that_found_nothing() -> None:
    lane, _, _ = lane_of(1)
    lane.take(100)
    lane.take(100)
    assert lane.position == 30 and not lane.is_at_end
    assert lane.take(100) == [] and lane.is_at_end
    assert lane.take(0) == [] and not lane.is_at_end
