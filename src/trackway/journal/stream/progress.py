"""How far the streams are written, loaded and kept, in words that all processes of this machine share.

Each stream has a file of words. An appender notes in a word of its own what was acknowledged to it, so what this
machine has acknowledged is never missing in `synced`. What other machines append is known when the stream is looked at,
at most `STREAM_LOOK_S` later.
"""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from trackway.domain.errors import StorageError
from trackway.domain.position import position_at
from trackway.journal.limits import STREAM_APPENDERS_MAX, STREAM_RECORD_BYTES_GUESS
from trackway.journal.of_partitions import OfPartitions
from trackway.journal.shared_words import FILE_BYTES, SharedWords
from trackway.journal.stream.place import sequences_between

NAME: Final = "progress"
MAGIC: Final = 0x0001_5350_574B_5254
_SEEN, _KEPT, _KEPT_SINCE, _RECORD_BYTES, _APPENDERS, _PARTITIONS = 1, 2, 3, 6, 8, 9
_APPENDED: Final = 64
assert (_APPENDED + STREAM_APPENDERS_MAX) * 8 <= FILE_BYTES


def make(directory: Path, partitions: int = 1, keep: Collection[int] = ()) -> None:
    """Make the files, with nothing loaded and nothing known, but for those of partitions to `keep`. No other process
    may use them."""
    for partition in range(partitions):
        if partition not in keep or not (directory / _file(partition)).exists():
            _make(directory, _file(partition), partitions)


def _file(partition: int) -> str:
    return f"{NAME}-{partition}" if partition else NAME


def _make(directory: Path, name: str, partitions: int) -> None:
    words = {0: MAGIC, _PARTITIONS: partitions}
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, FILE_BYTES)  # a store to a page without a block raises SIGBUS on a full disk
            content = b"".join(words.get(word, 0).to_bytes(8, "little") for word in range(FILE_BYTES // 8))
            os.pwrite(file, content, 0)
        finally:
            os.close(file)
    except OSError as error:
        raise StorageError(f"{directory / name} cannot be written: {error.strerror or error}") from error


class StreamProgress(SharedWords):
    """A `PartitionProgress` (`journal.log`)."""

    def __init__(self, directory: Path, partition: int = 0):
        super().__init__(directory / _file(partition), MAGIC)

    @property
    def partition_count(self) -> int:
        """How many streams the journal has."""
        return self._words[_PARTITIONS]

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
        self.loaded = self.heartbeat_ms = 0
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


class StreamsProgress(OfPartitions):
    """A `Progress` (`journal.log`)."""

    def __init__(self, directory: Path):
        first = StreamProgress(directory)
        self._streams = [first]
        try:
            for partition in range(1, first.partition_count):
                self._streams.append(StreamProgress(directory, partition))
        except StorageError:
            self.close()
            raise

    @property
    def partitions(self) -> Sequence[StreamProgress]:
        return self._streams

    @property
    def heartbeat_ms(self) -> int:
        return self._streams[0].heartbeat_ms

    @heartbeat_ms.setter
    def heartbeat_ms(self, now_ms: int) -> None:
        self._streams[0].heartbeat_ms = now_ms

    @property
    def failing(self) -> bool:
        return any(each.failing for each in self._streams)

    @failing.setter
    def failing(self, failing: bool) -> None:
        for each in self._streams:
            each.failing = failing

    @property
    def is_loaded(self) -> bool:
        return all(each.is_loaded for each in self._streams)

    def kept_since_ms(self) -> int:
        return min(each.kept_since_ms() for each in self._streams)

    def size_bytes(self) -> int:
        return sum(each.size_bytes() for each in self._streams)

    def begin(self) -> None:
        """Nothing is loaded yet, as far as this start knows."""
        for each in self._streams:
            each.begin()

    def close(self) -> None:
        for each in self._streams:
            each.close()
