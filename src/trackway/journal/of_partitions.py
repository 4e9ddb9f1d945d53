"""What a journal's progress is, by that of each of its partitions (`journal.log.Progress`)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from trackway.domain.partition import partition_of
from trackway.journal.log import Mark, PartitionProgress


class OfPartitions(ABC):
    """The questions of `Progress` that follow from its partitions."""

    @property
    @abstractmethod
    def partitions(self) -> Sequence[PartitionProgress]: ...

    def of(self, project_id: int) -> PartitionProgress:
        return self.partitions[partition_of(project_id, len(self.partitions))]

    def ends(self) -> Mark:
        return tuple(each.synced for each in self.partitions)

    def reached(self) -> Mark:
        return tuple(each.loaded for each in self.partitions)

    def has_loaded(self, mark: Mark) -> bool:
        return all(each.loaded >= position for each, position in zip(self.partitions, mark, strict=True))

    @property
    def has_begun(self) -> bool:
        return any(each.loaded for each in self.partitions)

    def lags(self) -> list[int]:
        return [each.lag_bytes(each.loaded) for each in self.partitions]

    def appended_bytes(self, since: Mark) -> int:
        pairs = zip(self.partitions, since, strict=True)
        return sum(each.bytes_between(position, each.synced) for each, position in pairs)
