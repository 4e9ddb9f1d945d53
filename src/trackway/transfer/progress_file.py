"""How far an import is, in a file beside where it runs: so that it goes on after Ctrl-C or a kill.

The file is replaced as a whole. Losing it costs time and nothing else, since records that are sent again are stored
once.
"""

import json
import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from xxhash import xxh3_128_hexdigest

from trackway.domain.errors import StateError
from trackway.transfer.limits import HEAD_BYTES, REASONS_MAX
from trackway.transfer.sources import Source

_VERSION: Final = 1
OTHER_REASONS: Final = "other reasons"


def replace_document(path: Path, document: Mapping[str, Any]) -> None:
    """Replace the file as a whole; it is durable at return. Raises StateError where it cannot be written."""
    new = path.with_name(path.name + ".new")
    try:
        with new.open("w") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}") from error


class Progress:
    """The counts of an import and, for each file, the number of its last record that is done with."""

    def __init__(self, path: Path):
        self.path = path
        self.imported = 0
        self.rejected: Counter[str] = Counter()
        self.rejected_bytes = 0
        """How much of the file of rejected records counts."""
        self.done: dict[str, int] = {}
        self._ends: dict[str, tuple[int, str]] = {}
        self.resumed = False

    def load(self, sources: list[Source]) -> None:
        """Read what an interrupted import has left. What cannot be read, or is of other files, is left out; so is all
        where a stream is among the sources, which is read anew and counts anew."""
        if any(source.is_stream for source in sources):
            return
        try:
            found = json.loads(self.path.read_text())
            if found["version"] != _VERSION:
                return
            ends = {name: (int(size), str(digest)) for name, (size, digest) in found["ends"].items()}
            done = {str(name): int(number) for name, number in found["done"].items()}
            counts = (int(found["imported"]), Counter(found["rejected"]), int(found["rejected_bytes"]))
        except (OSError, ValueError, KeyError, TypeError):
            return
        if any(not _is_same(source, ends[source.name]) for source in sources if source.name in ends):
            return
        self.done, self._ends = done, ends
        self.imported, self.rejected, self.rejected_bytes = counts
        self.resumed = True

    def begin(self, source: Source) -> int:
        """The records of a file that are done with."""
        if source.is_stream:
            return 0
        if source.name not in self._ends:
            self._ends[source.name] = (source.size_bytes, _ends(source, source.size_bytes))
        return self.done.get(source.name, 0)

    def count(self, source: str, end: int, imported: int, reasons: list[str]) -> None:
        """Count the records up to `end` of a file."""
        self.done[source] = end
        self.imported += imported
        for reason in reasons:
            is_known = reason in self.rejected or len(self.rejected) < REASONS_MAX
            self.rejected[reason if is_known else OTHER_REASONS] += 1

    def save(self) -> None:
        """Replace the file. Raises StateError where it cannot be written."""
        document: dict[str, Any] = {
            "version": _VERSION,
            "imported": self.imported,
            "rejected": dict(self.rejected),
            "rejected_bytes": self.rejected_bytes,
            "done": self.done,
            "ends": self._ends,
        }
        replace_document(self.path, document)

    def remove(self) -> None:
        with suppress(FileNotFoundError):
            self.path.unlink()


def _is_same(source: Source, ends: tuple[int, str]) -> bool:
    """Whether a file is the one of that size, beginning and end, or has grown since."""
    size, digest = ends
    return source.size_bytes >= size and _ends(source, size) == digest


def _ends(source: Source, size: int) -> str:
    """A digest of how the first `size` bytes of a file begin and end: what was put in between moves the end."""
    with source.open_raw() as file:
        found = file.read(min(size, HEAD_BYTES))
        if size > HEAD_BYTES:  # a pipe has no size, and nothing to go back to
            file.seek(size - HEAD_BYTES)
            found += file.read(HEAD_BYTES)
        return xxh3_128_hexdigest(found)
