"""Moments between two batches, at which every record that was read counts, and no other row is in the store.

A snapshot of the store needs one. Another thread asks for it and names a mark of the journal. The loader goes on until
all records before it are loaded. Then its thread does the work, and loads on.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from operator import le
from typing import NamedTuple

from trackway.domain.errors import StorageError
from trackway.journal.log import Mark

Work = Callable[[], None]


class _Wanted(NamedTuple):
    mark: Mark
    work: Work
    done: "Future[None]"


class Moments:
    """At most one piece of work waits at a time."""

    def __init__(self) -> None:
        self._wanted: _Wanted | None = None
        self._lock = threading.Lock()

    def ask(self, mark: Mark, work: Work) -> "Future[None]":
        """Let the loader do the work when all records before the mark are loaded. The future gets what the work
        raises. One that is cancelled in time gives the work up."""
        done = Future[None]()
        with self._lock:
            assert self._wanted is None or self._wanted.done.done(), "one moment at a time"
            self._wanted = _Wanted(mark, work, done)
        return done

    def is_due(self, reached: Mark) -> bool:
        """Whether work waits that needs no record from these positions on, one of each partition."""
        wanted = self._wanted
        return wanted is not None and all(map(le, wanted.mark, reached))

    def take(self) -> None:
        """Do the work that waits. Raises only programming errors."""
        if (wanted := self._taken()) is None:
            return
        try:
            wanted.work()
        except StorageError as error:
            wanted.done.set_exception(error)
        except BaseException as error:
            wanted.done.set_exception(error)
            raise
        else:
            wanted.done.set_result(None)

    def refuse(self, reason: str) -> None:
        """Give up the work that waits, for a reason that its caller gets as StorageError."""
        if (wanted := self._taken()) is not None:
            wanted.done.set_exception(StorageError(reason))

    def _taken(self) -> _Wanted | None:
        with self._lock:
            wanted, self._wanted = self._wanted, None
        return wanted if wanted is not None and wanted.done.set_running_or_notify_cancel() else None
