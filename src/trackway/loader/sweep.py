"""The sweep: a thread that reads the parts of merges, and decides how far the journal may be trimmed.

A merge writes a new part, and the part may be as unsound as any insert's. The merge's sources stay on the disk for
three minutes (`old_parts_lifetime`), and the journal stays until a sweep has found every part whole. So there are two
copies of the rows that a bad merge has damaged. A part that was last written before the journal's first record is not
read, since the journal holds none of its rows.

A whole part may be damaged later, while the store runs. Where this process sees the files of a part, each sweep
compares their sizes with those at its verification, or at first sight. A part whose sizes have changed is read
again.
"""

import threading
import time
from contextlib import closing

from trackway.domain.errors import StorageError
from trackway.journal.log import Journal, Mark, Progress
from trackway.loader.limits import SWEEP_INTERVAL_S, SWEEP_INTERVAL_S_MAX, SWEEP_PAUSE, SWEEP_ROUNDS_MAX, SWEEP_SHARE
from trackway.loader.part_verification import PartVerification
from trackway.store.client import Store
from trackway.store.parts import Part
from trackway.telemetry import logs, metrics

CLOCKS_S = 60
"""By how much a store's clock may be behind ours."""

_log = logs.get("loader")


class Sweep:
    """Reads parts until `end` is called.

    `verified_to`: the loader has verified its inserts, counts included, for records before this mark of the journal.
    `sound_to`: every record before this mark is in parts that were found whole after it was loaded. Zeros until that is
    known.
    """

    def __init__(self, journal: Journal, store: Store, verification: PartVerification):
        self._nothing: Mark = (0,) * len(journal.partitions)
        self.verified_to = self._nothing
        self.sound_to = self._nothing
        self._resets = 0
        self._lock = threading.Lock()
        self._journal = journal
        self._store = store
        self._verification = verification
        self._ended = threading.Event()

    def reset(self) -> None:
        """Forget all results, since parts are about to be detached. A running sweep gives no result either."""
        with self._lock:
            self._resets += 1
            self.verified_to = self.sound_to = self._nothing

    def end(self) -> None:
        """Make `run` return soon."""
        self._ended.set()

    def run(self) -> None:
        """Sweep at intervals. Raises only programming errors."""
        with closing(self._journal.progress()) as progress:
            pause_s = SWEEP_INTERVAL_S
            while not self._ended.wait(pause_s):
                began_s = time.monotonic()
                try:
                    self.sweep(progress)
                except StorageError as error:
                    metrics.store_error("check")
                    _log.warning("cannot check the store's parts, will try again", error=str(error))
                took_s = time.monotonic() - began_s
                pause_s = min(max(took_s * SWEEP_PAUSE, SWEEP_INTERVAL_S), SWEEP_INTERVAL_S_MAX)

    def sweep(self, progress: Progress) -> None:
        """Read every unread part that may hold records of the journal. Raises StorageError."""
        if not self._verification.has_begun:
            return
        with self._lock:
            resets, verified_to = self._resets, self.verified_to
        since_s = _since_s(progress)
        for _ in range(SWEEP_ROUNDS_MAX):
            with metrics.verifying("sweep"):
                unread = self._unread(self._store, since_s)
            if not unread:
                with self._lock:
                    if resets == self._resets:
                        self.sound_to = verified_to
                return
            for part in sorted(unread, key=lambda part: part.rows):
                if self._ended.wait(0) or not self._is_sound(part):
                    return

    def read_unread(self, store: Store) -> None:
        """Read at once, by any thread, what the next sweep would read. Raises StorageError where a part is not whole;
        the loader then repairs it as after a sweep."""
        with closing(self._journal.progress()) as progress, metrics.verifying("backup"):
            for part in self._unread(store, _since_s(progress)):
                if fault := self._verification.check(store, part):
                    self._verification.report(part, fault)
                    raise StorageError(f"store: {part.name} of {part.table} is not whole and is repaired now: {fault}")

    def _unread(self, store: Store, since_s: float) -> list[Part]:
        """The parts to read, of those that were written since then. Raises StorageError."""
        active = self._verification.list_active(store)
        self._verification.compare_sizes(active)
        return self._verification.unread(active, since_s)

    def _is_sound(self, part: Part) -> bool:
        """Read a part, then wait a while, so that other threads get their time."""
        began_s = time.monotonic()
        with metrics.verifying("sweep"):
            fault = self._verification.check(self._store, part)
        if fault:
            self._verification.report(part, fault)
        self._ended.wait((time.monotonic() - began_s) * (1 / SWEEP_SHARE - 1))
        return not fault


def _since_s(progress: Progress) -> float:
    """From when on parts may hold records of the journal."""
    return progress.kept_since_ms() / 1000 - CLOCKS_S
