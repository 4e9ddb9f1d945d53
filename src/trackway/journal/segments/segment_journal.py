"""The journal in segment files: what `journal.log` asks for, put together from the modules of this folder."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from trackway.journal.drained import remove_mark, set_mark
from trackway.journal.group_commit import GroupCommit
from trackway.journal.limits import JOURNAL_SEGMENT_BYTES
from trackway.journal.log import HasRoom, Lease, OnSync, Progress, Recovery, Refusal, Removed
from trackway.journal.segments.file_calls import Disk, OsDisk
from trackway.journal.segments.new_beginning import begin_after
from trackway.journal.segments.progress import SegmentProgress
from trackway.journal.segments.reader import Reader
from trackway.journal.segments.recovery import recover
from trackway.journal.segments.removal import remove_loaded
from trackway.journal.segments.writer import Background, Writer, in_thread


class _SoleLoader:
    """The lease of a journal that one machine has alone."""

    is_held: Final = True

    def close(self) -> None:
        """Nobody waits for it."""


class SegmentJournal:
    """The journal in a directory. `background` runs the preparation of spare segments."""

    def __init__(
        self,
        directory: Path,
        disk: Disk | None = None,
        segment_bytes: int = JOURNAL_SEGMENT_BYTES,
        background: Background = in_thread,
    ):
        self._directory = directory
        self._disk: Disk = disk or OsDisk()
        self._segment_bytes = segment_bytes
        self._background = background

    @property
    def partitions(self) -> Sequence["SegmentJournal"]:
        """The journal is its own single partition."""
        return (self,)

    def recover(self) -> Recovery:
        remove_mark(self._directory)
        report = recover(self._directory, self._disk, self._segment_bytes)
        return Recovery(report.bytes, report.torn_bytes_cut, report.damage)

    def appender(
        self, on_sync: OnSync | None = None, refusal: Refusal = str, has_room: HasRoom | None = None
    ) -> GroupCommit:
        return GroupCommit(self._writer(has_room), on_sync, refusal=refusal)

    def source(self, position: int = 0) -> Reader:
        return Reader(self._directory, position, self._disk)

    def progress(self) -> SegmentProgress:
        return SegmentProgress(self._directory, self._disk)

    def remove_loaded(self, loaded: int, age_s_min: float) -> Removed:
        return Removed(*remove_loaded(self._directory, loaded, age_s_min, self._disk))

    def lease(self) -> Lease:
        return _SoleLoader()

    def begin_after(self, cursor: int, end: int) -> None:
        begin_after(self._directory, cursor, end, self._disk)

    def machines(self) -> None:
        """The files are of this machine."""

    def seal(self) -> None:
        with closing(self._writer()) as writer:
            writer.seal()

    def _writer(self, has_room: HasRoom | None = None) -> Writer:
        return Writer(self._directory, self._disk, self._segment_bytes, self._background, has_room or (lambda _: True))

    def is_drained(self, progress: Progress) -> bool:
        return progress.is_loaded

    def close_drained(self) -> None:
        set_mark(self._directory)
