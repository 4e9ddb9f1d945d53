"""The SQL that sorts times into buckets gives the buckets that Python lists, whatever the clocks do."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from trackway.query.sql.days import SUNDAY, Days, Unit
from trackway.store.client import Store

pytestmark = pytest.mark.one_machine  # it reads no table
WEEKS = {
    "UTC": date(2026, 3, 8),
    "America/New_York": date(2026, 11, 1),
    "America/Santiago": date(2026, 9, 6),
    "America/Havana": date(2026, 11, 1),
    "America/St_Johns": date(2010, 11, 7),
    "Asia/Kathmandu": date(2026, 5, 1),
    # chdb-core-lite 26.5.0: toStartOfHour is wrong on these days, see findings/start-of-hour-in-half-hour-zones.sh.
    "Australia/Lord_Howe": date(2026, 10, 4),
    "Australia/LHI": date(2026, 4, 5),
    "Pacific/Chatham": date(2026, 9, 27),
    "Pacific/Apia": date(2011, 12, 30),
    # chdb-core-lite 26.5.0: timeZoneOffset is off by 24 hours since this zone crossed the date line, see
    # findings/time-zone-across-the-date-line.sh.
    "Pacific/Kiritimati": date(2026, 6, 15),
}
"""A day of each zone, at which most of them change their clocks. Australia/LHI is another name of Lord Howe."""


@pytest.mark.parametrize("unit", list(Unit))
@pytest.mark.parametrize("zone", WEEKS)
def test_each_time_of_some_days_is_in_a_listed_bucket(store: Store, zone: str, unit: Unit) -> None:
    days, day = Days(zone, SUNDAY), WEEKS[zone]
    from_date, to_date = day.replace(day=max(day.day - 2, 1)), day.replace(day=min(day.day + 1, 30))
    from_ms, before_ms = days.bounds_ms(from_date, to_date)
    parameters: dict[str, Any] = {"from": from_ms, "minutes": (before_ms - from_ms) // 60_000}
    bucket = days.bucket_sql(unit, from_date, to_date, parameters)
    times = "fromUnixTimestamp64Milli({from:Int64} + number * 60000 + 59999, 'UTC') AS time"
    found = store.query(
        f"SELECT toString({bucket}) AS key, min(number), max(number), count() "
        f"FROM (SELECT number, {times} FROM numbers({{minutes:UInt64}})) GROUP BY key ORDER BY key",
        parameters,
    )
    skipped = {date(2011, 12, 30).isoformat()} if (zone, unit) == ("Pacific/Apia", Unit.DAY) else set()
    assert [row[0] for row in found] == [key for key in days.buckets(unit, from_date, to_date) if key not in skipped]
    for key, first, last, _ in found:
        for minute in (first, last):
            local = days.local(from_ms + minute * 60_000 + 59_999)
            assert key == key_of(days, unit, local)
    assert sum(row[3] for row in found) == parameters["minutes"]


def key_of(days: Days, unit: Unit, local: datetime) -> str:
    match unit:
        case Unit.MINUTE:
            return f"{local:%Y-%m-%d %H:%M:00}"
        case Unit.HOUR:
            return f"{local:%Y-%m-%d %H:00:00}"
    return days.first_day(unit, local.date()).isoformat()


def test_buckets_of_many_years_bind_arrays_of_offsets(store: Store) -> None:
    days, parameters = Days("Europe/Berlin"), {"at": int(datetime(2019, 7, 1, 22, tzinfo=UTC).timestamp())}
    bucket = days.bucket_sql(Unit.DAY, date(2001, 1, 1), date(2026, 12, 31), parameters, "at")
    sql = f"SELECT toString({bucket}) FROM (SELECT toDateTime({{at:UInt32}}, 'UTC') AS at)"
    assert store.query(sql, parameters) == [("2019-07-02",)]
