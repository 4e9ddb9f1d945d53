"""How long data is kept: what people write, and the first instant that a retention keeps."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.domain.data_age import (
    FOREVER,
    check_retention,
    first_kept_ms,
    in_days,
    is_shorter,
    next_day_ms,
    read_retention,
    retention_text,
    shown_retention,
)
from trackway.domain.errors import InvalidInput

DAY_MS = 86_400_000


@pytest.mark.parametrize(("text", "days"), [("1", 1), (" 30 ", 30), ("36500", 36_500), ("Forever", FOREVER)])
def test_a_retention_is_a_number_of_days_or_a_word(text: str, days: int) -> None:
    assert read_retention(text, "event_retention") == days
    assert read_retention(retention_text(days), "event_retention") == days


@pytest.mark.parametrize("text", ["0", "-1", "36501", "30d", "1.5", "", "never", "٣"])
def test_other_texts_are_refused_with_the_bounds(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"event_retention must be 1 to 36500 days, or forever, not "):
        read_retention(text, "event_retention")


def test_a_number_out_of_bounds_is_refused() -> None:
    with pytest.raises(InvalidInput, match="must be 1 to 36500 days, or forever, not -3"):
        check_retention(-3, "profile_retention")


def test_texts() -> None:
    assert [in_days(days) for days in (FOREVER, 1, 30)] == ["forever", "1 day", "30 days"]
    assert [shown_retention(days) for days in (None, FOREVER, 30)] == [None, "forever", 30]


def test_a_retention_is_shorter_if_it_deletes_what_another_keeps() -> None:
    assert is_shorter(30, FOREVER)
    assert is_shorter(30, 31)
    assert not is_shorter(FOREVER, 30)
    assert not is_shorter(FOREVER, FOREVER)
    assert not is_shorter(30, 30)


def test_forever_keeps_all() -> None:
    assert first_kept_ms(FOREVER, "Asia/Kolkata", 1_760_000_000_000) == 0


@given(
    st.integers(1, 36_500),
    st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.integers(946_684_800_000, 4_102_444_800_000),
)
def test_whole_days_of_the_zone_are_kept_and_no_more(days: int, zone: str, now_ms: int) -> None:
    since_ms = first_kept_ms(days, zone, now_ms)
    assert not since_ms or since_ms <= now_ms - days * DAY_MS + 2 * 3_600_000, (
        "n times 24 hours, but for a change of clocks"
    )
    if since_ms:
        first = datetime.fromtimestamp(since_ms / 1000, ZoneInfo(zone)).date()
        today = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(zone)).date()
        assert first == today - timedelta(days=days)
        before = datetime.fromtimestamp((since_ms - 1) / 1000, ZoneInfo(zone)).date()
        assert before < first
        assert first_kept_ms(days, zone, next_day_ms(zone, now_ms)) > since_ms
        assert first_kept_ms(days, zone, next_day_ms(zone, now_ms) - 1) == since_ms


def test_a_time_zone_that_is_unknown_counts_as_utc() -> None:
    now_ms = int(datetime(2026, 5, 10, 12, tzinfo=UTC).timestamp() * 1000)
    expected = int(datetime(2026, 5, 7, tzinfo=UTC).timestamp() * 1000)
    assert first_kept_ms(3, "Mars/Olympus", now_ms) == expected
