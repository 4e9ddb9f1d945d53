"""What `trackway status` says of a running server, from its own answers: numbers, and what an operator should do.

Pure. The texts name what to do and the page that has more of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from trackway.commands.limits import (
    STATUS_BACKUP_S_MAX,
    STATUS_LAG_S_MAX,
    STATUS_PROXY_S_MAX,
    STATUS_REASONS_MAX,
    STATUS_REJECTED_ONE_IN,
)
from trackway.commands.metrics_sample import MetricsSample, Rate
from trackway.telemetry.metric_families import FORWARDED_UNHEEDED, LAG_SECONDS

BACKUP: Final = "trackway_backup_timestamp_seconds"
_RECORDS: Final = "trackway_records_total"
_OUTCOMES: Final = ("accepted", "ignored", "rejected", "throttled")


class Asked(NamedTuple):
    """What a server answered. `state`: run/server.json. `health`, `ready`: the JSON of `/healthz` and `/readyz`, with
    whether they were a 200. `journal`: its progress, None where it cannot be read. `now_s`: since the epoch.
    `holds`: why data does not age as the settings say."""

    state: Mapping[str, Any]
    health: tuple[bool, Mapping[str, Any]]
    ready: tuple[bool, Mapping[str, Any]]
    rate: Rate
    journal: Mapping[str, Any] | None
    now_s: float
    holds: Sequence[str] = ()


def report(asked: Asked) -> dict[str, Any]:
    """The JSON form, which programs rely on."""
    metrics, rate, state = asked.rate.after, asked.rate, asked.state
    records = {outcome: int(metrics.total(_RECORDS, outcome=outcome)) for outcome in _OUTCOMES}
    reasons = metrics.by(_RECORDS, "reason", outcome="rejected")
    syncs = rate.of("trackway_journal_sync_seconds_count")
    started_s = state.get("started_s")
    found: dict[str, Any] = {
        "accepting": asked.health[0],
        "ready": asked.ready[0],
        "version": state.get("version"),
        "uptime_s": None if started_s is None else max(int(asked.now_s - started_s), 0),
        "url": state["url"],
        "region": state.get("region"),
        "pid": state["pid"],
        "processes": state["processes"],
        "restarts": int(metrics.total("trackway_process_restarts_total")),
        "hangs": int(metrics.total("trackway_process_hangs_total")),
        "lag": {
            "bytes": int(metrics.total("trackway_loader_lag_bytes")),
            "seconds": round(metrics.total(LAG_SECONDS), 1),
            "facts_behind": int(metrics.total("trackway_facts_behind_events")),
        },
        "rates": {
            "seconds": round(rate.seconds, 2),
            "requests_per_s": round(rate.of("trackway_requests_total"), 1),
            "records_per_s": round(rate.of(_RECORDS), 1),
            "loaded_per_s": round(rate.of("trackway_loaded_records_total"), 1),
            "sync_ms": round(rate.of("trackway_journal_sync_seconds_sum") / syncs * 1000, 2) if syncs else None,
        },
        "records": records,
        "rejected": [
            {"reason": reason, "count": int(count)} for reason, count in list(reasons.items())[:STATUS_REASONS_MAX]
        ],
        "disk": {
            "free_bytes": int(metrics.total("trackway_disk_free_bytes")),
            "free_bytes_min": int(metrics.total("trackway_disk_free_bytes_min")),
            "store_bytes": int(metrics.total("trackway_store_bytes")),
            "journal_bytes": None if asked.journal is None else int(asked.journal["size_bytes"]),
            "held": metrics.total("trackway_ingestion_held") > 0,
        },
        "damage": {place: int(count) for place, count in metrics.by("trackway_damage", "place").items() if count},
        "backup": _backup(metrics.newest(BACKUP), asked.now_s),
        "exports": _exports(metrics) if "export" in state["processes"] else None,
    }
    return found | {"advice": list(_advice(asked, found))}


def _backup(success_s: float | None, now_s: float) -> dict[str, Any] | None:
    """None where the server makes no backups, or none has succeeded yet."""
    return {"age_s": max(int(now_s - success_s), 0)} if success_s else None


def _exports(metrics: MetricsSample) -> dict[str, Any]:
    """The exports of the schedule: the age of the oldest, and how many projects fail."""
    return {
        "age_s": int(metrics.total("trackway_export_age_seconds")),
        "failing": int(metrics.total("trackway_exports_failing")),
    }


def _advice(asked: Asked, found: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for each thing to do, the most urgent first."""
    metrics = asked.rate.after
    disk, lag = found["disk"], found["lag"]
    if disk["held"]:
        yield "No data is accepted: the disk is nearly full. Make room (docs/operations/disk-space.md)."
    elif not found["accepting"]:
        yield f"No data is accepted: {asked.health[1].get('error', 'unknown reason')}. The log has the details."
    if asked.ready[0] is False:
        yield f"New events cannot be queried yet: {_unready(asked.ready[1])}. They are safe in the journal."
    if lag["seconds"] > STATUS_LAG_S_MAX:
        yield f"The store is {lag['seconds']:.0f} s behind: it is too slow or away. Look at the log of the loader."
    if found["damage"]:
        yield f"Damage was found in {', '.join(found['damage'])}: check the disk, see docs/operations/monitoring.md."
    if found["hangs"] or found["restarts"]:
        number = found["restarts"] + found["hangs"]
        yield f"Processes died or hung {number} times since the start: the log says why."
    if errors := int(metrics.total("trackway_store_errors_total")):
        yield f"{errors} calls to the store have failed since the start: the log says why."
    total = sum(found["records"].values())
    if total and found["records"]["rejected"] * STATUS_REJECTED_ONE_IN > total:
        yield "More than one in ten records is rejected: the page Rejected shows each with its reason."
    unheeded_s = metrics.newest(FORWARDED_UNHEEDED)
    if unheeded_s and asked.now_s - unheeded_s < STATUS_PROXY_S_MAX:
        yield "A proxy is missing in trusted_proxies: all its clients count as one (docs/operations/proxy.md)."
    if metrics.newest("trackway_store_priorities") == 0:
        yield "The server may set no priorities: give it CAP_SYS_NICE (docs/operations/run.md)."
    if metrics.total("trackway_alert_deliveries_total", outcome="failed"):
        yield "Messages of alerts could not be delivered: the logs of the alerts say why."
    yield from _advice_about_copies(found)
    yield from (f"{each[:1].upper()}{each[1:]} (docs/operations/retention.md)." for each in asked.holds)


def _advice_about_copies(found: Mapping[str, Any]) -> Iterator[str]:
    if found["backup"] and found["backup"]["age_s"] > STATUS_BACKUP_S_MAX:
        yield "The last backup is more than two days old: see docs/operations/backup.md."
    if found["exports"] and (failing := found["exports"]["failing"]):
        yield f"The last exports of {failing} projects failed: the log says why, see docs/warehouse.md."


def _unready(answer: Mapping[str, Any]) -> str:
    loader, store = answer.get("loader", {}), answer.get("store", {})
    if store.get("error"):
        return str(store["error"])
    if not loader.get("up", True):
        return "the loader does not run"
    return "the loader cannot load" if not loader.get("loading", True) else "the store is being opened"
