"""Metrics for Prometheus: one function for each event, and `render` for the page.

Every process counts in its own files below `<data-dir>/run/metrics`, shared memory that survives a kill -9; `render`
adds up the files of all processes. A file belongs to a role ("edge-0"), not to a process id, so a restarted process
continues to count where the dead one stopped, and the number of files is fixed.

The order of imports does not matter: until `start` is called, counts are in memory. The supervisor calls `start` before
it forks, and each child calls `begin(role)` first.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector

from trackway.telemetry.limits import (
    METRIC_PARAMETERS_MAX,
    METRIC_REASONS_MAX,
    METRICS_FILE_BYTES,
    RATE_PROJECTS_TOLD_MAX,
)

Outcome = Literal["accepted", "ignored", "rejected", "throttled"]

SYNC_BUCKETS_S: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_FILE_KINDS: Final = ("counter", "gauge_mostrecent", "histogram")
_PARAMETER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,39}")
_QUOTED: Final = re.compile(r"'[^']*'")


_DISK: Final = {
    "disk_free_bytes": "Free bytes of the disk with the least room above its low-water mark.",
    "disk_free_bytes_min": "Low-water mark of that disk in bytes.",
    "store_bytes": "Size of the store on its disk in bytes.",
    "ingestion_held": "1 while no data is accepted because a disk is nearly full.",
}


class _Families:
    """The metrics, created again by `start`: a metric is bound to memory or to files at its creation."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter("trackway_requests", "Requests answered.", ["endpoint", "status"], registry=registry)
        self.records = Counter(
            "trackway_records",
            "Records received, by outcome.",
            ["endpoint", "outcome", "reason"],
            registry=registry,
        )
        self.events_by_path = Counter(
            "trackway_events_by_path",
            "Events accepted, by their path through the rules: fast or complete.",
            ["endpoint", "path"],
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
        self.facts_behind = Gauge(
            "trackway_facts_behind_events",
            "Events that the facts do not hold yet, about.",
            multiprocess_mode="mostrecent",
            registry=registry,
        )
        self.disk = {
            name: Gauge(f"trackway_{name}", text, multiprocess_mode="mostrecent", registry=registry)
            for name, text in _DISK.items()
        }
        self.loaded = Counter("trackway_loaded_records", "Records loaded, by outcome.", ["outcome"], registry=registry)
        self.originals_dropped = Counter(
            "trackway_originals_dropped",
            "Rejected records of which nothing but the reason is kept, since they were over the budget.",
            registry=registry,
        )
        self.unchanged = Counter(
            "trackway_profile_properties_unchanged",
            "Properties that an accepted update did not change, because it did not fit the profile.",
            ["reason"],
            registry=registry,
        )
        self.damage = Gauge(
            "trackway_damage",
            "Parts of the store's tables, and ranges of the journal, that were found damaged.",
            ["place"],
            multiprocess_mode="mostrecent",
            registry=registry,
        )
        self.verified = Counter(
            "trackway_verification_seconds",
            "Time spent on verifying that the store's parts are whole.",
            ["thread"],
            registry=registry,
        )
        self.store_errors = Counter("trackway_store_errors", "Failed calls to the store.", ["call"], registry=registry)
        self.rate_limited = Counter(
            "trackway_rate_limited_requests",
            "Requests refused with 429, by project and limit.",
            ["project_id", "limit"],
            registry=registry,
        )
        self.unknown_parameters = Counter(
            "trackway_unknown_parameters",
            "Parameters of requests that the endpoint knows nothing of, which are ignored.",
            ["endpoint", "parameter"],
            registry=registry,
        )
        self.forwarded_unheeded = Gauge(
            "trackway_forwarded_unheeded_timestamp_seconds",
            "When a request last brought an X-Forwarded-For from an address outside of trusted_proxies.",
            ["peer"],
            multiprocess_mode="mostrecent",
            registry=registry,
        )
        self.restarts = Counter(
            "trackway_process_restarts", "Processes that died and were started again.", ["role"], registry=registry
        )
        self.cut_off = Counter(
            "trackway_connections_cut_off",
            "Connections closed before their request was over.",
            ["why"],
            registry=registry,
        )
        self.hangs = Counter(
            "trackway_process_hangs", "Processes that hung and were killed.", ["role"], registry=registry
        )


class _Files(MultiProcessCollector):
    """Skips an empty file, whose process has just opened it, or was killed meanwhile."""

    def collect(self) -> Iterable[Metric]:
        files = [str(path) for path in Path(self._path).glob("*.db") if path.stat().st_size]
        merged: Iterable[Metric] = self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]
        return merged


_directory: Path | None = None
_role = f"pid{os.getpid()}"
_families = _Families()
_request_counts: dict[tuple[str, int], Callable[[float], None]] = {}
_record_counts: dict[tuple[str, str, str], Callable[[float], None]] = {}
_path_counts: dict[tuple[str, str], Callable[[float], None]] = {}
_told_projects: set[int] = set()
_told_parameters: set[tuple[str, str]] = set()
_reasons: set[str] = set()


def start(directory: Path, role: str = "supervisor") -> None:
    """Count in files below `directory` (Settings.metrics_dir) from now on. It is created, and old counts are removed.

    The supervisor calls this once, before it forks and while it has one thread. role: the caller's own.
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
    """Name this process, after the fork and before it counts. No two living processes may have the same role."""
    global _role  # noqa: PLW0603
    assert re.fullmatch(r"[a-z0-9-]+", role), f"{role!r} becomes part of a file name"
    _role = role
    if _directory is not None:
        for kind in _FILE_KINDS:
            _allocate(_directory / f"{kind}_{role}.db")


def _allocate(path: Path) -> None:
    """Allocate the blocks of a file before it is mapped: on a full disk, a count into a hole would be a SIGBUS."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(file).st_size == 0:
            os.posix_fallocate(file, 0, METRICS_FILE_BYTES)
    finally:
        os.close(file)


def request(endpoint: str, status: int, number: int = 1) -> None:
    """Answered requests. endpoint: the name of a route, never a path of the client."""
    count = _request_counts.get((endpoint, status))
    if count is None:
        count = _request_counts[endpoint, status] = _families.requests.labels(endpoint, str(status)).inc
    count(number)


def records(endpoint: str, outcome: Outcome, count: int = 1, reason: str = "") -> None:
    """Records of a request with one outcome. reason: the sentence of a rejection; names in quotes are removed."""
    key = (endpoint, outcome, reason and _label(reason))
    add = _record_counts.get(key)
    if add is None:
        add = _record_counts[key] = _families.records.labels(*key).inc
    add(count)


def events_by_path(endpoint: str, fast: int, accepted: int) -> None:
    """Accepted events of a request or of several; `fast` of them took the fast path, the others the complete rules."""
    for path, count in (("fast", fast), ("complete", accepted - fast)):
        if count:
            key = (endpoint, path)
            add = _path_counts.get(key)
            if add is None:
                add = _path_counts[key] = _families.events_by_path.labels(*key).inc
            add(count)


def journal_synced(duration_s: float, records: int, size_bytes: int) -> None:
    """One write and sync of the journal, which made `records` requests durable (`GroupCommit`'s `on_sync`)."""
    _families.journal_sync.observe(duration_s)
    _families.journal_records.inc(records)
    _families.journal_bytes.inc(size_bytes)


def loader_lag(size_bytes: int, age_s: float) -> None:
    """How far the store is behind the journal; (0, 0.0) when it is not."""
    _families.lag_bytes.set(size_bytes)
    _families.lag_seconds.set(age_s)


def facts_behind(events: int) -> None:
    """How many events the facts do not hold yet."""
    _families.facts_behind.set(events)


def disk(free_bytes: int, free_bytes_min: int, store_bytes: int, *, held: bool) -> None:
    """The state of the disk with the least room, and whether it stops ingestion."""
    for gauge, value in zip(_families.disk.values(), (free_bytes, free_bytes_min, store_bytes, held), strict=True):
        gauge.set(value)


def loaded(outcome: Literal["stored", "duplicate", "ignored", "rejected"], count: int) -> None:
    """Records whose load is durable in the store."""
    _families.loaded.labels(outcome).inc(count)


def originals_dropped(count: int) -> None:
    """Rejected records whose bytes are not kept, because their request or project is over its budget."""
    _families.originals_dropped.inc(count)


def properties_unchanged(reason: str, count: int) -> None:
    """Properties of profiles that an update did not change. reason: one of `loader.fold`."""
    _families.unchanged.labels(reason).inc(count)


@contextmanager
def verifying(thread: Literal["loader", "sweep"]) -> Iterator[None]:
    """Count the time that a thread spends on verifying parts of the store."""
    began_s = time.monotonic()
    try:
        yield
    finally:
        _families.verified.labels(thread).inc(time.monotonic() - began_s)


def store_error(call: str) -> None:
    """A failed call to the store. call: its name in the code, such as `insert`."""
    _families.store_errors.labels(call).inc()


def damage(found: Mapping[str, int]) -> None:
    """All damage found so far. The places are tables, and `journal`."""
    for place, number in found.items():
        _families.damage.labels(place).set(number)


def rate_limited(project_id: int, limit: str) -> None:
    """A request that was refused because its project is over a limit. limit: the name of the setting."""
    if len(_told_projects) < RATE_PROJECTS_TOLD_MAX:
        _told_projects.add(project_id)
    label = str(project_id) if project_id in _told_projects else "other"
    _families.rate_limited.labels(label, limit).inc()


def unknown_parameter(endpoint: str, name: str) -> None:
    """An unknown parameter that an endpoint ignored. name: as the client wrote it, or '' if it must not be shown. A
    bounded number of short plain names are labels."""
    pair = (endpoint, name)
    if pair not in _told_parameters and _PARAMETER.fullmatch(name) and len(_told_parameters) < METRIC_PARAMETERS_MAX:
        _told_parameters.add(pair)
    _families.unknown_parameters.labels(endpoint, name if pair in _told_parameters else "other").inc()


def forwarded_unheeded(peer: Literal["private", "public"]) -> None:
    """A request with `X-Forwarded-For` came from an untrusted peer. peer: the kind of its network."""
    _families.forwarded_unheeded.labels(peer).set(time.time())


def cut_off(why: Literal["slow", "room", "connections"], number: int = 1) -> None:
    """Closed connections: too slow, or to make room for another body or another connection."""
    _families.cut_off.labels(why).inc(number)


def process_restart(role: str) -> None:
    """A process of this role died and was restarted."""
    _families.restarts.labels(role).inc()


def process_hang(role: str) -> None:
    """A process of this role hung and was killed."""
    _families.hangs.labels(role).inc()


def render() -> tuple[bytes, str]:
    """The page of all processes, including dead ones, and its content type. Reads some small files."""
    return prometheus_client.generate_latest(_all()), prometheus_client.CONTENT_TYPE_LATEST


def lag_s() -> float:
    """The age of the oldest journal record that is not in the store, in seconds, as the loader last reported it. Reads
    the files as `render` does."""
    for family in _all().collect():
        if family.name == "trackway_loader_lag_seconds":
            return max((sample.value for sample in family.samples), default=0.0)
    return 0.0


def forwarded_unheeded_s(peer: Literal["private", "public"]) -> float:
    """When `forwarded_unheeded` last counted such a peer, in seconds since the epoch; 0 if not since the start."""
    for family in _all().collect():
        if family.name == "trackway_forwarded_unheeded_timestamp_seconds":
            return max((each.value for each in family.samples if each.labels["peer"] == peer), default=0.0)
    return 0.0


def _all() -> CollectorRegistry:
    """The metrics of all processes."""
    if _directory is None:
        return _families.registry
    registry = CollectorRegistry()
    _Files(registry, str(_directory))  # type: ignore[no-untyped-call]
    return registry


def _identity() -> str:
    """Part of the name of this process's files; called for every count, so it must be cheap."""
    return _role


def _forget_role() -> None:
    """A forked child must never count in its parent's file: until its own `begin` it uses its process id."""
    global _role  # noqa: PLW0603
    _role = f"pid{os.getpid()}"


os.register_at_fork(after_in_child=_forget_role)


@lru_cache(maxsize=1024)
def _label(reason: str) -> str:
    """`'properties.time' is invalid: must not be missing` → `is invalid: must not be missing`, in bounded number."""
    label = _QUOTED.sub("", reason).strip()[:100]
    if label not in _reasons and len(_reasons) >= METRIC_REASONS_MAX:
        return "other"
    _reasons.add(label)
    return label


def _forget_children() -> None:
    _request_counts.clear()
    _record_counts.clear()
    _path_counts.clear()
    _told_projects.clear()
    _told_parameters.clear()
    _reasons.clear()
    _label.cache_clear()
