"""The hourly limits (protocol §9): by project and kind, over several processes, from one hour to the next."""

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from tests.edge.counting import NOON_S, a_project, count

from trackway.edge.ratelimit import EXCEEDED, HOUR_S, RateLimits
from trackway.errors import RequestError
from trackway.limits import RATE_SLOTS
from trackway.settings import Settings

HOUR_BEGAN_S = NOON_S // HOUR_S * HOUR_S


class Clock:
    def __init__(self) -> None:
        self.now_s = NOON_S

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
            assert (error.status, error.message) == (429, EXCEEDED)
        else:
            number += 1
    return number


def test_requests_over_the_limit_are_refused_until_the_hour_is_over(tmp_path: Path, clock: Clock) -> None:
    rates = limits(tmp_path, clock)
    assert passed(rates, 10) == 3
    clock.now_s = HOUR_BEGAN_S + HOUR_S - 0.001
    assert passed(rates, 10) == 0
    clock.now_s = HOUR_BEGAN_S + HOUR_S
    assert passed(rates, 10) == 3
    clock.now_s += 5 * HOUR_S
    assert passed(rates, 10) == 3


@pytest.mark.parametrize(("into_hour_s", "wait_s"), [(0, 3600), (1, 3599), (3599.9, 1)])
def test_a_refusal_says_when_the_hour_is_over(tmp_path: Path, clock: Clock, into_hour_s: float, wait_s: int) -> None:
    rates = limits(tmp_path, clock)
    clock.now_s = HOUR_BEGAN_S + into_hour_s
    passed(rates, 3)
    with pytest.raises(RequestError) as caught:
        rates.count_import(a_project())
    assert caught.value.retry_after_s == wait_s


def test_projects_are_counted_apart(tmp_path: Path, clock: Clock) -> None:
    rates = limits(tmp_path, clock)
    assert [passed(rates, 5, project_id) for project_id in (1, 2, RATE_SLOTS - 1)] == [3, 3, 3]
    assert passed(rates, 5, RATE_SLOTS + 1) == 0, "shares the slot of project 1"


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


def test_a_count_is_never_taken_for_that_of_another_project_when_the_workers_become_fewer(
    tmp_path: Path, clock: Clock
) -> None:
    for worker in range(4):
        passed(limits(tmp_path, clock, worker, 4), 3, project_id=1)
    fewer = limits(tmp_path, clock, 0, 1)
    assert [passed(fewer, 5, project_id) for project_id in range(2, 10)] == [3] * 8


def test_no_limit_holds_when_they_are_switched_off(tmp_path: Path, clock: Clock) -> None:
    settings = Settings(workers=1, import_requests_per_hour=1, export_concurrent_max=1, rate_limits=False)
    rates = RateLimits(tmp_path / "rates", 0, settings, clock)
    assert passed(rates, 10) == 10
    for _ in range(10):
        rates.begin_export(a_project())
    for _ in range(10):
        rates.end_export(a_project())


def test_exports_are_counted_apart_from_imports(tmp_path: Path, clock: Clock) -> None:
    rates = limits(tmp_path, clock)
    assert passed(rates, 5) == 3
    for _ in range(3):
        rates.begin_export(a_project())
        rates.end_export(a_project())
    with pytest.raises(RequestError) as caught:
        rates.begin_export(a_project())
    assert (caught.value.status, caught.value.retry_after_s) == (429, HOUR_BEGAN_S + HOUR_S - NOON_S)
    clock.now_s = HOUR_BEGAN_S + HOUR_S
    rates.begin_export(a_project())


def test_exports_at_once_are_bounded_over_all_workers(tmp_path: Path, clock: Clock) -> None:
    first, second = (limits(tmp_path, clock, worker) for worker in (0, 1))
    first.begin_export(a_project())
    second.begin_export(a_project())
    for rates in (first, second):
        with pytest.raises(RequestError) as caught:
            rates.begin_export(a_project())
        assert (caught.value.status, caught.value.retry_after_s) == (429, 1)
    first.begin_export(a_project(2))
    second.end_export(a_project())
    first.begin_export(a_project())


def test_exports_of_a_killed_worker_no_longer_run(tmp_path: Path, clock: Clock) -> None:
    limits(tmp_path, clock).begin_export(a_project())
    limits(tmp_path, clock, 1).begin_export(a_project())
    again = limits(tmp_path, clock)
    again.begin_export(a_project())
    with pytest.raises(RequestError):
        again.begin_export(a_project())


def test_processes_at_once_let_through_the_limit_and_at_most_one_more_for_each_other(tmp_path: Path) -> None:
    workers, limit = 3, 5000
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(workers)
    answers = [tmp_path / f"answer-{worker}" for worker in range(workers)]
    started = [
        context.Process(target=count, args=(tmp_path / "rates", worker, workers, limit, 4000, start, answers[worker]))
        for worker in range(workers)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0] * workers
    total = sum(int(answer.read_text()) for answer in answers)
    assert limit <= total <= limit + workers - 1


def test_what_is_not_counted_is_bound_by_what_runs_at_once_alone(tmp_path: Path, clock: Clock) -> None:
    rates = limits(tmp_path, clock)
    for _ in range(10):
        rates.begin_export(a_project(), counted=False)
        rates.end_export(a_project())
    rates.begin_export(a_project())
    rates.begin_export(a_project(), counted=False)
    with pytest.raises(RequestError):
        rates.begin_export(a_project(), counted=False)
