"""Metrics for Prometheus: one function for each event, and `render` for the page.

`metric_families` says which metrics there are, `metric_files` how the counts of all processes become one, and
`metric_labels` how many values a label has at most.

The order of imports does not matter: until `start` is called, counts are in memory. The supervisor calls `start` before
it forks, and each child calls `begin(role)` first.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import prometheus_client
from prometheus_client import CollectorRegistry

from trackway.telemetry import metric_files, metric_labels
from trackway.telemetry.metric_families import FORWARDED_UNHEEDED, LAG_SECONDS, Families

Outcome = Literal["accepted", "ignored", "rejected", "throttled"]

_families = Families()
_request_counts: dict[tuple[str, int], Callable[[float], None]] = {}
_record_counts: dict[tuple[str, str, str], Callable[[float], None]] = {}
_path_counts: dict[tuple[str, str], Callable[[float], None]] = {}


def start(directory: Path, role: str = "supervisor") -> None:
    """Count in files below `directory` (Settings.metrics_dir) from now on. It is created, and old counts are removed.

    The supervisor calls this once, before it forks and while it has one thread. role: the caller's own.
    """
    global _families  # noqa: PLW0603  # the one state of this module
    metric_files.use(directory, role)
    _families = Families()
    _forget_children()


def begin(role: str) -> None:
    """Name this process, after the fork and before it counts. No two living processes may have the same role."""
    metric_files.begin(role)


def request(endpoint: str, status: int, number: int = 1) -> None:
    """Answered requests. endpoint: the name of a route, never a path of the client."""
    count = _request_counts.get((endpoint, status))
    if count is None:
        count = _request_counts[endpoint, status] = _families.requests.answered.labels(endpoint, str(status)).inc
    count(number)


def records(endpoint: str, outcome: Outcome, count: int = 1, reason: str = "") -> None:
    """Records of a request with one outcome. reason: the sentence of a rejection; names in quotes are removed."""
    key = (endpoint, outcome, reason and metric_labels.of_reason(reason))
    add = _record_counts.get(key)
    if add is None:
        add = _record_counts[key] = _families.requests.records.labels(*key).inc
    add(count)


def events_by_path(endpoint: str, fast: int, accepted: int) -> None:
    """Accepted events of a request or of several; `fast` of them took the fast path, the others the complete rules."""
    for path, count in (("fast", fast), ("complete", accepted - fast)):
        if count:
            key = (endpoint, path)
            add = _path_counts.get(key)
            if add is None:
                add = _path_counts[key] = _families.requests.events_by_path.labels(*key).inc
            add(count)


def journal_synced(duration_s: float, records: int, size_bytes: int) -> None:
    """One write and sync of the journal, which made `records` requests durable (`GroupCommit`'s `on_sync`)."""
    _families.journal.sync.observe(duration_s)
    _families.journal.records.inc(records)
    _families.journal.bytes.inc(size_bytes)


def loader_lag(size_bytes: int, age_s: float, partition: int = 0) -> None:
    """How far the store is behind a partition of the journal; (0, 0.0) when it is not."""
    _families.loader.lag_bytes.labels(str(partition)).set(size_bytes)
    _families.loader.lag_seconds.labels(str(partition)).set(age_s)


def facts_behind(events: int) -> None:
    """How many events the facts do not hold yet."""
    _families.loader.facts_behind.set(events)


def ageing_waits(why: str, *, waits: bool) -> None:
    """Whether data does not age as the settings say, for this reason."""
    _families.loader.ageing_waits.labels(why).set(waits)


def disk(free_bytes: int, free_bytes_min: int, store_bytes: int, *, held: bool) -> None:
    """The state of the disk with the least room, and whether it stops ingestion."""
    store = _families.store
    store.disk_free.set(free_bytes)
    store.disk_free_min.set(free_bytes_min)
    store.size.set(store_bytes)
    store.held.set(held)


def loaded(project_id: int, outcome: Literal["stored", "duplicate", "ignored", "rejected"], count: int) -> None:
    """Records of a project whose load is durable in the store."""
    _families.loader.records.labels(outcome).inc(count)
    _families.loader.project_records.labels(metric_labels.of_project(project_id), outcome).inc(count)


def originals_dropped(count: int) -> None:
    """Rejected records whose bytes are not kept, because their request or project is over its budget."""
    _families.loader.originals_dropped.inc(count)


def properties_unchanged(reason: str, count: int) -> None:
    """Properties of profiles that an update did not change. reason: one of `loader.fold`."""
    _families.loader.unchanged.labels(reason).inc(count)


@contextmanager
def verifying(thread: Literal["loader", "beside", "sweep", "backup"]) -> Iterator[None]:
    """Count the time that a thread spends on verifying parts of the store. `beside`: while the loader inserts more.
    `backup`: for a snapshot."""
    began_s = time.monotonic()
    try:
        yield
    finally:
        _families.store.verified.labels(thread).inc(time.monotonic() - began_s)


def store_priorities(is_set: bool) -> None:
    """Whether the embedded store's threads have priorities."""
    _families.store.priorities.set(is_set)


def store_error(call: str) -> None:
    """A failed call to the store. call: its name in the code, such as `insert`."""
    _families.store.errors.labels(call).inc()


def damage(found: Mapping[str, int]) -> None:
    """All damage found so far. The places are tables, and `journal`."""
    for place, number in found.items():
        _families.store.damage.labels(place).set(number)


def rate_limited(project_id: int, limit: str) -> None:
    """A request that was refused because its project is over a limit. limit: the name of the setting."""
    _families.requests.rate_limited.labels(metric_labels.of_project(project_id), limit).inc()


def unknown_parameter(endpoint: str, name: str) -> None:
    """An unknown parameter that an endpoint ignored. name: as the client wrote it, or '' if it must not be shown. A
    bounded number of short plain names are labels."""
    _families.requests.unknown_parameters.labels(endpoint, metric_labels.of_parameter(endpoint, name)).inc()


def forwarded_unheeded(peer: Literal["private", "public"]) -> None:
    """A request with `X-Forwarded-For` came from an untrusted peer. peer: the kind of its network."""
    _families.requests.forwarded_unheeded.labels(peer).set(time.time())


def cut_off(why: Literal["slow", "room", "connections"], number: int = 1) -> None:
    """Closed connections: too slow, or to make room for another body or another connection."""
    _families.requests.cut_off.labels(why).inc(number)


def alerts_firing(count: int) -> None:
    """How many of the alerts that this server watches are firing."""
    _families.alerts.firing.set(count)


def alert_looked(found: Literal["holds", "does not hold", "unknown"]) -> None:
    """A look at an alert."""
    _families.alerts.looks.labels(found).inc()


def alert_delivery(channel: str, outcome: Literal["delivered", "repeated", "failed"]) -> None:
    """A try to send a message. repeated: it failed and is tried again."""
    _families.alerts.deliveries.labels(channel, outcome).inc()


def backups_scheduled() -> None:
    """There is a schedule of backups. They count from 0 on, or Prometheus would not see the first failure."""
    for outcome in ("made", "failed"):
        _families.backups.tries.labels(outcome)


def backup(outcome: Literal["made", "failed"]) -> None:
    """A backup of the schedule ended."""
    _families.backups.tries.labels(outcome).inc()


def backup_age(made_at_s: float, age_s: float) -> None:
    """When the last backup that succeeded ended, in seconds since the epoch, and how long ago that is."""
    _families.backups.made_at.set(made_at_s)
    _families.backups.age.set(age_s)


def exports_scheduled() -> None:
    """The same of a schedule of exports."""
    for outcome in ("made", "failed"):
        _families.exports.tries.labels(outcome)


def export(outcome: Literal["made", "failed"]) -> None:
    """An export of the schedule ended."""
    _families.exports.tries.labels(outcome).inc()


def exports_shown(age_s: float, failing: int) -> None:
    """How long ago the last export ended of the project that waits the longest, and of how many the last one failed."""
    _families.exports.age.set(age_s)
    _families.exports.failing.set(failing)


def process_known(role: str) -> None:
    """There is a process of this role. Its restarts and hangs count from 0 on, or Prometheus would see no increase."""
    _families.processes.restarts.labels(role)
    _families.processes.hangs.labels(role)


def process_restart(role: str) -> None:
    """A process of this role died and was restarted."""
    _families.processes.restarts.labels(role).inc()


def process_hang(role: str) -> None:
    """A process of this role hung and was killed."""
    _families.processes.hangs.labels(role).inc()


def render() -> tuple[bytes, str]:
    """The page of all processes, including dead ones, and its content type. Reads some small files."""
    return prometheus_client.generate_latest(_all()), prometheus_client.CONTENT_TYPE_LATEST


def lag_s() -> float:
    """The age of the oldest journal record that is not in the store, in seconds, as the loader last reported it. Reads
    the files as `render` does."""
    for family in _all().collect():
        if family.name == LAG_SECONDS:
            return max((sample.value for sample in family.samples), default=0.0)
    return 0.0


def forwarded_unheeded_s(peer: Literal["private", "public"]) -> float:
    """When `forwarded_unheeded` last counted such a peer, in seconds since the epoch; 0 if not since the start."""
    for family in _all().collect():
        if family.name == FORWARDED_UNHEEDED:
            return max((each.value for each in family.samples if each.labels["peer"] == peer), default=0.0)
    return 0.0


def _all() -> CollectorRegistry:
    """The metrics of all processes."""
    in_files = metric_files.sums()
    return _families.registry if in_files is None else in_files


def _forget_children() -> None:
    _request_counts.clear()
    _record_counts.clear()
    _path_counts.clear()
    metric_labels.forget()
