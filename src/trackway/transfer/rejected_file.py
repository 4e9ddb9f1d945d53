"""The file of rejected records: one JSON object a line, with the file, the number, the reason and the record."""

import os
from pathlib import Path
from typing import IO

import orjson

from trackway.domain.errors import StateError
from trackway.transfer.batches import Rejection
from trackway.transfer.limits import REJECTED_RECORD_BYTES_MAX


class RejectedFile:
    """Made with the first rejected record. `size_bytes`: what an interrupted import wrote and counted; what it wrote
    behind that is removed, and written again."""

    def __init__(self, path: Path, size_bytes: int):
        self.path = path
        self._file: IO[bytes] | None = None
        self.size_bytes = size_bytes
        if size_bytes:
            self._open()

    def write(self, source: str, rejected: list[Rejection]) -> None:
        """Add records. Raises StateError where they cannot be written."""
        if not rejected:
            return
        try:
            file = self._file or self._open()
            for each in rejected:
                self.size_bytes += file.write(_line(source, each))
            file.flush()
        except OSError as error:
            raise StateError(f"{self.path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self) -> IO[bytes]:
        try:
            file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
            if file.seek(0, os.SEEK_END) < self.size_bytes:
                self.size_bytes = 0  # somebody has taken it away: what is rejected from now on is kept
            file.truncate(self.size_bytes)
            file.seek(self.size_bytes)
        except OSError as error:
            raise StateError(f"{self.path} cannot be written: {error.strerror}") from error
        self._file = file
        return file


def _line(source: str, rejection: Rejection) -> bytes:
    record = rejection.text[:REJECTED_RECORD_BYTES_MAX].decode(errors="replace")
    return orjson.dumps(
        {
            "file": source,
            "number": rejection.number,
            "field": rejection.field,
            "reason": rejection.reason,
            "record": record,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )
