from typing import Any

import pytest

from trackway.compaction.limits import (
    BEHIND_BYTES,
    BUSY_BYTES_PER_S,
    POLL_S,
    REST_S_MAX,
    SHARE_BEHIND,
    SHARE_BUSY,
    SHARE_IDLE,
)
from trackway.compaction.pace import Pace


class _Progress:
    """A journal whose clock and growth a test decides."""

    def __init__(self) -> None:
        self.synced = self.loaded = 1000
        self.now_s = 5.0

    def ends(self) -> tuple[int, ...]:
        return (self.synced,)

    def appended_bytes(self, since: tuple[int, ...]) -> int:
        return self.synced - since[0]

    def lags(self) -> list[int]:
        return [self.synced - self.loaded]

    def send(self, bytes: float, seconds: float, *, loaded: bool = True) -> None:
        self.now_s += seconds
        self.synced += int(bytes)
        self.loaded = self.synced if loaded else self.loaded


@pytest.fixture
def progress() -> Any:
    return _Progress()


def _pace(progress: Any) -> Pace:
    return Pace(progress, lambda: progress.now_s)


def test_it_works_most_when_nobody_sends_and_least_while_the_loader_is_behind(progress: Any) -> None:
    made = _pace(progress)
    assert made.share() == SHARE_IDLE
    progress.send(BUSY_BYTES_PER_S * 2 * POLL_S, POLL_S)
    assert made.share() == SHARE_BUSY
    progress.send(BEHIND_BYTES + 1, POLL_S, loaded=False)
    assert made.share() == SHARE_BEHIND
    progress.send(0, POLL_S)
    assert made.share() == SHARE_IDLE


def test_few_events_and_a_short_burst_keep_it_from_nothing(progress: Any) -> None:
    made = _pace(progress)
    progress.send(BUSY_BYTES_PER_S * POLL_S / 2, POLL_S)
    assert made.share() == SHARE_IDLE
    progress.send(BUSY_BYTES_PER_S / 100, POLL_S / 1000)  # too short to measure
    assert made.share() == SHARE_IDLE


def test_what_is_sent_during_a_long_step_counts_as_sent_in_all_of_its_time(progress: Any) -> None:
    made = _pace(progress)
    progress.send(BUSY_BYTES_PER_S * 30, 60)
    assert made.share() == SHARE_IDLE
    progress.send(BUSY_BYTES_PER_S * 90, 60)
    assert made.share() == SHARE_BUSY


def test_a_rest_keeps_to_the_share_is_bounded_and_gets_shorter_when_the_others_are_done(progress: Any) -> None:
    made = _pace(progress)
    progress.send(BUSY_BYTES_PER_S * 2 * POLL_S, POLL_S)
    assert made.rest_s(2.0) == pytest.approx(2.0 / SHARE_BUSY - 2.0)
    assert made.rest_s(1000.0) == REST_S_MAX
    progress.send(0, POLL_S)
    assert made.rest_s(2.0) == pytest.approx(2.0 / SHARE_IDLE - 2.0)
