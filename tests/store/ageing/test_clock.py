"""A clock that may be wrong lets nothing age, however often the process starts again, until somebody confirms it."""

import re
import time

import pytest

from tests.support.ageing.place import AgeingPlace, OldEvents
from tests.support.ingest.bodies import ALPHA
from trackway.ageing import clock, worker
from trackway.ageing.limits import CLOCK_GAP_MS_MAX
from trackway.projects.drivers import open_reader
from trackway.projects.read_statements import RetentionState
from trackway.projects.retention_states import RetentionStates
from trackway.runtime.ageing_holds import Hold, hold, holds
from trackway.telemetry import metrics

DAY_MS = 86_400_000


def counted_waits() -> dict[str, float]:
    """What the metric says by reason."""
    page = metrics.render()[0].decode()
    return {why: float(value) for why, value in re.findall(r'trackway_ageing_waits\{why="(\w+)"\} (\S+)', page)}


def noted(ageing: AgeingPlace) -> RetentionState | None:
    return open_reader(ageing.projects_at).retention_state("us")


def at(monkeypatch: pytest.MonkeyPatch, moment_ms: int) -> None:
    """Let the clock of a process that starts now say this."""
    monkeypatch.setattr(clock, "now_ms", lambda: moment_ms)
    monkeypatch.setattr(worker, "_now_ms", lambda: moment_ms)


def filled(ageing: AgeingPlace, now_ms: int) -> list[tuple[int, str]]:
    ageing.place.settings.run_dir.mkdir(exist_ok=True)
    ageing.place.append_payloads([OldEvents(21, now_ms).payload(20)])
    ageing.place.load()
    ageing.keep(ALPHA.project_id, 80)
    return ageing.rows(ALPHA.project_id)


def test_a_clock_far_ahead_of_the_last_known_time_ages_nothing_until_it_is_confirmed(
    ageing: AgeingPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = time.time_ns() // 1_000_000
    stored, run_dir = filled(ageing, now_ms), ageing.place.settings.run_dir
    ageing.ageing().turn()
    assert holds(run_dir) == [] and ageing.rows(ALPHA.project_id) == stored
    state = noted(ageing)
    assert state is not None and abs(state.clock_ms - now_ms) < 60_000
    ahead_ms = now_ms + 3650 * DAY_MS + DAY_MS // 2
    at(monkeypatch, ahead_ms)
    for _ in range(2):  # a second start does not take what the first one saw
        running = ageing.ageing()
        for _ in range(2):
            running.turn()
    assert ageing.rows(ALPHA.project_id) == stored and noted(ageing) == state
    assert holds(run_dir) == ["the clock is 3650 days ahead, so nothing ages: see `trackway retention`"]
    assert counted_waits() == {"clock": 1, "default": 0}
    RetentionStates(ageing.database, "us").confirm_clock(ahead_ms)
    for _ in range(3):
        running.turn()
    assert ageing.rows(ALPHA.project_id) == [] and holds(run_dir) == []
    assert counted_waits() == {"clock": 0, "default": 0}
    hold(run_dir, Hold.DEFAULT, "it is not confirmed")
    running.turn()
    assert counted_waits() == {"clock": 0, "default": 1}


def test_a_server_that_has_noted_no_time_knows_that_of_its_newest_load(
    ageing: AgeingPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = time.time_ns() // 1_000_000
    stored = filled(ageing, now_ms)
    at(monkeypatch, now_ms + CLOCK_GAP_MS_MAX + DAY_MS)
    ageing.ageing().turn()
    state = noted(ageing)
    assert state is not None and abs(state.clock_ms - now_ms) < 60_000
    assert ageing.rows(ALPHA.project_id) == stored


def test_a_pause_of_some_days_needs_no_confirmation(ageing: AgeingPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    now_ms = time.time_ns() // 1_000_000
    filled(ageing, now_ms)
    later_ms = now_ms + CLOCK_GAP_MS_MAX - DAY_MS
    at(monkeypatch, later_ms)
    ageing.ageing().turn()
    state = noted(ageing)
    assert state is not None and state.clock_ms == later_ms and holds(ageing.place.settings.run_dir) == []
