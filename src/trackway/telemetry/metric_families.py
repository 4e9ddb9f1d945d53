"""The metrics that there are: name, help text and labels of each, in groups by what they count.

A metric is bound to memory or to the files of this process when it is made (`metric_files`), so all of them are made
again when counting in files begins.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SYNC_BUCKETS_S: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
LAG_SECONDS: Final = "trackway_loader_lag_seconds"
FORWARDED_UNHEEDED: Final = "trackway_forwarded_unheeded_timestamp_seconds"
"""Names of metrics that the server itself reads back."""


class _Maker:
    """Makes metrics of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        """A value of which the latest of all processes holds."""
        return Gauge(name, text, labels, multiprocess_mode="mostrecent", registry=self._registry)

    def seconds(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, text, buckets=buckets, registry=self._registry)


class _Requests:
    """What clients send, and what of it is refused."""

    def __init__(self, make: _Maker) -> None:
        self.answered = make.counter("trackway_requests", "Requests answered.", "endpoint", "status")
        self.records = make.counter(
            "trackway_records", "Records received, by outcome.", "endpoint", "outcome", "reason"
        )
        self.events_by_path = make.counter(
            "trackway_events_by_path",
            "Events accepted, by their path through the rules: fast or complete.",
            "endpoint",
            "path",
        )
        self.rate_limited = make.counter(
            "trackway_rate_limited_requests",
            "Requests refused with 429, by project and limit.",
            "project_id",
            "limit",
        )
        self.unknown_parameters = make.counter(
            "trackway_unknown_parameters",
            "Parameters of requests that the endpoint knows nothing of, which are ignored.",
            "endpoint",
            "parameter",
        )
        self.forwarded_unheeded = make.gauge(
            FORWARDED_UNHEEDED,
            "When a request last brought an X-Forwarded-For from an address outside of trusted_proxies.",
            "peer",
        )
        self.cut_off = make.counter(
            "trackway_connections_cut_off", "Connections closed before their request was over.", "why"
        )


class _Journal:
    """What is synced to the journal."""

    def __init__(self, make: _Maker) -> None:
        self.bytes = make.counter("trackway_journal_bytes", "Payload bytes synced to the journal.")
        self.records = make.counter("trackway_journal_sync_records", "Requests synced to the journal.")
        self.sync = make.seconds(
            "trackway_journal_sync_seconds", "Time of one write and sync of the journal.", SYNC_BUCKETS_S
        )


class _Loader:
    """What the loader puts into the store, and how far it is behind."""

    def __init__(self, make: _Maker) -> None:
        self.lag_bytes = make.gauge("trackway_loader_lag_bytes", "Journal bytes not yet in the store.", "partition")
        self.lag_seconds = make.gauge(
            LAG_SECONDS, "Age of the oldest journal record not yet in the store.", "partition"
        )
        self.facts_behind = make.gauge("trackway_facts_behind_events", "Events that the facts do not hold yet, about.")
        self.ageing_waits = make.gauge(
            "trackway_ageing_waits",
            "1 while data does not age as the settings say: the clock is in doubt, or a shorter default not confirmed.",
            "why",
        )
        self.records = make.counter("trackway_loaded_records", "Records loaded, by outcome.", "outcome")
        self.project_records = make.counter(
            "trackway_project_records",
            'The same by project; those of projects after the first fifty are of project "other".',
            "project_id",
            "outcome",
        )
        self.originals_dropped = make.counter(
            "trackway_originals_dropped",
            "Rejected records of which nothing but the reason is kept, since they were over the budget.",
        )
        self.unchanged = make.counter(
            "trackway_profile_properties_unchanged",
            "Properties that an accepted update did not change, because it did not fit the profile.",
            "reason",
        )


class _Store:
    """The store, its disk and its damage."""

    def __init__(self, make: _Maker) -> None:
        self.disk_free = make.gauge(
            "trackway_disk_free_bytes", "Free bytes of the disk with the least room above its low-water mark."
        )
        self.disk_free_min = make.gauge("trackway_disk_free_bytes_min", "Low-water mark of that disk in bytes.")
        self.size = make.gauge("trackway_store_bytes", "Size of the store on its disk in bytes.")
        self.held = make.gauge("trackway_ingestion_held", "1 while no data is accepted because a disk is nearly full.")
        self.damage = make.gauge(
            "trackway_damage",
            "Parts of the store's tables, and ranges of the journal, that were found damaged.",
            "place",
        )
        self.verified = make.counter(
            "trackway_verification_seconds",
            "Time spent on verifying that the store's parts are whole.",
            "thread",
        )
        self.priorities = make.gauge(
            "trackway_store_priorities",
            "1 where the embedded store's threads have priorities by kind of work, 0 where the server may not set any.",
        )
        self.errors = make.counter("trackway_store_errors", "Failed calls to the store.", "call")


class _Alerts:
    """What is watched, and which messages were sent."""

    def __init__(self, make: _Maker) -> None:
        self.firing = make.gauge("trackway_alerts_firing", "Alerts that are firing, of those that this server watches.")
        self.looks = make.counter(
            "trackway_alert_looks", "Looks at alerts: the condition holds, does not, or is unknown.", "found"
        )
        self.deliveries = make.counter(
            "trackway_alert_deliveries",
            "Tries to send a message of an alert: delivered, failed and to be repeated, or given up.",
            "channel",
            "outcome",
        )


class _Backups:
    """Backups that the schedule makes."""

    def __init__(self, make: _Maker) -> None:
        self.made_at = make.gauge("trackway_backup_timestamp_seconds", "When the last backup that succeeded ended.")
        self.age = make.gauge("trackway_backup_age_seconds", "How long ago the last backup that succeeded ended.")
        self.tries = make.counter("trackway_backups", "Backups that the schedule began: made or failed.", "outcome")


class _Exports:
    """Exports that the schedule makes."""

    def __init__(self, make: _Maker) -> None:
        self.age = make.gauge(
            "trackway_export_age_seconds", "How long ago the last export ended, of the project that waits the longest."
        )
        self.failing = make.gauge("trackway_exports_failing", "Projects whose last export by the schedule failed.")
        self.tries = make.counter("trackway_exports", "Exports of the schedule: made or failed.", "outcome")


class _Processes:
    """Processes that did not go on."""

    def __init__(self, make: _Maker) -> None:
        self.restarts = make.counter("trackway_process_restarts", "Processes that died and were started again.", "role")
        self.hangs = make.counter("trackway_process_hangs", "Processes that hung and were killed.", "role")


class Families:
    """All metrics, with a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        make = _Maker(self.registry)
        self.requests = _Requests(make)
        self.journal = _Journal(make)
        self.loader = _Loader(make)
        self.store = _Store(make)
        self.alerts = _Alerts(make)
        self.backups = _Backups(make)
        self.exports = _Exports(make)
        self.processes = _Processes(make)
