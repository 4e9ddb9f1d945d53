"""What the server counts, for Prometheus: one function for each thing that happens, and `render` for the page.

Every process adds to files of its own below `<data-dir>/run/metrics`, shared memory that outlives a kill -9; `render`
adds the files of all processes up. A file belongs to a role ("edge-0"), not to a process id, so that a process started
anew goes on counting where the dead one stopped and the number of files stays fixed.

Nothing depends on the order of imports: until `start` is called counts are kept in memory. The supervisor calls
`start` before it forks, and each child calls `begin(role)` first thing.
"""

import os
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector

from trackway.limits import RATE_PROJECTS_TOLD_MAX

Outcome = Literal["accepted", "ignored", "rejected", "throttled"]

REASONS_MAX: Final = 64
"""Different reasons a process tells apart; further ones count as "other", so that clients cannot make series."""
SYNC_BUCKETS_S: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_FILE_KINDS: Final = ("counter", "gauge_mostrecent", "histogram")
_FILE_BYTES: Final = 1 << 17
"""Room for some eight hundred series a process; the labels are bounded well below."""
_QUOTED: Final = re.compile(r"'[^']*'")


class _Families:
    """The metrics, made anew by `start`: a metric is bound to memory or to files when it is made."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter("trackway_requests", "Requests answered.", ["endpoint", "status"], registry=registry)
        self.records = Counter(
            "trackway_records",
            "Records received, by what became of them.",
            ["endpoint", "outcome", "reason"],
            registry=registry,
        )
        self.journal_bytes = Counter(
            "trackway_journal_bytes", "Payload bytes synced to the journal.", registry=registry
        )
        self.journal_records = Counter(
            "trackway_journal_sync_records", "Requests synced to the journal.", registry=registry
        )
        self.journal_sync = Histogram(
            "trackway_journal_sync_seconds",
            "Time of one write and sync of the journal.",
            buckets=SYNC_BUCKETS_S,
            registry=registry,
        )
        self.lag_bytes = Gauge(
            "trackway_loader_lag_bytes",
            "Journal bytes not yet in the store.",
            multiprocess_mode="mostrecent",
            registry=registry,
        )
        self.lag_seconds = Gauge(
            "trackway_loader_lag_seconds",
            "Age of the oldest journal record not yet in the store.",
            multiprocess_mode="mostrecent",
            registry=registry,
        )
        self.loaded = Counter(
            "trackway_loaded_records", "Records loaded, by what became of them.", ["outcome"], registry=registry
        )
        self.left_alone = Counter(
            "trackway_profile_properties_left_alone",
            "Properties an accepted update did not change, because it did not fit the profile.",
            ["reason"],
            registry=registry,
        )
        self.store_errors = Counter("trackway_store_errors", "Failed calls to the store.", ["call"], registry=registry)
        self.rate_limited = Counter(
            "trackway_rate_limited_requests",
            "Requests refused with 429, by project and limit.",
            ["project_id", "limit"],
            registry=registry,
        )
        self.restarts = Counter(
            "trackway_process_restarts", "Processes that died and were started again.", ["role"], registry=registry
        )


class _Files(MultiProcessCollector):
    """Passes over a file that a process has only just opened, or was killed while it did: it holds nothing yet."""

    def collect(self) -> Iterable[Metric]:
        files = [str(path) for path in Path(self._path).glob("*.db") if path.stat().st_size]
        merged: Iterable[Metric] = self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]
        return merged


_directory: Path | None = None
_role = f"pid{os.getpid()}"
_families = _Families()
_request_counts: dict[tuple[str, int], Callable[[float], None]] = {}
_record_counts: dict[tuple[str, str, str], Callable[[float], None]] = {}
_told_projects: set[int] = set()
_reasons: set[str] = set()


def start(directory: Path, role: str = "supervisor") -> None:
    """Counts in files below `directory` (Settings.metrics_dir) from now on, which is made, and emptied of old counts.

    Called once, by the supervisor, before it forks and while it has one thread. role: the caller's own.
    """
    global _directory, _families  # noqa: PLW0603  # the one state of this module
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.db"):
        old.unlink()
    _directory = directory
    begin(role)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    values.ValueClass = values.MultiProcessValue(_identity)  # type: ignore[no-untyped-call]
    _families = _Families()
    _forget_children()


def begin(role: str) -> None:
    """Names this process, after the fork and before it counts. No two living processes may have the same role."""
    global _role  # noqa: PLW0603
    assert re.fullmatch(r"[a-z0-9-]+", role), f"{role!r} becomes part of a file name"
    _role = role
    if _directory is not None:
        for kind in _FILE_KINDS:
            _allocate(_directory / f"{kind}_{role}.db")


def _allocate(path: Path) -> None:
    """Give a file its blocks before it is mapped: a count into a hole would be a SIGBUS when the disk is full."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(file).st_size == 0:
            os.posix_fallocate(file, 0, _FILE_BYTES)
    finally:
        os.close(file)


def request(endpoint: str, status: int, number: int = 1) -> None:
    """Requests answered. endpoint: the name of a route, never a path as the client wrote it."""
    count = _request_counts.get((endpoint, status))
    if count is None:
        count = _request_counts[endpoint, status] = _families.requests.labels(endpoint, str(status)).inc
    count(number)


def records(endpoint: str, outcome: Outcome, count: int = 1, reason: str = "") -> None:
    """Records of a request with one outcome. reason: the sentence of a rejection; names in quotes are left out."""
    key = (endpoint, outcome, reason and _label(reason))
    add = _record_counts.get(key)
    if add is None:
        add = _record_counts[key] = _families.records.labels(*key).inc
    add(count)


def journal_synced(duration_s: float, records: int, size_bytes: int) -> None:
    """One write and sync of the journal that made so many requests durable (`GroupCommit`'s `on_sync`)."""
    _families.journal_sync.observe(duration_s)
    _families.journal_records.inc(records)
    _families.journal_bytes.inc(size_bytes)


def loader_lag(size_bytes: int, age_s: float) -> None:
    """How far the store is behind the journal; (0, 0.0) when it is not."""
    _families.lag_bytes.set(size_bytes)
    _families.lag_seconds.set(age_s)


def loaded(outcome: Literal["stored", "duplicate", "ignored", "rejected"], count: int) -> None:
    """Records whose load is durable in the store."""
    _families.loaded.labels(outcome).inc(count)


def left_alone(reason: str, count: int) -> None:
    """Properties of profiles that updates left as they were. reason: one of `loader.apply`."""
    _families.left_alone.labels(reason).inc(count)


def store_error(call: str) -> None:
    """A call to the store that failed. call: its name in the code, such as `insert`."""
    _families.store_errors.labels(call).inc()


def rate_limited(project_id: int, limit: str) -> None:
    """A request refused because its project is over a limit. limit: the name of the setting."""
    if len(_told_projects) < RATE_PROJECTS_TOLD_MAX:
        _told_projects.add(project_id)
    label = str(project_id) if project_id in _told_projects else "other"
    _families.rate_limited.labels(label, limit).inc()


def process_restart(role: str) -> None:
    """A process of this role died and was started again."""
    _families.restarts.labels(role).inc()


def render() -> tuple[bytes, str]:
    """The page of all processes, dead ones included, and its content type. Reads some small files."""
    return prometheus_client.generate_latest(_all()), prometheus_client.CONTENT_TYPE_LATEST


def lag_s() -> float:
    """The age of the oldest journal record not yet in the store, in seconds, as the loader told it last. Reads as
    `render`."""
    for family in _all().collect():
        if family.name == "trackway_loader_lag_seconds":
            return max((sample.value for sample in family.samples), default=0.0)
    return 0.0


def _all() -> CollectorRegistry:
    """The metrics of all processes."""
    if _directory is None:
        return _families.registry
    registry = CollectorRegistry()
    _Files(registry, str(_directory))  # type: ignore[no-untyped-call]
    return registry


def _identity() -> str:
    """Part of the name of this process's files; asked with every count, so it does no work."""
    return _role


def _forget_role() -> None:
    """A forked child must never count in its parent's file: until its own `begin` it goes by its process id."""
    global _role  # noqa: PLW0603
    _role = f"pid{os.getpid()}"


os.register_at_fork(after_in_child=_forget_role)


@lru_cache(maxsize=1024)
def _label(reason: str) -> str:
    """`'properties.time' is invalid: must not be missing` → `is invalid: must not be missing`, in bounded number."""
    label = _QUOTED.sub("", reason).strip()[:100]
    if label not in _reasons and len(_reasons) >= REASONS_MAX:
        return "other"
    _reasons.add(label)
    return label


def _forget_children() -> None:
    _request_counts.clear()
    _record_counts.clear()
    _told_projects.clear()
    _reasons.clear()
    _label.cache_clear()
