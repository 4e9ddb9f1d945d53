"""How today compares with the same share of yesterday."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from trackway.query.reports.top_events import Moment, percent_change
from trackway.query.sql.days import Days


def moment(text: str, zone: str) -> Moment:
    return Moment(Days(zone), round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000))


@pytest.mark.parametrize(
    ("amount", "yesterday", "change"),
    [(2, 4, -0.35635745999582824), (75, 121, -0.20209602478821687), (2, 0, 1)],
)
def test_the_published_changes_at_18_38_38(amount: int, yesterday: int, change: float) -> None:
    assert percent_change(amount, yesterday, 67_118, 86_400) == pytest.approx(change, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "zone", "elapsed"),
    [
        ("2026-07-01T18:38:38", "UTC", (67_118, 86_400)),
        ("2026-03-29T12:00:00", "Europe/Berlin", (11 * 3600, 23 * 3600)),
        ("2026-10-25T12:00:00", "Europe/Berlin", (13 * 3600, 25 * 3600)),
        ("2026-07-01T00:00:00", "Asia/Tokyo", (1, 86_400)),
    ],
)
def test_a_day_has_23_24_or_25_hours(text: str, zone: str, elapsed: tuple[int, int]) -> None:
    assert moment(text, zone).elapsed == elapsed


def test_the_day_is_that_of_the_project() -> None:
    night = round(datetime(2026, 7, 1, 22, tzinfo=UTC).timestamp() * 1000)
    assert Moment(Days("Europe/Berlin"), night).day.isoformat() == "2026-07-02"
