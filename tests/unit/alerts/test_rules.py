"""When an alert begins and ends, by what is known."""

import pytest

from trackway.alerts.rules import change_of, quiet, rejected, report_value
from trackway.projects.alert_condition import Quiet, Rejected, ReportValue

MINUTE_MS = 60_000
NOON_MS = 1_764_504_000_000
NOON_S = NOON_MS // 1000


@pytest.mark.parametrize(
    ("watched_min", "latest_min", "holds"),
    [
        (60, None, True),
        (30, None, True),
        (29.99, None, False),
        (60, 31, True),  # the minute of the last event ended 30 minutes ago
        (60, 30, False),
        (60, 0, False),
        (10, 60, False),  # what was before the alert is not its matter
    ],
)
def test_silence_counts_from_the_last_event_and_from_the_alert_at_the_earliest(
    watched_min: float, latest_min: int | None, holds: bool
) -> None:
    watched_from_ms = NOON_MS - int(watched_min * MINUTE_MS)
    latest_s = None if latest_min is None else NOON_S - latest_min * 60
    assert quiet(Quiet(30), watched_from_ms, latest_s, NOON_MS).holds is holds


def test_silence_names_the_last_event() -> None:
    assert quiet(Quiet(30), 0, NOON_S - 3600, NOON_MS).observed == "the last event came in at 2025-11-30 11:00 UTC"
    assert quiet(Quiet(30), 0, None, NOON_MS).observed == "no event came in in that time"  # one may have, long ago


@pytest.mark.parametrize(
    ("received", "wrong", "holds"),
    [(0, 0, False), (99, 99, False), (100, 5, False), (100, 6, True), (1000, 50, False), (1000, 51, True)],
)
def test_rejected_records_count_by_their_part_of_enough_records(received: int, wrong: int, holds: bool) -> None:
    assert rejected(Rejected(5, 10, 100), received, wrong).holds is holds


def test_one_rejected_record_is_above_no_percent() -> None:
    assert rejected(Rejected(0, 10, 1), 1000, 1) == (True, "1 of 1000 records were rejected (0.1 %)")


@pytest.mark.parametrize(
    ("side", "figures", "holds", "named"),
    [
        ("above", {"A": 10.0}, False, "A is 10"),
        ("above", {"A": 10.5}, True, "A is 10.5"),
        ("below", {"A": 10.0}, False, "A is 10"),
        ("below", {"A": 9.0}, True, "A is 9"),
        ("above", {"A": 3, "B": 12, "C": None}, True, "B is 12"),
        ("below", {"A": 3, "B": 12, "C": None}, True, "A is 3"),
        ("below", {"A": 30, "B": 12}, False, "B is 12"),
    ],
)
def test_one_series_of_a_report_is_enough(side: str, figures: dict[str, float | None], holds: bool, named: str) -> None:
    condition = ReportValue(7, "above" if side == "above" else "below", 10)
    assert report_value(condition, figures, "29 Nov 2025") == (holds, f"{named} (29 Nov 2025)")


@pytest.mark.parametrize("figures", [{}, {"A": None}])
def test_a_report_without_figures_is_unknown(figures: dict[str, float | None]) -> None:
    assert report_value(ReportValue(7, "below", 10), figures, "29 Nov 2025").holds is None


@pytest.mark.parametrize(
    ("is_firing", "holds", "change"),
    [
        (False, False, None),
        (False, True, "firing"),
        (True, True, None),
        (True, False, "resolved"),
        (False, None, None),
        (True, None, None),
    ],
)
def test_only_a_change_is_told_and_the_unknown_changes_nothing(
    is_firing: bool, holds: bool | None, change: str | None
) -> None:
    assert change_of(is_firing, holds) == change
