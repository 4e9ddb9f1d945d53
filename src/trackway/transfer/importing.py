"""An import: batches of all files, several on their way at once, counted in the order of the files.

The progress is saved only behind batches without a gap. So a batch that a killed import had sent ahead is sent again,
and stored once.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from trackway.domain.errors import StateError
from trackway.transfer.batch_sending import Sent, Target
from trackway.transfer.batches import Batch, Forming, batches_of, batches_of_lines
from trackway.transfer.connection import Address
from trackway.transfer.formats import Format, format_of
from trackway.transfer.limits import PROGRESS_S
from trackway.transfer.pipeline import Pipeline, SourceBroken
from trackway.transfer.progress_file import Progress
from trackway.transfer.readers import line_pieces, read_blocks
from trackway.transfer.rejected_file import RejectedFile
from trackway.transfer.sources import Source, opened


class Order(NamedTuple):
    """What to import. `forming` gives the form of records of a format. `given`: the format of all files, None to find
    it for each."""

    sources: list[Source]
    address: Address
    target: Target
    forming: Callable[[Format], Forming]
    given: Format | None
    connections: int
    rejected_path: Path


class Counts(NamedTuple):
    """How far an import is: records, and stored bytes of all files that were read."""

    imported: int
    rejected: int
    read_bytes: int


class Import:
    """Runs an order. `tell` is called after each batch with the counts so far."""

    def __init__(self, order: Order, progress: Progress, tell: Callable[[Counts], object]):
        self._order = order
        self._progress = progress
        self._tell = tell
        self._saved_s = time.monotonic()
        self._rejected = RejectedFile(order.rejected_path, progress.rejected_bytes)

    def run(self) -> None:
        """Import everything. On leaving by an error or Ctrl-C the progress is saved.

        Raises StateError, also SourceBroken after all that could be read was imported.
        """
        order = self._order
        try:
            Pipeline(order.address, order.target, order.connections, self._count).run(self._batches())
        finally:
            self._progress.save()
            self._rejected.close()

    def _batches(self) -> Iterator[Batch]:
        read_before = 0
        for source in self._order.sources:
            skipped = self._progress.begin(source)
            with opened(source) as file:
                format_ = self._order.given or format_of(source.name, file.head)
                forming = self._order.forming(format_)
                if format_ is Format.LINES and forming.shape is None:
                    batches = batches_of_lines(source.name, line_pieces(file.file), skipped)
                else:
                    batches = batches_of(source.name, read_blocks(format_, file, source), forming, skipped)
                try:
                    for batch in batches:
                        yield batch._replace(read_bytes=read_before + file.read_bytes())
                except StateError as error:
                    raise SourceBroken(f"{source.shown}: {error}") from error
            read_before += source.size_bytes

    def _count(self, batch: Batch, sent: Sent) -> None:
        self._rejected.write(batch.source, sent.rejected)
        progress = self._progress
        progress.rejected_bytes = self._rejected.size_bytes
        progress.count(batch.source, batch.end, sent.imported, [each.reason for each in sent.rejected])
        if time.monotonic() - self._saved_s >= PROGRESS_S:
            progress.save()
            self._saved_s = time.monotonic()
        self._tell(Counts(progress.imported, progress.rejected.total(), batch.read_bytes))
