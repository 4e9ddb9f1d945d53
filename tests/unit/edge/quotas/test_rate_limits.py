"""The limits of a project (protocol §9): by kind, over several processes, in every window, and when they end."""

import errno
import multiprocessing
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.edge.rate_limit_processes import NOON_S, FileClock, a_project, count
from tests.support.examples import examples
from tests.support.memory_directory import memory_directory
from trackway.domain.entry import NO_PROJECT
from trackway.domain.errors import RequestError
from trackway.edge.limits import NOBODY_ROWS_PER_MINUTE, RATE_GRANULES, RATE_PROJECTS_PER_FILE
from trackway.edge.quotas.counters import Usage
from trackway.edge.quotas.rate_limits import (
    BYTES,
    EXCEEDED,
    EXPORTING,
    HOUR_S,
    IMPORTS,
    MINUTE_S,
    RECORDS,
    REPORTING,
    RateLimits,
)
from trackway.settings.table import Settings

GRANULE_S = HOUR_S // RATE_GRANULES
BEGAN_S = NOON_S // GRANULE_S * GRANULE_S
FREE_AFTER_S = HOUR_S + GRANULE_S


class Clock:
    def __init__(self) -> None:
        self.now_s = BEGAN_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limits(tmp_path: Path, clock: Clock, worker: int = 0, workers: int = 2, **settings: int) -> RateLimits:
    named: dict[str, Any] = {
        "import_requests_per_hour": 3,
        "export_requests_per_hour": 3,
        "export_concurrent_max": 2,
    } | settings
    return RateLimits(tmp_path / "rates", worker, Settings(workers=workers, **named), clock)


def passed(rates: RateLimits, calls: int, project_id: int = 1, **settings: int) -> int:
    number = 0
    for _ in range(calls):
        try:
            rates.count_import(a_project(project_id, **settings))
        except RequestError as error:
            assert error.status == 429
            assert error.message.startswith(f"{EXCEEDED} ")
            assert "'trackway project set NAME import_requests_per_hour=NUMBER'" in error.message
        else:
            number += 1
    return number


def wait_of(rates: RateLimits, project_id: int = 1) -> int:
    with pytest.raises(RequestError) as caught:
        rates.count_import(a_project(project_id))
    assert caught.value.retry_after_s is not None
    return caught.value.retry_after_s


def test_what_is_kept_of_rejected_records_is_bounded_over_all_processes(tmp_path: Path, clock: Clock) -> None:
    settings = {"rejected_bytes_per_minute": 1000, "rate_limits": False}
    processes = [limits(tmp_path, clock, worker, **settings) for worker in (0, 1)]
    for rates in processes:
        rates.count_rejected({1: 300, 2: 0, NO_PROJECT: 40})
    assert [rates.rejected_left(1) for rates in processes] == [400, 400]
    assert [rates.rejected_left(2) for rates in processes] == [1000, 1000]
    assert processes[0].rejected_left(NO_PROJECT) == NOBODY_ROWS_PER_MINUTE - 80
    processes[0].count_rejected({1: 5000, NO_PROJECT: 100})
    assert processes[1].rejected_left(1) == processes[1].rejected_left(NO_PROJECT) == 0
    clock.now_s += 2 * MINUTE_S
    assert processes[1].rejected_left(1) == 1000


def test_rejected_records_are_kept_where_there_is_no_room_to_count_them(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = limits(tmp_path, clock, rejected_bytes_per_minute=1000)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("trackway.edge.quotas.counters.os.posix_fallocate", full)
    assert rates.rejected_left(1) == 1000
    rates.count_rejected({1: 300})
    monkeypatch.undo()
    rates.count_rejected({1: 300})
    assert rates.rejected_left(1) == 700


def test_requests_over_the_limit_are_refused_until_the_first_has_left_the_window(tmp_path: Path, clock: Clock) -> None:
    rates = limits(tmp_path, clock)
    assert passed(rates, 2) == 2
    clock.now_s = BEGAN_S + GRANULE_S
    assert passed(rates, 10) == 1
    clock.now_s = BEGAN_S + FREE_AFTER_S - 0.001
    assert passed(rates, 10) == 0
    clock.now_s = BEGAN_S + FREE_AFTER_S
    assert passed(rates, 10) == 2
    clock.now_s += 5 * HOUR_S
    assert passed(rates, 10) == 3


@pytest.mark.parametrize(("into_s", "wait_s"), [(0, 3840), (1, 3839), (239.9, 3601), (0.2, 3840)])
def test_a_refusal_says_after_how_many_seconds_a_request_is_let_through(
    tmp_path: Path, clock: Clock, into_s: float, wait_s: int
) -> None:
    rates = limits(tmp_path, clock)
    clock.now_s = BEGAN_S + into_s
    assert passed(rates, 3) == 3
    assert wait_of(rates) == wait_s
    clock.now_s += wait_s - 1.5
    assert passed(rates, 1) == 0
    clock.now_s += 1.5
    assert passed(rates, 9) == 3


@settings(max_examples=examples(60))
@given(
    limit=st.integers(1, 12),
    steps=st.lists(st.tuples(st.floats(0, 2000, allow_nan=False), st.integers(0, 1), st.integers(1, 8)), max_size=40),
)
def test_no_window_holds_more_than_the_limit_and_every_wait_is_true(
    limit: int, steps: list[tuple[float, int, int]]
) -> None:
    with memory_directory() as directory:
        clock = Clock()
        workers = [limits(Path(directory), clock, worker, import_requests_per_hour=limit) for worker in (0, 1)]
        let_through: list[float] = []
        for pause_s, worker, calls in steps:
            clock.now_s += pause_s
            for _ in range(passed(workers[worker], calls)):
                let_through.append(clock.now_s)
            if passed(workers[1 - worker], 1):
                let_through.append(clock.now_s)
            else:
                clock.now_s += wait_of(workers[worker])
                assert passed(workers[worker], 1) == 1
                let_through.append(clock.now_s)
        for end_s in let_through:
            assert sum(end_s - HOUR_S < each <= end_s for each in let_through) <= limit


def test_projects_are_counted_apart_however_many_there_are(tmp_path: Path, clock: Clock) -> None:
    rates = limits(tmp_path, clock)
    numbers = (1, 2, RATE_PROJECTS_PER_FILE - 1, RATE_PROJECTS_PER_FILE, RATE_PROJECTS_PER_FILE + 1, 16_385, 1_000_001)
    assert [passed(rates, 5, project_id) for project_id in numbers] == [3] * len(numbers)
    assert [passed(rates, 5, project_id) for project_id in numbers] == [0] * len(numbers)


def test_a_project_may_have_its_own_limit(tmp_path: Path, clock: Clock) -> None:
    rates = limits(tmp_path, clock)
    assert passed(rates, 10, 1, import_requests_per_hour=5) == 5
    assert passed(rates, 10, 2, import_requests_per_hour=1) == 1


def test_workers_share_the_count(tmp_path: Path, clock: Clock) -> None:
    first, second = (limits(tmp_path, clock, worker) for worker in (0, 1))
    assert passed(first, 2) == 2
    assert passed(second, 5) == 1
    assert passed(first, 5) == 0


def test_a_worker_that_is_started_again_goes_on_counting(tmp_path: Path, clock: Clock) -> None:
    assert passed(limits(tmp_path, clock), 2) == 2
    assert passed(limits(tmp_path, clock), 5) == 1


def test_counts_outlive_a_change_of_the_number_of_workers(tmp_path: Path, clock: Clock) -> None:
    assert passed(limits(tmp_path, clock, 3, 4), 2) == 2
    fewer = limits(tmp_path, clock, 0, 1)
    assert [passed(fewer, 5, project_id) for project_id in (1, 2, 3)] == [1, 3, 3]
    assert passed(limits(tmp_path, clock, 7, 8), 5) == 0


@pytest.mark.parametrize("damage", [b"", b"x" * 100, b"\xff" * 163_840, random.Random(7).randbytes(163_840)])
@pytest.mark.parametrize("worker", [0, 1])
def test_damaged_files_keep_no_worker_from_counting_and_no_project_out_for_longer_than_a_window(
    tmp_path: Path, clock: Clock, worker: int, damage: bytes
) -> None:
    assert [passed(limits(tmp_path, clock, each), 1) for each in (0, 1)] == [1, 1]
    (tmp_path / "rates" / f"{worker}-0").write_bytes(damage)
    rates = limits(tmp_path, clock)
    assert passed(rates, 9) <= 2
    assert 0 < wait_of(rates) <= FREE_AFTER_S
    clock.now_s += FREE_AFTER_S
    assert passed(rates, 9) == 3


def test_files_of_other_names_are_left_alone(tmp_path: Path, clock: Clock) -> None:
    assert passed(limits(tmp_path, clock), 2) == 2
    for name in ("a-b", "0-0.bak", "-0", "1-", "0-0-0", "x-0"):
        (tmp_path / "rates" / name).write_bytes(b"a note")
    (tmp_path / "rates" / "5-0").mkdir()
    assert passed(limits(tmp_path, clock), 9) == 1
    assert (tmp_path / "rates" / "a-b").read_bytes() == b"a note"


def test_a_reader_counts_nothing_in_a_file_that_is_being_made(tmp_path: Path, clock: Clock) -> None:
    assert passed(limits(tmp_path, clock), 2) == 2
    (tmp_path / "rates" / "1-0").write_bytes(b"")
    assert Usage(tmp_path / "rates", None, 0, clock).used(1, IMPORTS.window) == 2


def test_no_limit_holds_when_they_are_switched_off(tmp_path: Path, clock: Clock) -> None:
    settings = Settings(
        workers=1,
        import_requests_per_hour=1,
        export_concurrent_max=1,
        ingest_records_per_minute=1,
        rate_limits=False,
    )
    rates = RateLimits(tmp_path / "rates", 0, settings, clock)
    assert passed(rates, 10) == 10
    for _ in range(10):
        rates.begin(a_project(), EXPORTING)
        rates.check_records(a_project())
        rates.count_records(a_project(), 10, 10)
    for _ in range(10):
        rates.end(a_project(), EXPORTING)


def test_exports_are_counted_apart_from_imports(tmp_path: Path, clock: Clock) -> None:
    rates = limits(tmp_path, clock)
    assert passed(rates, 5) == 3
    for _ in range(3):
        rates.begin(a_project(), EXPORTING)
        rates.end(a_project(), EXPORTING)
    with pytest.raises(RequestError) as caught:
        rates.begin(a_project(), EXPORTING)
    assert (caught.value.status, caught.value.retry_after_s) == (429, FREE_AFTER_S)
    clock.now_s = BEGAN_S + FREE_AFTER_S
    rates.begin(a_project(), EXPORTING)


def test_exports_at_once_are_bounded_over_all_workers(tmp_path: Path, clock: Clock) -> None:
    first, second = (limits(tmp_path, clock, worker) for worker in (0, 1))
    first.begin(a_project(), EXPORTING)
    second.begin(a_project(), EXPORTING)
    for rates in (first, second):
        with pytest.raises(RequestError) as caught:
            rates.begin(a_project(), EXPORTING)
        assert (caught.value.status, caught.value.retry_after_s) == (429, 1)
    first.begin(a_project(2), EXPORTING)
    second.end(a_project(), EXPORTING)
    first.begin(a_project(), EXPORTING)


def test_exports_of_a_killed_worker_no_longer_run(tmp_path: Path, clock: Clock) -> None:
    limits(tmp_path, clock).begin(a_project(), EXPORTING)
    limits(tmp_path, clock, 1).begin(a_project(), EXPORTING)
    again = limits(tmp_path, clock)
    again.begin(a_project(), EXPORTING)
    with pytest.raises(RequestError):
        again.begin(a_project(), EXPORTING)


def test_exports_of_a_worker_that_is_there_no_more_no_longer_run(tmp_path: Path, clock: Clock) -> None:
    for _ in range(2):
        limits(tmp_path, clock, 3, 4).begin(a_project(RATE_PROJECTS_PER_FILE), EXPORTING)
    limits(tmp_path, clock, 0, 1).begin(a_project(RATE_PROJECTS_PER_FILE), EXPORTING)


def test_what_is_not_counted_is_bound_by_what_runs_at_once_alone(tmp_path: Path, clock: Clock) -> None:
    rates = limits(tmp_path, clock)
    for _ in range(10):
        rates.begin(a_project(), EXPORTING, counted=False)
        rates.end(a_project(), EXPORTING)
    rates.begin(a_project(), EXPORTING)
    rates.begin(a_project(), EXPORTING, counted=False)
    with pytest.raises(RequestError):
        rates.begin(a_project(), EXPORTING, counted=False)


def test_records_are_refused_after_the_request_that_reaches_the_limit(tmp_path: Path, clock: Clock) -> None:
    rates = limits(tmp_path, clock, ingest_records_per_minute=10)
    for records in (9, 2000):
        rates.check_records(a_project())
        rates.count_records(a_project(), records, 1)
    with pytest.raises(RequestError) as caught:
        rates.check_records(a_project())
    assert caught.value.retry_after_s == MINUTE_S + MINUTE_S // RATE_GRANULES
    assert rates.refused == {1}
    clock.now_s += caught.value.retry_after_s
    rates.check_records(a_project())
    assert rates.refused == set()


def test_bytes_are_limited_for_a_project_alone(tmp_path: Path, clock: Clock) -> None:
    rates = limits(tmp_path, clock)
    limited = a_project(2, ingest_bytes_per_minute=100)
    assert [rates.limits_records(each) for each in (a_project(), limited)] == [False, True]
    rates.count_records(limited, 1, 100)
    with pytest.raises(RequestError):
        rates.check_records(limited)
    with pytest.raises(RequestError):
        rates.count_import(limited)
    rates.check_records(a_project())


def test_reports_have_limits_of_their_own(tmp_path: Path, clock: Clock) -> None:
    rates = limits(tmp_path, clock, report_requests_per_hour=3, report_concurrent_max=1)
    for _ in range(2):
        rates.begin(a_project(), EXPORTING)
    rates.begin(a_project(), REPORTING)
    with pytest.raises(RequestError, match="rate limits"):
        rates.begin(a_project(), REPORTING)
    rates.end(a_project(), REPORTING)
    for _ in range(2):
        rates.begin(a_project(), REPORTING)
        rates.end(a_project(), REPORTING)
    with pytest.raises(RequestError, match="rate limits"):
        rates.begin(a_project(), REPORTING)
    rates.begin(a_project(), REPORTING, counted=False)
    again = limits(tmp_path, clock, report_concurrent_max=1)  # as after a kill: what ran has ended
    again.begin(a_project(), REPORTING)


def test_use_is_told_with_its_limit_and_its_end(tmp_path: Path, clock: Clock) -> None:
    rates = limits(tmp_path, clock, ingest_records_per_minute=10)
    assert passed(rates, 2) == 2
    rates.count_records(a_project(), 10, 500)
    clock.now_s += 10
    rates.begin(a_project(), EXPORTING)
    told = {use.limit: use[1:] for use in rates.uses(a_project())}
    assert told == {
        "import_requests_per_hour": (3, 2, HOUR_S, 0, FREE_AFTER_S - 10),
        "export_requests_per_hour": (3, 1, HOUR_S, 0, FREE_AFTER_S - 10),
        "ingest_records_per_minute": (10, 10, MINUTE_S, 54, 54),
        "ingest_bytes_per_minute": (0, 500, MINUTE_S, 0, 54),
        "report_requests_per_hour": (0, 0, HOUR_S, 0, 0),
        "export_concurrent_max": (2, 1, 0, 0, 1),
        "report_concurrent_max": (5, 0, 0, 0, 0),
    }


def test_a_reader_sees_what_the_workers_counted_and_makes_no_file(tmp_path: Path, clock: Clock) -> None:
    rates = limits(tmp_path, clock)
    assert passed(rates, 2) == 2
    reader = Usage(tmp_path / "rates", None, 0, clock)
    assert [reader.used(1, IMPORTS.window), reader.used(1_000_000, IMPORTS.window)] == [2, 0]
    assert sorted(path.name for path in (tmp_path / "rates").iterdir()) == ["0-0", "1-0"]


def test_an_amount_too_large_for_its_place_does_not_spoil_others(tmp_path: Path, clock: Clock) -> None:
    usage = Usage(tmp_path / "rates", 0, 1, clock)
    for _ in range(3):
        usage.add(1, BYTES.window, 1 << 40)
    assert usage.used(1, BYTES.window) == (1 << 32) - 1
    assert usage.used(1, RECORDS.window) == 0


def test_eight_processes_at_once_let_through_the_limit_and_at_most_one_more_for_each_other(tmp_path: Path) -> None:
    """In four turns: the whole limit, nothing at the end of the window, the whole limit, and again."""
    workers, limit = 8, 600
    at_s = [BEGAN_S, BEGAN_S + FREE_AFTER_S - 1, BEGAN_S + FREE_AFTER_S, BEGAN_S + 2 * FREE_AFTER_S]
    context = multiprocessing.get_context("fork")
    turn = context.Barrier(workers + 1)
    clock = FileClock(tmp_path / "clock")
    clock.set(at_s[0])
    started = [
        context.Process(target=count, args=(tmp_path / "rates", worker, workers, limit, 200, turn, len(at_s)))
        for worker in range(workers)
    ]
    for process in started:
        process.start()
    for now_s in at_s:
        clock.set(now_s)
        for _ in range(3):
            turn.wait(60)
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0] * workers
    answers = [(tmp_path / f"answer-{worker}").read_text().split() for worker in range(workers)]
    totals = [sum(map(int, answer)) for answer in zip(*answers, strict=True)]
    assert totals[1] == 0
    assert all(limit <= total <= limit + workers - 1 for total in (totals[0], totals[2], totals[3])), totals
