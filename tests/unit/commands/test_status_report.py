"""The report about a server: its numbers, and one sentence of advice for each thing that is wrong."""

from typing import Any

import pytest

from trackway.commands.limits import STATUS_BACKUP_S_MAX, STATUS_LAG_S_MAX, STATUS_PROXY_S_MAX
from trackway.commands.metrics_sample import MetricsSample, Rate
from trackway.commands.status_report import Asked, report

NOW_S = 1_800_000_000.0
STATE: dict[str, Any] = {
    "url": "http://127.0.0.1:1",
    "region": "eu",
    "version": "1.2.3",
    "started_s": int(NOW_S) - 90,
    "pid": 7,
    "processes": {"edge-0": 8, "loader": 9},
}
READY = {"status": "ready", "loader": {"up": True, "loading": True}, "store": {"up": True, "error": None}}


def asked(after: str = "", before: str = "", **changed: Any) -> Asked:
    rate = Rate(MetricsSample(before), MetricsSample(after), 2.0)
    journal = {"synced": 1, "loaded": 1, "lag_bytes": 0, "size_bytes": 4096, "failing": False}
    return Asked(STATE, (True, {"status": "ok"}), (True, READY), rate, journal, NOW_S)._replace(**changed)


def test_a_quiet_server_needs_no_advice() -> None:
    found = report(asked("trackway_store_priorities 1.0\n"))
    assert found["advice"] == []
    assert (found["version"], found["uptime_s"], found["processes"]) == ("1.2.3", 90, {"edge-0": 8, "loader": 9})
    assert (found["accepting"], found["ready"], found["backup"]) == (True, True, None)
    assert found["disk"]["journal_bytes"] == 4096


def test_rates_are_of_the_time_between_the_samples() -> None:
    count = 'trackway_records_total{{endpoint="/track",outcome="accepted",reason=""}} {}\n'
    syncs = "trackway_journal_sync_seconds_count {}\ntrackway_journal_sync_seconds_sum {}\n"
    found = report(asked(count.format(130) + syncs.format(30, 0.5), count.format(100) + syncs.format(10, 0.1)))
    assert found["rates"]["records_per_s"] == 15
    assert found["rates"]["sync_ms"] == 20
    assert found["records"] == {"accepted": 130, "ignored": 0, "rejected": 0, "throttled": 0}


def test_reasons_are_shown_with_the_most_frequent_first_and_summed_over_endpoints() -> None:
    lines = [
        f'trackway_records_total{{endpoint="{endpoint}",outcome="rejected",reason="{reason}"}} {count}'
        for endpoint, reason, count in [("/track", "a", 2), ("/import", "a", 3), ("/track", "b", 4)]
        + [("/track", str(number), 1) for number in range(9)]
    ]
    found = report(asked("\n".join(lines) + "\n"))
    assert found["rejected"][:2] == [{"reason": "a", "count": 5}, {"reason": "b", "count": 4}]
    assert len(found["rejected"]) == 5


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("trackway_ingestion_held 1.0", "disk is nearly full"),
        (f"trackway_loader_lag_seconds {STATUS_LAG_S_MAX + 1}", "s behind"),
        ('trackway_damage{place="events"} 2.0', "Damage was found in events"),
        ('trackway_process_restarts_total{role="loader"} 1.0', "Processes died or hung 1 times"),
        ('trackway_process_hangs_total{role="loader"} 2.0', "Processes died or hung 2 times"),
        ('trackway_store_errors_total{call="insert"} 3.0', "3 calls to the store"),
        ('trackway_records_total{outcome="rejected",reason="r"} 1.0', "More than one in ten"),
        (f'trackway_forwarded_unheeded_timestamp_seconds{{peer="private"}} {NOW_S - 1}', "trusted_proxies"),
        ("trackway_store_priorities 0.0", "CAP_SYS_NICE"),
        ('trackway_alert_deliveries_total{channel="mail",outcome="failed"} 1.0', "Messages of alerts"),
        (f"trackway_backup_timestamp_seconds {NOW_S - STATUS_BACKUP_S_MAX - 1}", "last backup"),
    ],
)
def test_each_thing_that_is_wrong_has_one_sentence(wrong: str, words: str) -> None:
    [sentence] = report(asked(wrong + "\n"))["advice"]
    assert words in sentence


@pytest.mark.parametrize(
    "fine",
    [
        "trackway_ingestion_held 0.0",
        f"trackway_loader_lag_seconds {STATUS_LAG_S_MAX}",
        'trackway_damage{place="events"} 0.0',
        'trackway_records_total{outcome="rejected",reason="r"} 1.0\ntrackway_records_total{outcome="accepted"} 9.0',
        f'trackway_forwarded_unheeded_timestamp_seconds{{peer="private"}} {NOW_S - STATUS_PROXY_S_MAX}',
        'trackway_alert_deliveries_total{channel="mail",outcome="repeated"} 1.0',
        f"trackway_backup_timestamp_seconds {NOW_S - 60}",
    ],
)
def test_what_is_within_its_bound_has_none(fine: str) -> None:
    assert report(asked(fine + "\n"))["advice"] == []


def test_a_server_that_accepts_nothing_says_why() -> None:
    found = report(asked(health=(False, {"error": "the journal cannot be written"})))
    assert not found["accepting"]
    assert found["advice"] == [
        "No data is accepted: the journal cannot be written. The log has the details.",
    ]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            {"loader": {"up": False, "loading": True}, "store": {"error": "the store does not answer"}},
            "does not answer",
        ),
        ({"loader": {"up": False, "loading": True}, "store": {"error": None}}, "loader does not run"),
        ({"loader": {"up": True, "loading": False}, "store": {"error": None}}, "cannot load"),
        ({"loader": {"up": True, "loading": True}, "store": {"error": None}}, "being opened"),
        ({"error": "no such path"}, "being opened"),
    ],
)
def test_a_server_that_loads_nothing_says_why(answer: dict[str, Any], words: str) -> None:
    found = report(asked(ready=(False, answer)))
    assert found["accepting"] and not found["ready"]
    [sentence] = found["advice"]
    assert words in sentence and "safe in the journal" in sentence


def test_the_last_backup_has_an_age() -> None:
    assert report(asked(f"trackway_backup_timestamp_seconds {NOW_S - 60}\n"))["backup"] == {"age_s": 60}


def test_exports_are_shown_where_a_process_makes_them() -> None:
    metrics = "trackway_export_age_seconds 60.5\ntrackway_exports_failing 2.0\ntrackway_store_priorities 1.0\n"
    assert report(asked(metrics))["exports"] is None
    found = report(asked(metrics, state=STATE | {"processes": {"export": 7}}))
    assert found["exports"] == {"age_s": 60, "failing": 2}
    [advice] = found["advice"]
    assert "last exports of 2 projects failed" in advice


def test_a_server_of_an_older_version_is_shown_without_what_it_does_not_say() -> None:
    state = {name: STATE[name] for name in ("url", "pid", "processes")}
    found = report(asked(state=state, journal=None))
    assert (found["version"], found["uptime_s"], found["region"]) == (None, None, None)
    assert found["disk"]["journal_bytes"] is None
