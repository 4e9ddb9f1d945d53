"""Counts of really forked processes, killed ones too. Each test runs in a child: what it starts cannot be undone."""

import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from trackway.telemetry import metrics
from trackway.telemetry.limits import METRIC_REASONS_MAX, RATE_PROJECTS_TOLD_MAX


def samples() -> dict[str, float]:
    """The page, parsed by Prometheus' own reader: `name{label=value,…}` → value."""
    page, content_type = metrics.render()
    assert content_type.startswith("text/plain")
    found = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def in_child(work: Callable[[], object]) -> int:
    """Runs work in a forked child and waits for it; the exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def count_as(role: str, count: int) -> None:
    metrics.begin(role)
    for _ in range(count):
        metrics.request("track", 200)


def killed_after_counting(role: str, count: int) -> None:
    count_as(role, count)
    os.kill(os.getpid(), signal.SIGKILL)


REQUESTS = "trackway_requests_total{endpoint=track,status=200}"


def test_counts_of_every_process_are_added_up(tmp_path: Path) -> None:
    def supervise() -> None:
        metrics.start(tmp_path)
        assert [in_child(partial(count_as, f"edge-{n}", 10)) for n in range(3)] == [0, 0, 0]
        metrics.request("track", 200)
        assert samples()[REQUESTS] == 31

    assert in_child(supervise) == 0


def test_counts_of_a_killed_process_stay_and_its_successor_goes_on(tmp_path: Path) -> None:
    def supervise() -> None:
        metrics.start(tmp_path)
        assert [in_child(lambda: killed_after_counting("edge-0", 10)) for _ in range(5)] == [-signal.SIGKILL] * 5
        assert samples()[REQUESTS] == 50
        assert {path.name for path in tmp_path.glob("counter_*")} == {"counter_supervisor.db", "counter_edge-0.db"}

    assert in_child(supervise) == 0


def test_process_killed_in_the_midst_of_counting_leaves_a_readable_page(tmp_path: Path) -> None:
    def count_for_ever() -> None:
        metrics.begin("edge-0")
        number = 0
        while True:
            metrics.request("track", 200)
            metrics.records("track", "rejected", reason=f"reason {number % 50}")
            metrics.journal_synced(0.001, 1, 100)
            number += 1

    def supervise() -> None:
        metrics.start(tmp_path)
        last = 0.0
        for _ in range(8):
            child = os.fork()
            if child == 0:
                count_for_ever()
            while not last < samples().get(REQUESTS, 0.0):
                time.sleep(0.002)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            found = samples()
            assert found[REQUESTS] > last
            last = found[REQUESTS]

    assert in_child(supervise) == 0


def test_child_that_has_not_begun_never_counts_in_its_parents_file(tmp_path: Path) -> None:
    def supervise() -> None:
        metrics.start(tmp_path)
        metrics.request("track", 200)
        for _ in range(2):
            assert in_child(lambda: metrics.request("track", 200)) == 0
        metrics.request("track", 200)
        assert samples()[REQUESTS] == 4

    assert in_child(supervise) == 0


def test_start_forgets_the_counts_of_an_earlier_run(tmp_path: Path) -> None:
    def run() -> None:
        metrics.start(tmp_path)
        metrics.request("track", 200)
        assert samples()[REQUESTS] == 1

    assert [in_child(run), in_child(run)] == [0, 0]


def test_file_without_a_byte_does_not_spoil_the_page(tmp_path: Path) -> None:
    def supervise() -> None:
        metrics.start(tmp_path)
        metrics.request("track", 200)
        (tmp_path / "counter_edge-7.db").touch()
        assert samples()[REQUESTS] == 1

    assert in_child(supervise) == 0


def test_everything_counted_is_on_the_page(tmp_path: Path) -> None:
    def supervise() -> None:
        metrics.start(tmp_path)
        metrics.request("import", 400)
        metrics.records("import", "accepted", 3)
        metrics.records("import", "rejected", reason="'properties.time' is invalid: must not be missing")
        metrics.events_by_path("import", 2, 3)
        metrics.events_by_path("import", 4, 4)
        metrics.journal_synced(0.003, 7, 900)
        metrics.loader_lag(4096, 1.5)
        metrics.loaded(7, "stored", 3)
        metrics.store_error("insert")
        metrics.process_restart("edge")
        found = samples()
        assert found["trackway_requests_total{endpoint=import,status=400}"] == 1
        assert found["trackway_records_total{endpoint=import,outcome=accepted,reason=}"] == 3
        assert found["trackway_events_by_path_total{endpoint=import,path=fast}"] == 6
        assert found["trackway_events_by_path_total{endpoint=import,path=complete}"] == 1
        reason = "is invalid: must not be missing"
        assert found[f"trackway_records_total{{endpoint=import,outcome=rejected,reason={reason}}}"] == 1
        assert found["trackway_journal_bytes_total"] == 900
        assert found["trackway_journal_sync_records_total"] == 7
        assert found["trackway_journal_sync_seconds_count"] == 1
        assert found["trackway_journal_sync_seconds_bucket{le=0.002}"] == 0
        assert found["trackway_journal_sync_seconds_bucket{le=0.005}"] == 1
        assert found["trackway_loader_lag_bytes{partition=0}"] == 4096
        assert found["trackway_loader_lag_seconds{partition=0}"] == 1.5
        assert found["trackway_loaded_records_total{outcome=stored}"] == 3
        assert found["trackway_project_records_total{outcome=stored,project_id=7}"] == 3
        assert found["trackway_store_errors_total{call=insert}"] == 1
        assert found["trackway_process_restarts_total{role=edge}"] == 1

    assert in_child(supervise) == 0


def test_projects_after_the_first_ones_are_counted_as_others(tmp_path: Path) -> None:
    def supervise() -> None:
        metrics.start(tmp_path)
        for project_id in range(1, RATE_PROJECTS_TOLD_MAX + 11):
            metrics.loaded(project_id, "stored", 2)
        found = {name: value for name, value in samples().items() if name.startswith("trackway_project_records")}
        assert len(found) == RATE_PROJECTS_TOLD_MAX + 1
        assert found["trackway_project_records_total{outcome=stored,project_id=other}"] == 20

    assert in_child(supervise) == 0


def test_lag_is_what_the_loader_said_last_whoever_it_was(tmp_path: Path) -> None:
    def load(lag_bytes: int) -> None:
        metrics.begin(f"loader-{lag_bytes}")
        metrics.loader_lag(lag_bytes, 0.0)

    def supervise() -> None:
        metrics.start(tmp_path)
        for lag_bytes in (10, 20, 5):
            assert in_child(partial(load, lag_bytes)) == 0
        assert samples()["trackway_loader_lag_bytes{partition=0}"] == 5

    assert in_child(supervise) == 0


def test_reasons_that_clients_make_up_do_not_make_series(tmp_path: Path) -> None:
    def supervise() -> None:
        metrics.start(tmp_path)
        for number in range(300):
            metrics.records("track", "rejected", reason=f"'properties.{number}' is invalid: too long")
            metrics.records("track", "rejected", reason=f"made up {number}")
        rejected = {name: value for name, value in samples().items() if "outcome=rejected" in name}
        assert sum(rejected.values()) == 600
        assert len(rejected) == METRIC_REASONS_MAX + 1
        assert rejected["trackway_records_total{endpoint=track,outcome=rejected,reason=is invalid: too long}"] == 300

    assert in_child(supervise) == 0


def test_threads_of_a_process_lose_no_count(tmp_path: Path) -> None:
    def supervise() -> None:
        metrics.start(tmp_path)
        threads = [threading.Thread(target=count_as, args=("edge-0", 5000)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert samples()[REQUESTS] == 20_000

    assert in_child(supervise) == 0


def test_counts_are_kept_in_memory_until_start() -> None:
    def count() -> None:
        metrics.request("track", 200)
        assert samples()[REQUESTS] == 1

    assert in_child(count) == 0


def test_role_that_cannot_be_part_of_a_file_name_is_a_programmers_error() -> None:
    with pytest.raises(AssertionError, match="becomes part of a file name"):
        metrics.begin("edge/0")
