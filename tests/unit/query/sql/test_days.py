"""Days of a time zone: where they begin, which bucket an instant is in, and which buckets a range has."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from trackway.query.sql.days import MONDAY, SUNDAY, UTC_DAYS, Days, Unit

DAY = timedelta(days=1)
HOUR_MS = 3_600_000


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def hours(zone: str, day: date) -> float:
    from_ms, before_ms = Days(zone).bounds_ms(day, day)
    return (before_ms - from_ms) / HOUR_MS


def test_a_day_of_utc_lasts_from_midnight_to_midnight() -> None:
    assert UTC_DAYS.bounds_ms(date(2026, 1, 31), date(2026, 2, 1)) == (ms("2026-01-31"), ms("2026-02-02"))


@pytest.mark.parametrize(
    ("zone", "day", "begin", "length"),
    [
        ("Asia/Kolkata", date(2026, 5, 1), "2026-04-30T18:30", 24),
        ("America/New_York", date(2026, 3, 8), "2026-03-08T05:00", 23),
        ("America/New_York", date(2026, 11, 1), "2026-11-01T04:00", 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), "2026-04-04T13:00", 24.5),
        # There is no midnight: the clocks go from 23:59:59 to 1:00.
        ("America/Santiago", date(2026, 9, 6), "2026-09-06T04:00", 23),
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00", 23),
        # Midnight comes twice.
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00", 25),
        # The clocks went from 0:00:59 back to 23:01 of the day before.
        ("America/St_Johns", date(2010, 11, 7), "2010-11-07T02:30", 25),
        # Samoa had no such day.
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00", 0),
    ],
)
def test_a_day_begins_when_the_clocks_first_show_it(zone: str, day: date, begin: str, length: float) -> None:
    assert Days(zone).start_ms(day) == ms(begin)
    assert hours(zone, day) == length


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Africa/Casablanca", "America/St_Johns", "Pacific/Apia"])
def test_every_instant_belongs_to_the_day_whose_bounds_hold_it(zone: str) -> None:
    days = Days(zone)
    for number in range(2 * 365):
        day = date(2010, 6, 1) + number * DAY
        from_ms, before_ms = days.bounds_ms(day, day)
        for time_ms in {from_ms, (from_ms + before_ms) // 2, before_ms - 1} if from_ms < before_ms else ():
            assert days.day_of(time_ms) == day


def test_the_clocks_show_what_the_zone_says() -> None:
    for hour in range(0, 3 * 365 * 24, 7):
        time_ms = ms("2024-12-30T23:30:01.250") + hour * HOUR_MS
        shown = datetime.fromtimestamp(time_ms / 1000, ZoneInfo("Europe/London")).replace(tzinfo=None)
        assert Days("Europe/London").local(time_ms) == shown


def test_weeks_begin_on_the_day_of_the_project() -> None:
    saturday, sunday = date(2026, 11, 28), date(2026, 11, 29)
    assert [Days(week_start=MONDAY).first_day(Unit.WEEK, day) for day in (saturday, sunday)] == [date(2026, 11, 23)] * 2
    assert Days(week_start=SUNDAY).first_day(Unit.WEEK, saturday) == date(2026, 11, 22)
    assert Days(week_start=SUNDAY).first_day(Unit.WEEK, sunday) == sunday


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (Unit.DAY, ["2026-08-30", "2026-08-31", "2026-09-01"]),
        (Unit.WEEK, ["2026-08-24", "2026-08-31"]),
        (Unit.MONTH, ["2026-08-01", "2026-09-01"]),
    ],
)
def test_the_first_bucket_may_begin_before_the_range(unit: Unit, expected: list[str]) -> None:
    assert UTC_DAYS.buckets(unit, date(2026, 8, 30), date(2026, 9, 1)) == expected


@pytest.mark.parametrize(
    ("zone", "day", "missing"),
    [
        ("America/New_York", date(2026, 3, 8), {2}),
        ("America/New_York", date(2026, 11, 1), set()),
        ("America/Santiago", date(2026, 9, 6), {0}),
        ("Australia/Lord_Howe", date(2026, 10, 4), set()),
        ("Asia/Kolkata", date(2026, 3, 8), set()),
    ],
)
def test_hours_are_those_that_the_clocks_show(zone: str, day: date, missing: set[int]) -> None:
    expected = [f"{day} {hour:02}:00:00" for hour in range(24) if hour not in missing]
    assert Days(zone).buckets(Unit.HOUR, day, day) == expected


def test_minutes_are_listed_with_their_hour() -> None:
    found = Days("Asia/Kathmandu").buckets(Unit.MINUTE, date(2026, 1, 1), date(2026, 1, 1))
    assert (len(found), found[0], found[-1]) == (1440, "2026-01-01 00:00:00", "2026-01-01 23:59:00")


@pytest.mark.parametrize(
    ("zone", "shown", "first", "last"),
    [
        ("UTC", "2026-05-01T12:00", "2026-05-01T12:00", "2026-05-01T12:00"),
        ("Asia/Kathmandu", "2026-05-01T00:00", "2026-04-30T18:15", "2026-04-30T18:15"),
        ("Europe/Berlin", "2026-10-25T01:59", "2026-10-24T23:59", "2026-10-24T23:59"),
        # Shown twice.
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30", "2026-10-25T01:30"),
        ("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00", "2026-10-25T02:00"),
        # Skipped.
        ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00", "2026-03-29T01:00"),
        ("America/Santiago", "2026-09-06T00:00", "2026-09-06T04:00", "2026-09-06T04:00"),
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00", "2011-12-30T10:00"),
    ],
)
def test_instants_of_what_the_clocks_show(zone: str, shown: str, first: str, last: str) -> None:
    assert Days(zone).instants_ms(datetime.fromisoformat(shown)) == (ms(first), ms(last))
