"""`trackway status`: one screen about the server that runs on a data directory, from what it answers itself."""

import json
import time
from typing import Any, Final

import click

from trackway.commands.amounts import bytes_text, number_text, time_text
from trackway.commands.limits import STATUS_ANSWER_S_MAX, STATUS_RATE_S
from trackway.commands.options import JSON, load_flags, print_table, printable, settings_options
from trackway.commands.running_server import Answered, ask_openly, status_of
from trackway.domain.errors import ConfigError, StateError
from trackway.runtime.ageing_holds import holds
from trackway.settings.table import Settings

_EXIT_UNWELL: Final = 1
_OK: Final = 200


@click.command("status")
@click.option("--health", "only_health", is_flag=True, help="Ask only whether data is accepted, as a probe does.")
@settings_options("data_dir", "journal_url")
@JSON
def status(only_health: bool, as_json: bool, **flags: Any) -> int:
    """Show how the running server is.

    Version, processes, lag, rates within a second, records since the start, disk, damage, backup, and what to do. Ends
    with exit code 1 when no server runs, or it accepts no data, or new data cannot be queried.
    """
    settings = load_flags(flags)
    state = _state(settings)
    if only_health:
        return _health(state, as_json)
    found = _report(settings, state)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _print(found)
    return 0 if found["accepting"] and found["ready"] else _EXIT_UNWELL


def _state(settings: Settings) -> dict[str, Any]:
    """Raises StateError where no server runs, ConfigError where none ever did."""
    state = status_of(settings)
    if state is not None:
        return state
    if not any((settings.data_dir / name).exists() for name in ("journal", "run", "projects.db")):
        raise ConfigError(
            f"no trackway data in {settings.data_dir}: start the server on it first, or name the server's directory "
            "with --data-dir"
        )
    raise StateError(f"no server runs on {settings.data_dir}: start it with trackway serve")


def _health(state: dict[str, Any], as_json: bool) -> int:
    answered = ask_openly(state["url"], "/healthz", STATUS_ANSWER_S_MAX, is_ours=True)
    is_well, body = _parsed(answered)
    click.echo(json.dumps(body) if as_json else body.get("error") or body.get("status", "unknown"))
    return 0 if is_well else _EXIT_UNWELL


def _report(settings: Settings, state: dict[str, Any]) -> dict[str, Any]:
    # Logging and the parser of metrics take a moment to import, which a probe need not wait for.
    from trackway.commands.journal import progress_of  # noqa: PLC0415
    from trackway.commands.metrics_sample import MetricsSample, Rate  # noqa: PLC0415
    from trackway.commands.status_report import Asked, report  # noqa: PLC0415

    ops_url = state.get("ops_url", state["url"])

    def asked(path: str) -> Answered:
        return ask_openly(state["url"] if path == "/healthz" else ops_url, path, STATUS_ANSWER_S_MAX, is_ours=True)

    def sample() -> tuple[MetricsSample, float]:
        answered = asked("/metrics")
        if answered.status != _OK:
            raise StateError(f"/metrics of the server at {ops_url} answered {answered.status}")
        return MetricsSample(answered.body.decode()), time.monotonic()

    before, began_s = sample()
    time.sleep(STATUS_RATE_S)
    after, ended_s = sample()
    health, ready = _parsed(asked("/healthz")), _parsed(asked("/readyz"))
    rate = Rate(before, after, ended_s - began_s)
    return report(Asked(state, health, ready, rate, progress_of(settings), time.time(), holds(settings.run_dir)))


def _parsed(answered: Answered) -> tuple[bool, dict[str, Any]]:
    try:
        body = json.loads(answered.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        body = {"error": f"the server answered {answered.status}"}
    return answered.status == _OK, body


def _print(found: dict[str, Any]) -> None:
    version, uptime_s = found["version"] or "of an older version", found["uptime_s"]
    up = "" if uptime_s is None else f", up {time_text(uptime_s)}"
    print_table((f"trackway {version}", f"{_state_words(found)}{up}"), list(_rows(found)))
    if found["rejected"]:
        rows = [(number_text(each["count"]), printable(each["reason"])) for each in found["rejected"]]
        print_table(("Rejected", "Reason"), rows)
    for sentence in found["advice"]:
        click.echo(f"* {printable(sentence)}")


def _state_words(found: dict[str, Any]) -> str:
    if not found["accepting"]:
        return "accepts no data"
    return "accepts data" if found["ready"] else "accepts data, loads none"


def _rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    lag, rates, records, disk = found["lag"], found["rates"], found["records"], found["disk"]
    sync = "" if rates["sync_ms"] is None else f", a sync takes {rates['sync_ms']} ms"
    journal = "" if disk["journal_bytes"] is None else f", journal {bytes_text(disk['journal_bytes'])}"
    backup, exports = found["backup"], found["exports"]
    return [
        ("address", f"{found['url']}, region {found['region']}"),
        ("processes", f"{_roles(found['processes'])}; {found['restarts']} restarts, {found['hangs']} hangs"),
        ("lag", f"{bytes_text(lag['bytes'])}, {lag['seconds']} s; facts {number_text(lag['facts_behind'])} events"),
        (
            "now",
            f"{number_text(rates['records_per_s'])} records/s in {number_text(rates['requests_per_s'])} requests/s, "
            f"{number_text(rates['loaded_per_s'])} loaded/s{sync}",
        ),
        ("since start", ", ".join(f"{number_text(count)} {outcome}" for outcome, count in records.items())),
        (
            "disk",
            f"{bytes_text(disk['free_bytes'])} free, {bytes_text(disk['free_bytes_min'])} to keep; "
            f"store {bytes_text(disk['store_bytes'])}{journal}",
        ),
        ("damage", ", ".join(f"{place} {count}" for place, count in found["damage"].items()) or "none"),
        ("backup", "none known" if backup is None else f"{time_text(backup['age_s'])} ago"),
        *([("exports", f"{time_text(exports['age_s'])} ago, {exports['failing']} fail")] if exports else []),
    ]


def _roles(processes: dict[str, int]) -> str:
    """`2 edges, loader, alerts, store`."""
    edges = sum(role.startswith("edge-") for role in processes)
    others = [role for role in processes if not role.startswith("edge-")]
    return ", ".join([f"{edges} edge{'' if edges == 1 else 's'}", *others])
