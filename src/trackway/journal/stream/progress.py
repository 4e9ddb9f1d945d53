"""How far the stream is written, loaded and kept, in words that all processes of this machine share.

An appender notes in a word of its own what was acknowledged to it, so what this machine has acknowledged is never
missing in `synced`. What other machines append is known when the stream is looked at, at most `STREAM_LOOK_S` later.
"""

import os
from pathlib import Path
from typing import Final

from trackway.domain.errors import StorageError
from trackway.domain.position import position_at
from trackway.journal.limits import STREAM_APPENDERS_MAX, STREAM_RECORD_BYTES_GUESS
from trackway.journal.shared_words import FILE_BYTES, SharedWords
from trackway.journal.stream.place import sequences_between

NAME: Final = "progress"
MAGIC: Final = 0x0001_5350_574B_5254
_SEEN, _KEPT, _KEPT_SINCE, _RECORD_BYTES, _APPENDERS = 1, 2, 3, 6, 8
_APPENDED: Final = 64
assert (_APPENDED + STREAM_APPENDERS_MAX) * 8 <= FILE_BYTES


def make(directory: Path) -> None:
    """Make the file, with nothing loaded and nothing known. No other process may use it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(directory / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, FILE_BYTES)  # a store to a page without a block raises SIGBUS on a full disk
            os.pwrite(file, MAGIC.to_bytes(8, "little") + bytes(FILE_BYTES - 8), 0)
        finally:
            os.close(file)
    except OSError as error:
        raise StorageError(f"{directory / NAME} cannot be written: {error.strerror or error}") from error


class StreamProgress(SharedWords):
    """A `Progress` (`journal.log`)."""

    def __init__(self, directory: Path):
        super().__init__(directory / NAME, MAGIC)

    @property
    def synced(self) -> int:
        words = self._words
        used = min(words[_APPENDERS], STREAM_APPENDERS_MAX)
        return max(words[_SEEN], *words[_APPENDED : _APPENDED + used], 0)

    @property
    def is_loaded(self) -> bool:
        return self.loaded >= self.synced

    @property
    def kept_from(self) -> int:
        return self._words[_KEPT]

    def kept_since_ms(self) -> int:
        return self._words[_KEPT_SINCE]

    def bytes_between(self, begin: int, end: int) -> int:
        """An estimate, by the mean size of the stream's messages."""
        return sequences_between(begin, end) * self._words[_RECORD_BYTES] if end > begin else 0

    def lag_bytes(self, position: int) -> int:
        return self.bytes_between(position, self.synced)

    def size_bytes(self) -> int:
        return self.bytes_between(self.kept_from, self.synced)

    def begin(self) -> None:
        """Nothing is loaded yet, as far as this start knows."""
        self.failing = True
        self._words[_RECORD_BYTES] = STREAM_RECORD_BYTES_GUESS

    def saw(self, generation: int, first: int, last: int, size_bytes: int, kept_since_ms: int) -> None:
        """Note a look at the stream: its first and last sequence number, its bytes, and the time of its first message.

        An empty stream has a first sequence number beyond its last, as NATS says.
        """
        if last >= first:
            self._words[_RECORD_BYTES] = max(size_bytes // (last - first + 1), 1)
        self._words[_KEPT_SINCE] = kept_since_ms
        self._words[_KEPT] = position_at(generation, first)
        # A look may be older than another's: what was seen once does not go away.
        self._words[_SEEN] = max(self._words[_SEEN], position_at(generation, last + 1))

    def new_appender(self) -> int:
        """A number for `appended`. Two processes may get the same one: then each may hide the other's last records for
        as long as nobody looks at the stream."""
        number = self._words[_APPENDERS]
        self._words[_APPENDERS] = number + 1
        return number % STREAM_APPENDERS_MAX

    def appended(self, appender: int, end: int) -> None:
        """Note that a record is durable that ends before this position."""
        self._words[_APPENDED + appender] = max(self._words[_APPENDED + appender], end)
