"""A journal of several partitions, each a journal in files, and the store it is loaded into."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from tests.support.loader.story import SEGMENT_BYTES, Place
from tests.support.store.process import RunningStore
from trackway.domain.entry import split_payload
from trackway.domain.errors import StorageError
from trackway.journal.log import Lease, Removed
from trackway.journal.of_partitions import OfPartitions
from trackway.journal.segments.progress import SegmentProgress
from trackway.journal.segments.reader import Reader
from trackway.journal.segments.segment_journal import SegmentJournal
from trackway.journal.segments.writer import Writer
from trackway.store.client import Store


class FilesProgress(OfPartitions):
    """The progress of all partitions."""

    def __init__(self, partitions: Sequence["FilePartition"]):
        self._partitions = [each.progress() for each in partitions]
        self.heartbeat_ms = 0

    @property
    def partitions(self) -> Sequence[SegmentProgress]:
        return self._partitions

    @property
    def failing(self) -> bool:
        return any(each.failing for each in self._partitions)

    @failing.setter
    def failing(self, failing: bool) -> None:
        for each in self._partitions:
            each.failing = failing

    def kept_since_ms(self) -> int:
        return min(each.kept_since_ms() for each in self._partitions)

    def close(self) -> None:
        for each in self._partitions:
            each.close()


class FilePartition(SegmentJournal):
    """`is_away`: it cannot be read. `keeps`: nothing can be removed from it. `removals`: how often that was tried."""

    is_away = False
    keeps = False
    removals = 0

    def remove_loaded(self, loaded: int, age_s_min: float) -> Removed:
        self.removals += 1
        if self.keeps:
            raise StorageError("the partition does not answer")
        return super().remove_loaded(loaded, age_s_min)

    def source(self, position: int = 0) -> Reader:
        if self.is_away:
            raise StorageError("the partition is away")
        return super().source(position)


class FilesJournal:
    """What the loader asks of a journal."""

    def __init__(self, directory: Path, partitions: int):
        self.partitions = [
            FilePartition(directory / str(number), segment_bytes=SEGMENT_BYTES) for number in range(partitions)
        ]
        for each in self.partitions:
            each.recover()

    def progress(self) -> FilesProgress:
        return FilesProgress(self.partitions)

    def lease(self) -> Lease:
        return self.partitions[0].lease()


class PartitionedPlace(Place):
    """A `Place` whose requests are spread over partitions by their projects."""

    def __init__(self, directory: Path, url: str, running: RunningStore | None = None, partitions: int = 3):
        super().__init__(directory, url, running)
        self._closing = ExitStack()
        self.several = FilesJournal(directory / "several", partitions)
        self.journal = self.several  # type: ignore[assignment]  # what the loader asks of it
        self.progress = self._closing.enter_context(closing(self.several.progress()))
        self._writers = [
            self._closing.enter_context(
                closing(
                    Writer(directory / "several" / str(number), segment_bytes=SEGMENT_BYTES, background=lambda do: do())
                )
            )
            for number in range(partitions)
        ]

    def append_payloads(self, payloads: list[bytes]) -> None:
        for each in payloads:
            for partition, part in split_payload(each, len(self._writers)).items():
                self._writers[partition].append([part])
                self.payloads.append(part)

    def load(self, store: Store | None = None) -> None:
        """A new loader loads until all is loaded that can be read, or it is killed."""
        for each in self.progress.partitions:
            each.loaded = 0
        self.load_until(self._is_loaded, store)

    def _is_loaded(self) -> bool:
        return all(
            partition.is_away or each.loaded >= each.synced
            for partition, each in zip(self.several.partitions, self.progress.partitions, strict=True)
        )

    def close(self) -> None:
        self._closing.close()
        super().close()
