"""The filter of the Events page: its times are those of the project's clocks."""

from datetime import UTC, datetime

import pytest
from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.query.sql.days import UTC_DAYS, Days
from trackway.web.event_form import read_chosen


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def bounds(days: Days, **query: str) -> tuple[int | None, int | None]:
    wanted = read_chosen(QueryParams(query), days).wanted
    return wanted.from_ms, wanted.before_ms


def test_times_are_those_of_the_projects_zone() -> None:
    query = {"begin": "2026-11-23T00:00", "end": "2026-11-24T00:00"}
    assert bounds(UTC_DAYS, **query) == (ms("2026-11-23"), ms("2026-11-24"))
    assert bounds(Days("Asia/Kathmandu"), **query) == (ms("2026-11-22T18:15"), ms("2026-11-23T18:15"))
    assert bounds(Days("America/New_York"), **query) == (ms("2026-11-23T05:00"), ms("2026-11-24T05:00"))
    assert bounds(Days("Asia/Kathmandu"), begin=query["begin"]) == (ms("2026-11-22T18:15"), None)
    assert bounds(Days("Asia/Kathmandu"), end=query["end"]) == (None, ms("2026-11-23T18:15"))


def test_an_hour_that_the_clocks_show_twice_is_meant_whole() -> None:
    query = {"begin": "2026-10-25T02:00", "end": "2026-10-25T02:59"}
    assert bounds(Days("Europe/Berlin"), **query) == (ms("2026-10-25T00:00"), ms("2026-10-25T01:59"))


def test_a_time_with_an_offset_is_that_instant_in_every_zone() -> None:
    for days in (UTC_DAYS, Days("Pacific/Kiritimati")):
        assert bounds(days, begin="2026-11-23T01:00+01:00") == (ms("2026-11-23"), None)


@pytest.mark.parametrize("text", ["soon", "0001-01-01T00:00", "9999-12-31T23:59", "2026-13-01T00:00", "2026"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="begin must be a time such as"):
        bounds(Days("Pacific/Kiritimati"), begin=text)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("text", ["1970-01-01T00:00", "2199-12-31T23:59"])
def test_first_and_last_time_that_may_be_asked_for(zone: str, text: str) -> None:
    begin_ms, _ = bounds(Days(zone), begin=text)
    assert begin_ms is not None and abs(begin_ms - ms(text)) < 15 * 3_600_000
