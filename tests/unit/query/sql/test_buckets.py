"""The last so many units up to an instant."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from trackway.query.sql.buckets import Buckets, latest
from trackway.query.sql.days import SUNDAY, Days, Unit

BERLIN = "Europe/Berlin"


def instant_ms(text: str, fold: int = 0) -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN), fold=fold)
    return round(local.timestamp() * 1000)


@pytest.mark.parametrize(
    ("unit", "count", "now", "keys"),
    [
        (Unit.DAY, 3, "2026-03-01T00:00", ["2026-02-27", "2026-02-28", "2026-03-01"]),
        (Unit.WEEK, 2, "2026-03-01T12:00", ["2026-02-22", "2026-03-01"]),
        (Unit.MONTH, 3, "2026-01-31T12:00", ["2025-11-01", "2025-12-01", "2026-01-01"]),
        (Unit.HOUR, 3, "2026-03-01T01:59:59", ["2026-02-28 23:00:00", "2026-03-01 00:00:00", "2026-03-01 01:00:00"]),
        (Unit.MINUTE, 2, "2026-03-01T00:00:30", ["2026-02-28 23:59:00", "2026-03-01 00:00:00"]),
        # 2:00 is skipped, and in autumn shown twice
        (Unit.HOUR, 2, "2026-03-29T03:30", ["2026-03-29 01:00:00", "2026-03-29 03:00:00"]),
        (Unit.HOUR, 2, "2026-10-25T03:30", ["2026-10-25 02:00:00", "2026-10-25 03:00:00"]),
    ],
)
def test_keys(unit: Unit, count: int, now: str, keys: list[str]) -> None:
    assert latest(Days(BERLIN, SUNDAY), unit, count, instant_ms(now)).keys() == keys


def test_hours_begin_and_end_where_the_clocks_show_them() -> None:
    one = latest(Days(BERLIN), Unit.HOUR, 1, instant_ms("2026-03-29T03:30"))
    assert one.bounds_ms == (instant_ms("2026-03-29T03:00"), instant_ms("2026-03-29T04:00"))
    both = latest(Days(BERLIN), Unit.HOUR, 1, instant_ms("2026-10-25T02:30", fold=1))
    assert both.bounds_ms == (instant_ms("2026-10-25T02:00"), instant_ms("2026-10-25T03:00"))
    assert both.bounds_ms[1] - both.bounds_ms[0] == 2 * 3_600_000


@pytest.mark.parametrize(
    ("zone", "unit", "from_date", "is_by_hour"),
    [
        ("UTC", Unit.DAY, "2025-03-30", True),
        ("UTC", Unit.MINUTE, "2025-03-30", False),
        (BERLIN, Unit.DAY, "2025-03-30", True),  # 23 hours
        (BERLIN, Unit.HOUR, "2025-10-26", True),
        ("Asia/Kolkata", Unit.MONTH, "2025-03-30", False),
        ("Asia/Kathmandu", Unit.HOUR, "2025-03-30", False),
        ("Australia/Lord_Howe", Unit.DAY, "2025-01-01", True),  # 11 hours from UTC
        ("Australia/Lord_Howe", Unit.DAY, "2025-04-06", False),  # 10:30 from then on
        ("Asia/Riyadh", Unit.DAY, "1971-01-01", True),
        ("America/St_Johns", Unit.DAY, "2011-03-13", False),  # changed a minute after midnight
    ],
)
def test_whether_an_hour_of_utc_is_of_one_bucket(zone: str, unit: Unit, from_date: str, is_by_hour: bool) -> None:
    day = date.fromisoformat(from_date)
    assert Buckets(Days(zone), day, day, unit).is_by_hour == is_by_hour
