"""Files in which each process keeps its counts, and the sum over the files of all processes.

Every process counts in its own files below `<data-dir>/run/metrics`, shared memory that survives a kill -9. A file
belongs to a role ("edge-0"), not to a process id, so a restarted process continues to count where the dead one stopped,
and the number of files is fixed.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector

from trackway.telemetry.limits import METRICS_FILE_BYTES

_FILE_KINDS: Final = ("counter", "gauge_mostrecent", "histogram")

_directory: Path | None = None
_role = f"pid{os.getpid()}"


class _Files(MultiProcessCollector):
    """Skips an empty file, whose process has just opened it, or was killed meanwhile."""

    def collect(self) -> Iterable[Metric]:
        files = [str(path) for path in Path(self._path).glob("*.db") if path.stat().st_size]
        merged: Iterable[Metric] = self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]
        return merged


def use(directory: Path, role: str) -> None:
    """Keep the counts of metrics that are made from now on in files below `directory`. It is created, and old counts
    are removed. role: the caller's own."""
    global _directory  # noqa: PLW0603  # the directory of the whole process tree
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.db"):
        old.unlink()
    _directory = directory
    begin(role)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    values.ValueClass = values.MultiProcessValue(_identity)  # type: ignore[no-untyped-call]


def begin(role: str) -> None:
    """Name this process, after the fork and before it counts. No two living processes may have the same role."""
    global _role  # noqa: PLW0603
    assert re.fullmatch(r"[a-z0-9-]+", role), f"{role!r} becomes part of a file name"
    _role = role
    if _directory is not None:
        for kind in _FILE_KINDS:
            _allocate(_directory / f"{kind}_{role}.db")


def sums() -> CollectorRegistry | None:
    """The counts of all processes, including dead ones; None if counts are in memory. Reads some small files."""
    if _directory is None:
        return None
    registry = CollectorRegistry()
    _Files(registry, str(_directory))  # type: ignore[no-untyped-call]
    return registry


def _allocate(path: Path) -> None:
    """Allocate the blocks of a file before it is mapped: on a full disk, a count into a hole would be a SIGBUS."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(file).st_size == 0:
            os.posix_fallocate(file, 0, METRICS_FILE_BYTES)
    finally:
        os.close(file)


def _identity() -> str:
    """Part of the name of this process's files; called for every count, so it must be cheap."""
    return _role


def _forget_role() -> None:
    """A forked child must never count in its parent's file: until its own `begin` it uses its process id."""
    global _role  # noqa: PLW0603
    _role = f"pid{os.getpid()}"


os.register_at_fork(after_in_child=_forget_role)
