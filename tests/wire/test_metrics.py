"""Every metric that a rule or a panel names is one of a running server, and each process is counted from 0 on."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.support.deploy.metric_names import metric_names, panels, rules
from tests.support.http.exchange import Request
from tests.support.server import Server, running_server
from tests.support.waiting import wait_until
from trackway.telemetry.metric_families import Families

FIRST_LOOKS_S_MAX = 30
"""Gauges are set when compactor and alerts have looked for the first time."""

WHEN_IT_HAPPENS = {
    "trackway_alert_deliveries_total",
    "trackway_connections_cut_off_total",
    "trackway_damage",
    "trackway_forwarded_unheeded_timestamp_seconds",
    "trackway_rate_limited_requests_total",
    "trackway_store_errors_total",
}
"""Metrics whose labels are known only once the first one is counted."""
OF_SCHEDULES = {"trackway_backups_total", "trackway_exports_failing"}


def on_the_page(server: Server) -> set[str]:
    page = server.ask(Request("GET", "/metrics")).body.decode()
    return {sample.name for family in text_string_to_metric_families(page) for sample in family.samples}


def known() -> set[str]:
    """All names of samples that there can be."""
    found = set()
    for family in Families().registry.collect():
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(family.type, [""])
        found |= {family.name + suffix for suffix in suffixes}
    return found


def test_each_metric_of_rules_and_panels_is_one_of_a_running_server(server: Server) -> None:
    body = b'[{"event":"e","properties":{"token":"%s","distinct_id":"u"}}]' % server.project.token.encode()
    server.ask(Request("POST", "/track", (("Content-Type", "application/json"),), body))
    server.wait_loaded()
    named = metric_names()
    assert len(named) > 15 and len(rules()) > 10 and len(panels()) > 10
    wanted = named - WHEN_IT_HAPPENS - OF_SCHEDULES
    wait_until(lambda: wanted <= on_the_page(server), FIRST_LOOKS_S_MAX, lambda: str(wanted - on_the_page(server)))
    assert named - known() == set()


def test_a_server_with_schedules_has_their_metrics_before_anything_fails(tmp_path: Path) -> None:
    places = ("--backup-to", str(tmp_path / "backups"), "--export-to", str(tmp_path / "exports"))
    with running_server(tmp_path / "data", "--backup-every", "1d", "--export-every", "1d", *places) as server:
        wait_until(lambda: on_the_page(server) >= OF_SCHEDULES, FIRST_LOOKS_S_MAX, lambda: str(on_the_page(server)))
        page = server.ask(Request("GET", "/metrics")).body.decode()
        for family in ("backups", "exports"):
            assert f'trackway_{family}_total{{outcome="failed"}} 0.0' in page


def test_restarts_and_hangs_of_each_process_are_counted_from_0_on(server: Server) -> None:
    """An increase from nothing is none to Prometheus."""
    page = server.ask(Request("GET", "/metrics")).body.decode()
    for role in server.processes():
        for name in ("restarts", "hangs"):
            assert f'trackway_process_{name}_total{{role="{role}"}}' in page
