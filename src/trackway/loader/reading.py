"""Reads a partition of the journal on, in a thread of its own where there are several.

A stream without a leader, or with a server that is frozen, answers after seconds or not at all. So no partition waits
for the read of another. The only partition of a journal is read by the loader itself.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple, TypeVar

from trackway.journal.log import Damage, Partition, Record, Source

T = TypeVar("T")


class Read(NamedTuple):
    """The next records of a partition, the position behind them, and damage that was passed."""

    records: Sequence[Record]
    position: int
    damage: Sequence[Damage]


class First(NamedTuple):
    """What is known before the first read: where it begins, to which journal that belongs, and the first record."""

    position: int
    identity: str
    record: Record | None


class _Inline(Executor):
    """Does the work at once."""

    def submit(self, work: Callable[..., T], /, *given: object, **named: object) -> "Future[T]":
        done = Future[T]()
        try:
            done.set_result(work(*given, **named))
        except Exception as error:
            done.set_exception(error)
        return done


class Reading:
    """Reads on from a position. `first` and `take` give None while the answer is on its way, and raise StorageError.

    After an error the next call tries again, from the same position.
    """

    def __init__(self, partition: Partition, *, aside: bool):
        self._partition = partition
        self._executor: Executor = ThreadPoolExecutor(1, "journal-reading") if aside else _Inline()
        self._aside = aside
        self._position = 0
        self._first: Future[First] | None = None
        self._read: Future[Read] | None = None
        self._source: Source | None = None
        self._damage_seen = 0

    def begin(self, position: int) -> None:
        """Read on from here. What was read before is forgotten."""
        self._position = position
        self._first = self._read = None
        self._executor.submit(self._close)

    def first(self) -> First | None:
        """Look at the first record, without taking it."""
        if self._first is None:
            self._first = self._executor.submit(self._look, self._position)
        if not self._first.done():
            return None
        done, self._first = self._first, None
        return done.result()

    def take(self, bytes_max: int) -> Read | None:
        """The next records, at most about so many bytes; no records at the end."""
        if self._read is None:
            self._read = self._executor.submit(self._read_on, self._position, bytes_max)
        if not self._read.done():
            return None
        done, self._read = self._read, None
        taken = done.result()
        self._position = taken.position
        if self._aside and taken.records:  # while these are loaded
            self._read = self._executor.submit(self._read_on, self._position, bytes_max)
        return taken

    def end(self) -> None:
        """Nothing is read any more."""
        self._executor.submit(self._close)
        self._executor.shutdown(wait=False)

    def _look(self, position: int) -> First:
        with closing(self._partition.source(position)) as source:
            begin = source.position
            return First(begin, source.identity, next(iter(source.read(1)), None))

    def _read_on(self, position: int, bytes_max: int) -> Read:
        try:
            if self._source is None:
                self._source, self._damage_seen = self._partition.source(position), 0
            records = self._source.read(bytes_max)
        except Exception:
            self._close()
            raise
        damage = self._source.damage[self._damage_seen :]
        self._damage_seen += len(damage)
        return Read(records, self._source.position, damage)

    def _close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None
